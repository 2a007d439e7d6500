"""Closing a conversation: what waits in it ends, an answer in progress is neither lost nor given twice, the next message opens it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from storage.conversations import ConversationControl
from storage.enrolling import PostgresSequences
from storage.inbox import PostgresInbox
from storage.listings import ConversationFilter, Listings
from storage.operators.stopping import StopButton
from storage.timers import PostgresTimers
from tests.integration.host_lab import HostLab
from tests.integration.office import BOSS, Office
from tests.integration.shop import open_shop

START = {
    "id": "start",
    "trigger": {"on": "message_received"},
    "when": {"all": [{"fact": "message.text", "op": "contains", "value": "sequence"}]},
    "actions": [{"do": "start_sequence", "sequence": "follow"}],
    "lets_answer": True,
}
REMIND = {"id": "remind", "trigger": {"on": "no_reply", "after_s": 900}, "actions": [{"do": "send", "text": {"en": "Still there?"}}]}
PLAN = {"id": "follow", "name": "Follow", "steps": [{"do": "wait", "days": 1}, {"do": "send", "text": {"en": "Hello again"}}]}


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    async with open_shop(database, tmp_path) as shop:
        yield HostLab(shop)


@pytest.fixture
async def office(lab: HostLab) -> AsyncIterator[Office]:
    async with lab.running(lab.host()):
        yield await Office.open(lab, [START, REMIND], [PLAN])


async def listed(office: Office, closed: bool | None = False) -> list[int]:
    found = await Listings(office.lab.shop.api).conversations(office.tenant_id, ConversationFilter(closed=closed), None, 100)
    return sorted(item.id for item in found)


async def state_of(office: Office, conversation: int) -> dict[str, Any]:
    state: dict[str, Any] = orjson.loads(
        await office.lab.shop.owner.fetchval("select state from conversations where id = $1", conversation)
    )
    return state


async def test_what_waits_in_it_ends_and_the_next_message_opens_it(office: Office) -> None:
    control, owner = ConversationControl(office.lab.shop.api), office.lab.shop.owner
    await office.says(1, "the sequence and delivery?")
    await office.says(2, "human")
    one, two = await office.conversation(1), await office.conversation(2)
    await owner.execute('update conversations set state = state || \'{"open": {"inbox": 1, "why": "late"}}\' where id = $1', one)
    assert await owner.fetchval("select count(*) from timers where conversation_id = $1", one) == 1
    for conversation in (one, two):
        assert await control.close(office.tenant_id, conversation, "Ann")
        assert await control.close(office.tenant_id, conversation, "Ann")  # again: nothing more happens
    assert (await listed(office), await listed(office, True)) == ([], [one, two])
    assert await owner.fetchval("select count(*) from timers") == 0
    assert [tuple(r) for r in await owner.fetch("select state, reason from enrollments")] == [("stopped", "by_hand")]
    assert await owner.fetchval("select count(*) from handoffs where closed_at is null") == 0
    assert (await office.control(2), "open" in await state_of(office, one)) == ("bot", False)
    told = await owner.fetch("select kind, conversation_id from activity_logs where kind = 'conversation.closed' order by id")
    assert [r["conversation_id"] for r in told] == [one, two]
    await owner.execute("update enrollments set next_at = now()")  # whatever comes late finds an ended run
    await PostgresSequences(office.lab.shop.engine).fire(10)
    await office.lab.settled()
    assert await listed(office) == []

    await office.says(2, "delivery?")
    assert (await office.messages(2))[-2:] == [("customer", "delivery?"), ("agent", "Tomorrow")]
    assert (await listed(office), await listed(office, True), await listed(office, None)) == ([two], [one], [one, two])
    assert await control.open(office.tenant_id, one, "Ann")
    assert await listed(office) == [one, two]
    assert not await control.close(office.tenant_id, 10**9, "Ann")
    version = "select version from conversations where id = $1"
    before = await owner.fetchval(version, one)
    assert await control.close(office.tenant_id, one, "Ann")
    assert await owner.fetchval(version, one) > before  # a turn that was decided before loses
    elsewhere = await Office.open_elsewhere(office.lab)
    assert not await control.close(elsewhere.tenant_id, one, "Boris")


async def test_a_message_that_meets_the_close_is_answered_once(office: Office) -> None:
    """Closed again and again while customers write: nothing is lost, nothing is answered twice, and who wrote last is open."""
    control, lab = ConversationControl(office.lab.shop.api), office.lab
    for chat in range(1, 9):
        await office.says(chat, "delivery?")
    conversations = [await office.conversation(chat) for chat in range(1, 9)]
    for number in range(6):
        writing = [office.text(chat, f"delivery to house {number}?") for chat in range(1, 9)]
        storing = office.store(*writing)
        closing = [control.close(office.tenant_id, conversation, "Ann") for conversation in conversations for _ in range(3)]
        await asyncio.gather(storing, *closing)
    await lab.settled()
    for chat in range(1, 9):
        said = await office.messages(chat)
        assert [role for role, _ in said] == ["customer", "agent"] * 7, chat
        assert len(await office.heard(chat)) == 7
    assert await lab.shop.owner.fetchval("select count(*) from inbox where state <> 'done'") == 0


async def test_what_became_due_just_before_the_close_says_nothing(lab: HostLab) -> None:
    """Reminder and step lie in the inbox while no host runs; beside one of them the customer has written."""
    control, owner, engine = ConversationControl(lab.shop.api), lab.shop.owner, lab.shop.engine
    async with lab.running(lab.host()):
        office = await Office.open(lab, [START, REMIND], [PLAN])
        for chat in (1, 2):
            await office.says(chat, "the sequence and delivery?")
    one, two = await office.conversation(1), await office.conversation(2)
    await owner.execute("update timers set due_at = now()")
    await owner.execute("update enrollments set next_at = now(), step = 1")
    assert (await PostgresTimers(engine).fire(10), await PostgresSequences(engine).fire(10)) == (2, 2)
    await PostgresInbox(engine).ingest([office.text(2, "delivery to me?")])
    for conversation in (one, two):
        assert await control.close(office.tenant_id, conversation, "Ann")
    async with lab.running(lab.host()):
        await lab.settled()
    assert await office.messages(1) == [("customer", "the sequence and delivery?"), ("agent", "Tomorrow")]
    assert (await office.messages(2))[2:] == [("customer", "delivery to me?"), ("agent", "Tomorrow")]
    assert (await listed(office), await listed(office, True)) == ([two], [one])


async def test_what_was_in_a_hosts_hands_at_the_close_says_nothing(lab: HostLab) -> None:
    """Whatever the moment: a reminder that became due is said before the close, or not at all."""
    control, owner, engine = ConversationControl(lab.shop.api), lab.shop.owner, lab.shop.engine
    chats = range(1, 41)
    async with lab.running(lab.host()):
        office = await Office.open(lab, [REMIND])
        await office.store(*[office.text(chat, "delivery?") for chat in chats])
        conversations = [await office.conversation(chat) for chat in chats]
        await owner.execute("update timers set due_at = now()")
        firing = PostgresTimers(engine).fire(100)
        await asyncio.gather(firing, *[control.close(office.tenant_id, conversation, "Ann") for conversation in conversations])
        await lab.settled()
    assert await listed(office, True) == sorted(conversations)
    late = "select count(*) from messages m join conversations c on c.id = m.conversation_id where m.created_at > c.closed_at"
    assert await owner.fetchval(late) == 0


async def test_an_answer_of_people_that_waited_behind_the_close_opens_it(office: Office) -> None:
    control, owner = ConversationControl(office.lab.shop.api), office.lab.shop.owner
    await office.says(1, "delivery?")
    one = await office.conversation(1)
    async with owner.transaction():
        await owner.fetchval("select now()")  # the answer's transaction begins before the close, and goes on after it
        assert await control.close(office.tenant_id, one, "Ann")
        await owner.fetchrow("select * from operator_reply($1, $2, $3, 'Wait', 'Boris')", office.tenant_id, one, uuid4())
    assert (await office.control(1), await listed(office), await listed(office, True)) == ("human", [one], [])
    assert await control.give_back(office.tenant_id, one, "Boris")
    assert await listed(office) == [one]


async def test_who_waits_since_the_bot_was_stopped_is_listed(office: Office) -> None:
    """The answer was queued when people closed the conversation; the stop withdraws it, and somebody has to answer."""
    shop = office.lab.shop
    await office.says(1, "delivery?")
    one = await office.conversation(1)
    assert await ConversationControl(shop.api).close(office.tenant_id, one, "Ann")
    assert (await office.heard(1), await listed(office, True)) == (["Tomorrow"], [one])
    pressed = await StopButton(shop.api).press(office.tenant_id, None, BOSS, stop=True)
    assert pressed is not None
    assert pressed.withdrawn == 1
    assert (await office.control(1), await listed(office), await listed(office, True)) == ("waiting", [one], [])


async def test_nobody_is_told_of_a_message_that_died_before_the_close(office: Office) -> None:
    owner = office.lab.shop.owner
    await office.operator("Ann", 101)
    await office.says(1, "delivery?")
    one = await office.conversation(1)
    await owner.execute(
        "insert into activity_logs (tenant_id, kind, conversation_id) values ($1, 'message.dead', $2)", office.tenant_id, one
    )
    assert await owner.fetchval("select count(*) from handoffs where closed_at is null") == 1
    assert await ConversationControl(office.lab.shop.api).close(office.tenant_id, one, "Boris")
    assert await owner.fetchval("select count(*) from handoffs where closed_at is null") == 0
    before = await office.heard(101)
    await office.handoffs.advance(10)
    assert await office.heard(101) == before
