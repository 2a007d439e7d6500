"""Closing a conversation: what waits in it ends, an answer in progress is neither lost nor given twice, the next message opens it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from storage.conversations import ConversationControl
from storage.enrolling import PostgresSequences
from storage.listings import ConversationFilter, Listings
from tests.integration.host_lab import HostLab
from tests.integration.office import Office
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
async def office(database: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_shop(database, tmp_path) as shop:
        lab = HostLab(shop)
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
