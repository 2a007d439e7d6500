"""Operators in Telegram, through a real host into real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.host_lab import HostLab
from tests.integration.office import BOSS, Office
from tests.integration.shop import open_shop

CUSTOMER, ANN, BORIS = 5, 101, 102


@pytest.fixture
async def office(database: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_shop(database, tmp_path) as shop:
        lab = HostLab(shop)
        async with lab.running(lab.host()):
            yield await Office.open(lab)


async def test_a_code_makes_a_chat_an_operators_and_nothing_of_it_reaches_the_agent(office: Office) -> None:
    await office.says(ANN, "delivery?")
    ann = await office.operator("Ann", ANN)
    assert (await office.heard(ANN))[-1].startswith("Done, Ann: this chat is yours.")
    await office.says(ANN, "delivery?")
    assert "reply to one of their messages" in (await office.heard(ANN))[-1]
    assert await office.messages(ANN) == [("customer", "delivery?"), ("agent", "Tomorrow")]  # from before
    found = await office.links.find(office.tenant_id, ann)
    assert found is not None
    assert (found.chat, found.agent, found.username) == ("Ivan", "Agent", "shop_bot")


async def test_a_code_works_once_and_not_for_long(office: Office) -> None:
    ann = await office.hire("Ann")
    old, _ = await office.links.issue(office.tenant_id, ann, BOSS)
    new, _ = await office.links.issue(office.tenant_id, ann, BOSS)
    await office.says(ANN, old)
    await office.says(ANN, new)
    await office.says(BORIS, new)
    late, _ = await office.links.issue(office.tenant_id, ann, BOSS)
    await office.lab.shop.owner.execute("update operator_codes set expires_at = now() - interval '1 second'")
    await office.says(BORIS, f"/start {late}")
    assert ["This code does not work" in text for text in await office.heard(ANN)] == [True, False]
    assert ["This code does not work" in text for text in await office.heard(BORIS)] == [True, True]
    assert await office.messages(BORIS) == []  # a code is no question to the agent


async def test_wrong_codes_are_counted_per_chat(office: Office) -> None:
    ann = await office.hire("Ann")
    for _ in range(5):
        await office.says(ANN, "/start op_AAAAAAAAAA")
    right, _ = await office.links.issue(office.tenant_id, ann, BOSS)
    await office.says(ANN, right)
    assert "Too many wrong codes" in (await office.heard(ANN))[-1]
    await office.says(BORIS, right)
    assert "Done, Ann" in (await office.heard(BORIS))[-1]


async def test_viewers_and_people_who_left_are_no_operators(office: Office) -> None:
    viewer = await office.hire("Vera", "viewer")
    code, _ = await office.links.issue(office.tenant_id, viewer, BOSS)
    await office.says(ANN, code)
    assert "This code does not work" in (await office.heard(ANN))[-1]
    boris = await office.operator("Boris", BORIS)
    await office.says(CUSTOMER, "human")
    await office.lab.shop.owner.execute("update users set removed_at = now() where id = $1", boris)
    about = await office.conversation(CUSTOMER)
    await office.presses(BORIS, f"op:take:{about}")
    assert "belongs to no operator" in (await office.heard(BORIS))[-1]
    assert await office.control(CUSTOMER) == "waiting"
    await office.says(BORIS, "delivery?")  # an ordinary chat again
    assert (await office.heard(BORIS))[-1] == "Tomorrow"


async def test_a_handoff_is_shown_once_with_the_last_messages_and_buttons(office: Office) -> None:
    await office.operator("Ann", ANN, "ru")
    await office.says(CUSTOMER, "delivery?", "Пётр")
    await office.says(CUSTOMER, "human", "Пётр")
    await office.asked_meanwhile()
    (notice,) = [body for body in await office.bodies(ANN) if "about" in body]
    assert notice["text"].startswith("Пётр ждёт человека.")
    assert notice["text"].count("👤") == notice["text"].count("🤖") == 2
    about = await office.conversation(CUSTOMER)
    assert [[b["data"] for b in row] for row in notice["buttons"]] == [[f"op:take:{about}", f"op:back:{about}"]]


async def test_take_answer_and_give_back(office: Office) -> None:
    await office.operator("Ann", ANN)
    await office.says(CUSTOMER, "human")
    await office.handoffs.advance(10)
    about = await office.conversation(CUSTOMER)
    await office.presses(ANN, f"op:take:{about}")
    assert await office.control(CUSTOMER) == "human"
    await office.says(CUSTOMER, "are you there? delivery?")
    assert (await office.heard(ANN))[-1] == "👤 Ivan: are you there? delivery?"
    await office.answers(ANN, about, "Yes, I am Ann")
    assert (await office.messages(CUSTOMER))[-1] == ("operator", "Yes, I am Ann")
    assert (await office.heard(CUSTOMER))[-1] == "Yes, I am Ann"
    await office.presses(ANN, f"op:back:{about}")
    assert await office.control(CUSTOMER) == "bot"
    await office.says(CUSTOMER, "delivery?")
    assert (await office.heard(CUSTOMER))[-1] == "Tomorrow"
    assert "answers Ivan again" in (await office.heard(ANN))[-1]


async def test_a_reply_takes_what_nobody_has(office: Office) -> None:
    await office.operator("Ann", ANN)
    await office.says(CUSTOMER, "human")
    await office.handoffs.advance(10)
    await office.answers(ANN, await office.conversation(CUSTOMER), "Hello")
    assert await office.control(CUSTOMER) == "human"
    assert (await office.heard(CUSTOMER))[-1] == "Hello"
    assert await office.activity("conversation.taken") == [{"by": "Ann", "was": "waiting", "withdrawn": 1}]


async def test_what_another_has_is_said_to_be_theirs(office: Office) -> None:
    await office.operator("Ann", ANN)
    await office.operator("Boris", BORIS)
    await office.says(CUSTOMER, "human")
    await office.handoffs.advance(10)
    await office.later()  # now both were asked
    about = await office.conversation(CUSTOMER)
    await office.store(office.press(ANN, f"op:take:{about}"))
    await office.presses(BORIS, f"op:take:{about}")
    await office.answers(BORIS, about, "I am Boris")
    await office.presses(BORIS, f"op:back:{about}")
    assert (await office.heard(BORIS))[-3:] == ["Ann has this conversation."] * 3
    assert ("operator", "I am Boris") not in await office.messages(CUSTOMER)
    assert await office.control(CUSTOMER) == "human"


async def test_a_stranger_and_another_company_can_do_nothing(office: Office) -> None:
    await office.says(CUSTOMER, "human")
    about = await office.conversation(CUSTOMER)
    await office.presses(66, f"op:take:{about}")
    assert "belongs to no operator" in (await office.heard(66))[-1]
    other = await Office.open_elsewhere(office.lab)
    await other.operator("Eve", 900)
    await other.presses(900, f"op:take:{about}")
    assert (await other.heard(900))[-1] == "There is no such conversation any more."
    assert await office.control(CUSTOMER) == "waiting"
    await other.handoffs.advance(10)
    assert not [body for body in await other.bodies(900) if "about" in body]


async def test_nobody_takes_it(office: Office) -> None:
    await office.operator("Ann", ANN)
    await office.operator("Boris", BORIS)
    await office.says(CUSTOMER, "human")
    await office.handoffs.advance(10)
    await office.handoffs.advance(10)
    assert await office.activity("handoff.overdue") == []
    for _ in range(4):
        await office.later()
    overdue = await office.activity("handoff.overdue")
    assert [(o["asked"], o["times"]) for o in overdue] == [("Ann", 1), ("Boris", 2)]
    assert [text for text in await office.heard(CUSTOMER) if text == "Soon"] == ["Soon"]
    assert [len([b for b in await office.bodies(chat) if "about" in b]) for chat in (ANN, BORIS)] == [1, 1]
    assert "still waits" in (await office.heard(BORIS))[-1]
    await office.operator("Cleo", 103)  # who comes later is asked about those who still wait
    await office.handoffs.advance(10)
    assert "still waits" in (await office.heard(103))[-1]
    await office.presses(103, f"op:take:{await office.conversation(CUSTOMER)}")
    await office.later()
    assert len(await office.activity("handoff.overdue")) == 2


async def test_without_operators_the_customer_is_told_once(office: Office) -> None:
    await office.says(CUSTOMER, "human")
    await office.handoffs.advance(10)
    for _ in range(3):
        await office.later()
    assert len(await office.activity("handoff.overdue")) == 1
    assert [text for text in await office.heard(CUSTOMER) if text == "Soon"] == ["Soon"]


async def test_a_dead_letter_reaches_whoever_has_the_conversation(office: Office) -> None:
    await office.operator("Ann", ANN)
    await office.operator("Boris", BORIS)
    await office.says(CUSTOMER, "human")
    about = await office.conversation(CUSTOMER)
    await office.presses(BORIS, f"op:take:{about}")
    broken = office.text(CUSTOMER, "x", reply_to_message=None, message_id="no number")
    await office.store(broken)
    await office.asked_meanwhile()
    assert "could not be handled" in (await office.heard(BORIS))[-1]
    assert not [text for text in await office.heard(ANN) if "could not be handled" in text]


async def test_files_and_silence_are_not_passed_on(office: Office) -> None:
    await office.operator("Ann", ANN)
    await office.says(CUSTOMER, "human")
    await office.handoffs.advance(10)
    about = await office.conversation(CUSTOMER)
    picture = await office.answer(ANN, about, "")
    raw = picture.raw.replace(b'"text": ""', b'"photo": [{"file_id": "f"}]')
    await office.store(type(picture)(picture.tenant_id, picture.address, picture.kind, picture.dedupe_key, raw))
    assert "Only text can be passed on" in (await office.heard(ANN))[-1]
    assert await office.control(CUSTOMER) == "waiting"


async def test_unlinking_makes_it_an_ordinary_chat(office: Office) -> None:
    ann = await office.operator("Ann", ANN)
    assert await office.links.unlink(office.tenant_id, ann, BOSS)
    assert not await office.links.unlink(office.tenant_id, ann, BOSS)
    await office.says(ANN, "delivery?")
    assert (await office.heard(ANN))[-1] == "Tomorrow"


async def test_who_is_away_is_not_asked(office: Office) -> None:
    ann = await office.operator("Ann", ANN)
    assert await office.links.set_available(office.tenant_id, ann, False)
    await office.says(CUSTOMER, "human")
    await office.handoffs.advance(10)
    assert not [body for body in await office.bodies(ANN) if "about" in body]
    await office.later()
    assert await office.links.set_available(office.tenant_id, ann, True)
    await office.handoffs.advance(10)
    assert [body for body in await office.bodies(ANN) if "about" in body]


async def test_a_rule_says_whose_a_conversation_is_and_they_are_asked_first(database: str, tmp_path: Path) -> None:
    mine = {"id": "mine", "trigger": {"on": "handed_off"}, "actions": [{"do": "assign", "user": "Boris@example.com"}]}
    async with open_shop(database, tmp_path) as shop:
        lab = HostLab(shop)
        async with lab.running(lab.host()):
            office = await Office.open(lab, [mine])
            await office.operator("Ann", ANN)  # linked first: asked first otherwise
            boris = await office.operator("Boris", BORIS)
            await office.says(CUSTOMER, "human")
            await office.handoffs.advance(10)
            asked = [[body["about"] for body in await office.bodies(chat) if "about" in body] for chat in (ANN, BORIS)]
            assert asked == [[], [str(await office.conversation(CUSTOMER))]]
            await shop.owner.execute("update users set role = 'viewer' where id = $1", boris)
            await office.says(6, "human")
            await office.handoffs.advance(10)
            assert [body["about"] for body in await office.bodies(ANN) if "about" in body] == [str(await office.conversation(6))]
            told = await shop.owner.fetch(
                "select kind, data ->> 'to', data ->> 'reason' from activity_logs"
                " where data ->> 'rule' = 'mine' and kind <> 'rule.fired' order by id"
            )
    assert [tuple(row) for row in told] == [
        ("conversation.assigned", "Boris", None),
        ("rule.failed", None, "nobody with the address boris@example.com answers customers here"),
    ]


async def test_what_rules_tell_reaches_operators_once(database: str, tmp_path: Path) -> None:
    tells = {
        "id": "tells",
        "trigger": {"on": "message_received"},
        "actions": [{"do": "notify", "text": "{contact.name} asks: {message.text}"}],
    }
    async with open_shop(database, tmp_path) as shop:
        lab = HostLab(shop)
        async with lab.running(lab.host()):
            office = await Office.open(lab, [{**tells, "lets_answer": True}])
            await office.says(6, "delivery?")  # nobody is linked: it is in the activity, and waits for nobody
            ann, _ = await office.operator("Ann", ANN), await office.operator("Boris", BORIS)
            await office.says(CUSTOMER, "delivery?")
            both = await asyncio.gather(*[office.handoffs.tell(10) for _ in range(4)])
            notices = [[body for body in await office.bodies(chat) if "about" in body] for chat in (ANN, BORIS)]
            about = str(await office.conversation(CUSTOMER))
            assert notices == [[{"text": "🔔 Ivan asks: delivery?\n👤 Ivan", "about": about}]] * 2
            assert sum(both) == 1
            await office.answers(BORIS, int(about), "I am here")  # an answer to it is one to the customer
            assert (await office.messages(CUSTOMER))[-1] == ("operator", "I am here")
            await shop.owner.execute("update conversations set control = 'bot', assigned_to = $2 where id = $1", int(about), ann)
            await office.says(CUSTOMER, "thank you")
            await office.handoffs.tell(10)
            heard = [len([text for text in await office.heard(chat) if text.startswith("🔔")]) for chat in (ANN, BORIS)]
            assert heard == [2, 1]  # it is Ann's now
            assert await shop.owner.fetchval("select count(*) from notices") == 0
