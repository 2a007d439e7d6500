"""After an outage the bot answers who was not answered: each once, and nobody whom a person has or who was answered meanwhile."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from actors.runtime.host.conversation_host import ConversationHost
from storage.conversations import ConversationControl
from storage.listings import ConversationFilter, Listings
from storage.operators.stopping import StopButton
from storage.postgres import Database
from storage.timers import PostgresTimers
from storage.unanswered import UnansweredConversations
from tests.integration.host_lab import HostLab, new_epoch
from tests.integration.office import BOSS, Office
from tests.integration.shop import open_shop

LATE: Mapping[str, Any] = {"date": int((datetime.now(UTC) - timedelta(hours=3)).timestamp())}


@pytest.fixture
async def office(database: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_shop(database, tmp_path) as shop:
        lab = HostLab(shop)
        async with lab.running(lab.host()):
            yield await Office.open(lab)


async def state(office: Office) -> tuple[int, int]:
    found = await UnansweredConversations(office.lab.shop.api).count(office.tenant_id)
    return found.waiting, found.answering


async def ask(office: Office) -> int:
    return await UnansweredConversations(office.lab.shop.api).answer(office.tenant_id, "boss")


async def due(office: Office) -> None:
    """Let the scheduler pass on all that was asked for, and hosts handle it."""
    await office.lab.shop.owner.execute("update timers set due_at = now() where kind = 'answer_open'")
    await PostgresTimers(office.lab.shop.engine).fire(100)
    await office.lab.settled()


async def press(office: Office, *, stop: bool) -> None:
    await StopButton(office.lab.shop.api).press(office.tenant_id, None, BOSS, stop=stop)


async def given_back_by_time(office: Office, chat: int) -> None:
    """Nobody came, and the agent's limit for waiting is over."""
    await office.lab.shop.owner.execute(
        "insert into timers (tenant_id, conversation_id, kind, due_at, payload)"
        " select tenant_id, id, 'give_back', now(), '{\"from\": \"waiting\"}' from conversations where key = $1"
        " on conflict (conversation_id, kind) do update set due_at = excluded.due_at",
        str(chat),
    )
    await PostgresTimers(office.lab.shop.engine).fire(100)
    await office.lab.settled()


async def test_all_who_were_not_answered_are_answered_once(office: Office) -> None:
    await press(office, stop=True)
    await office.says(6, "delivery?")
    await press(office, stop=False)
    await office.says(5, "delivery?", **LATE)
    await office.says(7, "human")
    await office.says(7, "is the delivery free?", **LATE)
    await office.says(8, "human, please")
    await office.says(8, "anybody?")
    await office.says(9, "delivery?")
    assert await state(office) == (3, 0)  # of 8, people were told
    await given_back_by_time(office, 8)
    assert await state(office) == (4, 0)
    shown = await Listings(office.lab.shop.api).conversations(office.tenant_id, ConversationFilter(unanswered=True), None, 10)
    assert {item.id for item in shown} == {await office.conversation(chat) for chat in (5, 6, 7, 8)}
    before = {chat: await office.heard(chat) for chat in (5, 6, 7, 8, 9)}

    assert sorted(await asyncio.gather(ask(office), ask(office))) == [0, 4]
    assert await state(office) == (0, 4)
    await due(office)
    assert await ask(office) == 0
    await due(office)
    assert await state(office) == (0, 0)
    after = {chat: (await office.heard(chat))[len(before[chat]) :] for chat in before}
    assert after == {5: ["Tomorrow"], 6: ["Tomorrow"], 7: ["Tomorrow"], 8: ["A colleague will answer"], 9: []}
    assert [await office.control(chat) for chat in (5, 6, 7, 8)] == ["bot", "bot", "bot", "waiting"]
    assert await office.lab.shop.owner.fetchval("select count(*) from handoffs where closed_at is null") == 1
    assert [(a["by"], a["conversations"]) for a in await office.activity("bot.caught_up")] == [("boss", 4)]
    assert sorted(a["why"] for a in await office.activity("conversation.reopened")) == ["late", "late", "people", "stopped"]
    assert [await office.messages(chat) for chat in (6,)] == [[("customer", "delivery?"), ("agent", "Tomorrow")]]


async def test_what_was_answered_and_then_withdrawn_stands_open(office: Office) -> None:
    await office.says(5, "delivery?")
    await press(office, stop=True)
    assert (await office.heard(5), await state(office), await ask(office)) == ([], (0, 0), 0)  # it is silent still
    await press(office, stop=False)
    assert (await state(office), await ask(office)) == ((1, 0), 1)
    await due(office)
    assert await office.heard(5) == ["Tomorrow"]


async def test_nobody_is_answered_whom_a_person_has_or_who_was_answered_meanwhile(office: Office) -> None:
    control = ConversationControl(office.lab.shop.api)
    for chat in (5, 6, 7, 8):
        await office.says(chat, "delivery?", **LATE)
    assert await ask(office) == 4
    await control.take_over(office.tenant_id, await office.conversation(5), "ann")
    await control.take_over(office.tenant_id, await office.conversation(6), "ann")
    await control.give_back(office.tenant_id, await office.conversation(6), "ann")
    await office.says(7, "hello? delivery!")  # a message of now: the bot is sure of the answer
    await press(office, stop=True)
    await due(office)
    assert [await office.heard(chat) for chat in (5, 6, 7, 8)] == [[], [], [], []]
    await press(office, stop=False)
    assert await state(office) == (2, 0)  # 7, whose answer was withdrawn, and 8; a person answers for the others
    assert await ask(office) == 2
    await due(office)
    assert [await office.heard(chat) for chat in (5, 6, 7, 8)] == [[], [], ["Tomorrow"], ["Tomorrow"]]


async def test_who_cannot_be_answered_is_not_counted(office: Office) -> None:
    await office.says(5, "delivery?", **LATE)
    owner: Any = office.lab.shop.owner
    for change, back in (
        ("update conversations set state = state || '{\"blocked\": true}'", "update conversations set state = state - 'blocked'"),
        ("update integrations set status = 'paused'", "update integrations set status = 'live'"),
    ):
        await owner.execute(change)
        assert (await state(office), await ask(office)) == ((0, 0), 0)
        await owner.execute(back)
    elsewhere = await Office.open_elsewhere(office.lab)
    assert (await state(elsewhere), await state(office)) == ((0, 0), (1, 0))


async def test_each_is_answered_once_whatever_dies(database: str, tmp_path: Path) -> None:
    """Two hosts race for every row and die before and after commits; people press the button all the while."""
    chats, rng = range(101, 161), random.Random(7)
    async with open_shop(database, tmp_path) as shop:
        lab = HostLab(shop)
        async with lab.running(lab.host()):
            office = await Office.open(lab)
            await office.store(*[office.text(chat, "delivery?", **LATE) for chat in chats])
        await new_epoch(shop, 2)

        def racing(part: int) -> Callable[[Database], ConversationHost]:
            return lambda db: lab.host(part, 2, database=db, greedy=True, rng=rng, deadly=0.5)

        async with lab.kept_alive(database, racing(0), racing(1)):
            asked = 0
            for _ in range(10):
                asked += sum(await asyncio.gather(ask(office), ask(office)))
                await shop.owner.execute("update timers set due_at = now() where kind = 'answer_open'")
                await PostgresTimers(shop.engine).fire(6)
                await lab.settled()
            await due(office)
        assert asked == len(chats)
        assert lab.deaths >= 2
        assert await state(office) == (0, 0)
        answered = "select count(*) from messages where body = 'Tomorrow' group by conversation_id"
        assert [r["count"] for r in await shop.owner.fetch(answered)] == [1] * len(chats)
