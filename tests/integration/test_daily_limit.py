"""The limit of answers a day on real hosts and PostgreSQL: exact however hosts race and die, kept over restarts, the same in a replay."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from actors.runtime.host.conversation_host import ConversationHost
from storage.inbox import PostgresInbox
from storage.postgres import Database
from storage.replays import TenantReplays
from tests.integration.host_lab import HostLab, new_epoch
from tests.integration.replay.test_replay import replayed, told
from tests.integration.shop import open_shop
from tests.integration.test_dialogues import Customer

QUESTIONS = [f"what about delivery to town {town}?" for town in ("Tver", "Klin", "Orel", "Ufa", "Omsk", "Perm")]
SHOP: dict[str, Any] = {
    "persona": {"languages": ["en"], "debounce_s": 0.0, "handoff_text": {"en": "Calling a colleague."}, "answers_per_day": 3},
    "scripts": [{"id": "delivery", "keywords": ["delivery"], "answer": {"en": "Tomorrow."}}],
}
HEARD = ["Tomorrow."] * 3 + ["Calling a colleague."]


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    async with open_shop(database, tmp_path) as shop:
        yield HostLab(shop)


async def test_it_is_kept_over_restarts_and_in_a_replay(lab: HostLab) -> None:
    agent = await lab.add_agent(SHOP)
    anna = Customer(lab, await lab.add_integration(agent), 7)
    for question in QUESTIONS:  # a host of its own for each
        async with lab.running(lab.host()):
            await anna.say(question)
    assert await anna.heard() == HEARD
    assert (await anna.state())["answers"]["given"] == 3
    assert (await anna.row())["control"] == "waiting"
    reason = await lab.shop.owner.fetchval("select data->>'reason' from activity_logs where kind = 'turn.handed_off'")
    assert reason == "the limit of 3 answers a day is reached"
    conversations = await TenantReplays(lab.shop.api).latest(lab.shop.tenant_id, agent, 500)
    result, rows = await replayed(lab, agent, 1, conversations, asks=False)
    assert result["same"] == len(rows) == len(QUESTIONS), told(rows)


async def test_hosts_that_race_and_die_count_every_answer_once(lab: HostLab, database: str) -> None:
    agent = await lab.add_agent(SHOP)
    bot, rng = await lab.add_integration(agent), random.Random(7)
    people = [Customer(lab, bot, chat) for chat in range(1, 13)]
    await new_epoch(lab.shop, 2)

    def racing(part: int) -> Callable[[Database], ConversationHost]:
        return lambda db: lab.host(part, 2, database=db, greedy=True, rng=rng, deadly=0.3)

    inbox = PostgresInbox(lab.shop.engine)
    async with lab.kept_alive(database, racing(0), racing(1)):
        for question in QUESTIONS:
            said = [person.message(question) for person in people]
            await asyncio.gather(inbox.ingest(said), inbox.ingest(said[::-1]))
            await lab.settled(60)
    assert [await person.heard() for person in people] == [HEARD] * len(people)
    assert lab.deaths + lab.fenced > 0
