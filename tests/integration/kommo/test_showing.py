"""Conversations of a bot in Telegram are chats in Kommo, and managers answer there: the whole way, every process a real one."""

import asyncio

from tests.integration.gateway.visitor import Visitor, add_widget
from tests.integration.kommo.showing import TOKEN, Stage

ASKED = [("customer", "delivery?"), ("bot", "Tomorrow")]


async def test_the_whole_way_both_directions(stage: Stage) -> None:
    stage.begin("host", "sender", "sync")
    await stage.customer(6, "delivery before?")
    await stage.until_sent(6, ["Tomorrow"])
    await stage.connect()
    await stage.customer(7, "delivery?")
    await stage.until_shown(ASKED)  # and nothing of what was said before the channel was connected
    answer = await stage.manager("I am here")
    assert (answer["statuses"], answer["echo"]) == ([200], [200])
    await stage.until_sent(7, ["Tomorrow", "I am here"])
    await stage.settled()
    await stage.until_shown([*ASKED, ("manager", "I am here")])  # it is not shown there once more
    [entry] = stage.kommo.entries("status")
    assert (entry["id"], entry["code"]) == (answer["id"], 1)
    taken = await stage.owner.fetchval("select data->>'by' from activity_logs where kind = 'conversation.taken'")
    assert taken == "a person in Kommo", "hooks say no name, as Kommo documents them"
    assert await stage.owner.fetchval("select control || coalesce(held_by::text, '') from conversations where key = '7'") == "human"
    await stage.customer(7, "delivery again?")
    await stage.until_shown([*ASKED, ("manager", "I am here"), ("customer", "delivery again?")])
    await stage.settled()
    assert stage.sent(7) == ["Tomorrow", "I am here"], "the bot is silent"
    await _the_echo_is_ignored(stage)
    shown = await stage.desk.do("GET", stage.path)
    assert (shown["state"], shown["shown_chats"], shown["waiting_messages"]) == ("connected", 1, 0)
    assert shown["last_shown_at"]


async def _the_echo_is_ignored(stage: Stage) -> None:
    """The ordinary webhook told of the customer's messages and the manager's: nobody was answered twice, nothing became a message."""
    rows = await stage.owner.fetch(
        "select c.kind, c.control, (select count(*) from messages m where m.conversation_id = c.id) as messages,"
        " (select count(*) from inbox i where i.integration_id = c.integration_id and i.key = c.key and i.state = 'done') as inputs"
        " from conversations c join integrations g on g.id = c.integration_id where g.channel = 'kommo' and c.kind in ('chat', 'mirror')"
    )
    assert [tuple(row) for row in rows] == [("mirror", "bot", 0, 3)]
    listed = await stage.desk.do("GET", "/api/conversations")
    assert {item["channel"] for item in listed["items"]} == {"telegram"}


async def test_chats_keep_their_order(stage: Stage) -> None:
    stage.begin("host", "sender", "sync")
    await stage.connect()
    numbers = range(8)
    for n in numbers:
        await asyncio.gather(*(stage.customer(chat, f"{chat}: {n}") for chat in (21, 22, 23)))
    await stage.settled()
    for chat in await stage.chats():
        said = [m["text"] for m in chat["messages"] if m["side"] == "customer"]
        assert said == [f"{said[0][:2]}: {n}" for n in numbers]
    assert len(await stage.chats()) == 3


async def test_visitors_of_a_site_are_answered_from_kommo(stage: Stage) -> None:
    stage.begin("host", "sync")
    await stage.connect()
    visitor = Visitor(stage.gateway, (await add_widget(stage.gateway, stage.company))["token"])
    await visitor.begin()
    assert await visitor.write("delivery?", "1") < 300
    await stage.until_shown(ASKED)
    async with visitor.events() as stream:
        await stage.manager("I am here")
        async with asyncio.timeout(30):
            while (await stream.next())["text"] != "I am here":
                pass
    assert [message["text"] for message in await visitor.read()] == ["delivery?", "Tomorrow", "I am here"]
    await stage.settled()
    assert await stage.owner.fetchval("select count(*) from outbox") == 0
    assert [entry["code"] for entry in stage.kommo.entries("status")] == [1]


async def test_a_rule_on_a_lead_writes_to_the_customer_whose_chat_it_has(stage: Stage) -> None:
    stage.begin("host", "sender", "sync")
    await stage.connect()
    await stage.customer(7, "delivery?")
    await stage.until_shown(ASKED)
    [lead] = (await stage.kommo.control("look", account=1))["leads"]
    await stage.kommo.control("person-changes", account=1, kind="leads", id=lead["id"], status_id=142)
    await stage.until_sent(7, ["Tomorrow", "You have got it!"])
    await stage.until_shown([*ASKED, ("bot", "You have got it!")])


async def test_a_group_that_moved_goes_on_in_a_chat_of_its_own(stage: Stage) -> None:
    stage.begin("host", "sender", "sync")
    await stage.connect()
    await stage.customer(31, "delivery?")
    await stage.until_shown(ASKED)
    [before] = await stage.chats()
    await stage.telegram.control("moved", token=TOKEN, chat=31, to=32)
    await stage.customer(31, "delivery again?")
    await stage.until_sent(32, ["Tomorrow"])
    await stage.customer(32, "delivery there?")
    await stage.until_sent(32, ["Tomorrow", "Tomorrow"])
    await stage.settled()
    [after] = [chat for chat in await stage.chats() if chat["chat"] != before["chat"]]
    assert ("customer", "delivery there?") in [(m["side"], m["text"]) for m in after["messages"]]
    said = [m["msgid"] for chat in await stage.chats() for m in chat["messages"]]
    assert len(said) == len(set(said)) == 6, "each once, in one of the two"
    await stage.manager("I am here", chat=after["chat"])
    await stage.until_sent(32, ["Tomorrow", "Tomorrow", "I am here"])
    assert await stage.owner.fetchval("select count(*) from conversations where kind = 'mirror'") == 2, "neither chat's echo is answered"


async def test_who_writes_after_retention_goes_on_in_the_same_chat(stage: Stage) -> None:
    stage.begin("host", "sender", "sync")
    await stage.connect()
    await stage.customer(7, "delivery?")
    await stage.until_shown(ASKED)
    await stage.settled()
    await stage.owner.execute("update conversations set last_at = now() - interval '9 days'")
    await stage.until("conversations_forget((select tenant_id from kommo_channels), 8, 10) = 1")
    await stage.customer(7, "delivery again?")
    await stage.until_shown([*ASKED, ("customer", "delivery again?"), ("bot", "Tomorrow")])
    assert await stage.owner.fetchval("select count(*) from conversations where kind = 'mirror'") == 1
