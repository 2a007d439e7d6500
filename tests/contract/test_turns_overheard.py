"""TurnStore: what the company's side wrote in the channel is our own row or a person, whichever order things come in."""

from dataclasses import replace
from typing import Literal

import pytest

from actors.domain.ids import ConversationId, OutboxId
from actors.ports.carriers import Carrier
from actors.ports.outbox import Outcome
from actors.ports.turns import Overheard
from tests.contract.labs import Endpoint, Lab, RealLab, carrier, claim_ids, open_conversation, receive, turn

ANSWER = "Delivery is **tomorrow**!\nSee [prices](https://example.test)"
PLAIN = "Delivery is tomorrow! See prices (https://example.test)"  # as a channel shows it


class Chat:
    """A conversation whose bot said ANSWER."""

    def __init__(self, lab: Lab, shop: Endpoint, sender: Carrier, conversation: ConversationId) -> None:
        self.lab, self.shop, self.sender, self.conversation = lab, shop, sender, conversation
        self.version = 0

    @classmethod
    async def open(cls, lab: Lab, *texts: str) -> "Chat":
        shop, sender = await lab.endpoint(), await carrier(lab, "sender")
        chat = cls(lab, shop, sender, await open_conversation(lab, shop))
        await chat.says(*texts or (ANSWER,))
        return chat

    async def says(self, *texts: str) -> None:
        assert await self.lab.turns.commit([turn(self.shop, self.conversation, self.version, replies=texts, policy="once")], []) == [True]
        self.version += 1

    async def begins(self) -> OutboxId:
        (row,) = await claim_ids(self.lab, self.sender)
        assert await self.lab.outbox.begin(self.sender, [row]) == {row}
        return row

    async def ends(self, row: OutboxId, outcome: Literal["sent", "failed", "retry", "unknown"], provider_id: str | None = None) -> int:
        return await self.lab.outbox.finish(self.sender, [Outcome(row, outcome, provider_message_id=provider_id)])

    async def hears(self, message_id: str, text: str, by: Literal["person", "bot"] = "person", late_s: float = 0.0) -> None:
        (row,) = await receive(self.lab, self.shop, ["event"])
        at = self.lab.now() + late_s
        heard = Overheard(row, message_id, text, by, "Olga", at, at)
        commit = replace(turn(self.shop, self.conversation, self.version, [row]), messages=(), overheard=(heard,))
        assert await self.lab.turns.commit([commit], []) == [True]
        await self.look()

    async def look(self) -> str:
        (record,) = await self.lab.conversations.activate([(self.shop.tenant_id, self.shop.address())])
        self.version = record.version
        return record.control

    async def states(self) -> list[str]:
        return [state for state, _ in (await self.lab.outbox_states()).values()]


async def test_an_echo_before_the_answer_of_the_channel_settles_the_row(lab: Lab) -> None:
    chat = await Chat.open(lab, ANSWER, "second")
    row = await chat.begins()
    await chat.hears("m1", PLAIN)
    assert (await chat.look(), await chat.states()) == ("bot", ["sent", "pending"])
    for outcome in ("sent", "unknown", "retry", "failed"):  # whatever comes back now, it was delivered
        assert await chat.ends(row, outcome, "other") == 0
    assert await chat.states() == ["sent", "pending"]
    assert len(await claim_ids(lab, chat.sender)) == 1


async def test_an_echo_after_the_answer_of_the_channel_is_found_by_id_or_text(lab: Lab) -> None:
    chat = await Chat.open(lab)
    row = await chat.begins()
    assert await chat.ends(row, "sent", "m1") == 1
    await chat.hears("m1", "changed on the way")
    await chat.says("second")
    assert await chat.ends(await chat.begins(), "sent", "another id than the echo's") == 1
    await chat.hears("m2", "second")
    assert (await chat.look(), await chat.states()) == ("bot", ["sent", "sent"])


async def test_an_echo_settles_what_nobody_knew(lab: Lab) -> None:
    chat = await Chat.open(lab)
    assert await chat.ends(await chat.begins(), "unknown") == 1
    assert await chat.states() == ["unknown"]
    await chat.hears("m1", PLAIN, "bot")
    assert (await chat.look(), list((await lab.outbox_states()).values())) == ("bot", [("sent", 1)])


async def test_what_is_not_ours_is_a_person_who_takes_over(lab: Lab) -> None:
    chat = await Chat.open(lab, ANSWER, "second", "third")
    assert await chat.ends(await chat.begins(), "sent", "m1") == 1
    await chat.hears("m9", "I am Olga, let me help")
    assert (await chat.look(), await chat.states()) == ("human", ["sent", "withdrawn", "withdrawn"])
    history = await lab.conversations.history(chat.shop.tenant_id, chat.conversation, 10)
    assert [(m.role, m.body) for m in history][-1] == ("operator", "I am Olga, let me help")
    version = chat.version
    await chat.hears("m10", "one more thing")  # no second takeover
    assert (await chat.look(), chat.version) == ("human", version + 1)


async def test_the_same_text_twice_is_ours_once(lab: Lab) -> None:
    chat = await Chat.open(lab, "Yes")
    assert await chat.ends(await chat.begins(), "sent", "x") == 1
    await chat.hears("m1", "Yes")
    assert await chat.look() == "bot"
    await chat.hears("m2", "Yes")
    assert await chat.look() == "human"


async def test_the_same_text_much_later_is_a_person(lab: Lab) -> None:
    chat = await Chat.open(lab, "Yes")
    assert await chat.ends(await chat.begins(), "sent", "x") == 1
    await chat.hears("m1", "Yes", late_s=125.0)
    assert await chat.look() == "human"


async def test_what_was_not_on_the_wire_cannot_be_heard(lab: Lab) -> None:
    chat = await Chat.open(lab, "Yes")
    await claim_ids(lab, chat.sender)
    await chat.hears("m1", "Yes")
    assert (await chat.look(), await chat.states()) == ("human", ["withdrawn"])


async def test_another_bot_is_told_and_takes_nothing_over(lab: Lab) -> None:
    chat = await Chat.open(lab)
    await chat.hears("m1", "I am another bot", "bot")
    assert (await chat.look(), await chat.states()) == ("bot", ["pending"])


async def test_an_answer_to_an_older_question_is_withdrawn_by_the_same_commit(lab: Lab) -> None:
    """A turn may say something and hear a person at once: the person wins."""
    chat = await Chat.open(lab)
    (row,) = await receive(lab, chat.shop, ["event"])
    at = lab.now()
    both = replace(
        turn(chat.shop, chat.conversation, chat.version, replies=["still the bot"]),
        overheard=(Overheard(row, "m9", "now me", "person", "Olga", at, at),),
    )
    assert await lab.turns.commit([both], []) == [True]
    assert (await chat.look(), await chat.states()) == ("human", ["withdrawn", "withdrawn"])


async def test_parts_and_buttons_are_ours(real_lab: RealLab) -> None:
    """Only PostgreSQL: a long text that the channel shows in parts, and lines below a text."""
    long = "Our shop delivers in all cities of the country. " * 4
    chat = await Chat.open(real_lab, long)
    row = await chat.begins()
    await chat.hears("m1", long[:96])
    await chat.hears("m2", long[96:])
    assert (await chat.look(), await chat.states()) == ("bot", ["sending"])  # a part says nothing about the rest
    assert await chat.ends(row, "sent", "m1") == 1
    await chat.says("Choose")
    await real_lab.owner.execute("""update outbox set body = body || '{"buttons": [[{"text": "A"}]]}' where body->>'text' = 'Choose'""")
    assert await chat.ends(await chat.begins(), "sent") == 1
    await chat.hears("m3", "Choose\n• A")
    assert await chat.look() == "bot"


@pytest.mark.parametrize("text", ["", "   ", "***"])
async def test_a_text_without_words_is_never_ours_by_its_text(lab: Lab, text: str) -> None:
    chat = await Chat.open(lab, "---")
    assert await chat.ends(await chat.begins(), "sent", "x") == 1
    await chat.hears("m1", text)
    assert await chat.look() == "human"
