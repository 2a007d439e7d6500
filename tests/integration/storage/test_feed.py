"""The feed under writers that commit late, and counters under an actor that is killed: everything once, in order."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from actors.domain.activity import Place
from storage.carriers import PostgresPlacement
from storage.postgres import Database, Role
from storage.rollups import PostgresActivity
from storage.summaries import Range, Summaries, spans
from storage.updates import UpdateFilter, Updates
from tests.bench.dashboard import measure
from tests.contract.labs import Endpoint, RealLab, open_conversation

WRITERS, FACTS, READS = 20, 60, 200
_KINDS = ("turn.answered", "turn.handed_off", "message.dead", "conversation.taken", "agent.published")
_LOG = "insert into activity_logs (tenant_id, kind, agent_id, conversation_id, data) values ($1, $2, $3, $4, $5::jsonb) returning id"
_RECOUNT = """
select count(*) filter (where kind in ('turn.answered', 'turn.handed_off')) as turns,
  coalesce(sum((data ->> 'messages')::int) filter (where kind like 'turn.%'), 0)::int as messages,
  coalesce(sum((data ->> 'messages')::int) filter (where kind = 'turn.answered'), 0)::int as answered,
  count(*) filter (where kind = 'turn.handed_off') as handoffs,
  count(*) filter (where kind = 'conversation.taken') as takeovers,
  count(*) filter (where kind = 'message.dead') as errors,
  coalesce(sum((data ->> 'micros')::int) filter (where kind like 'turn.%'), 0) as micros
from activity_logs where tenant_id = $1"""
_UNCOUNTED = "select count(*) from activity_logs a join activity_progress p on (a.xid, a.id) > (p.xid, p.id)"
_OTHERS = "select id from activity_logs where tenant_id = $1 and id <> all ($2)"
_ANSWERS = "select sum(n::int) from activity_rollups, jsonb_each_text(times) t (b, n) where grain = 'day'"


class Actor:
    """The ActivityLogActor as `callboard dev` runs it: a process of its own."""

    def __init__(self, dsn: str, redis_url: str) -> None:
        self._env = {**os.environ, "DATABASE_URL": dsn, "REDIS_URL": redis_url}
        self.kills = 0
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "actors.runtime.carry", "activity", "0"], env=self._env)

    def kill(self) -> None:
        assert self.process.poll() is None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        self.kills += 1

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(15)

    def __enter__(self) -> "Actor":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)


async def write(dsn: str, shop: Endpoint, conversation: int, seed: int) -> list[int]:
    """Write facts in transactions that pause before COMMIT; some are rolled back."""
    drawn, kept = random.Random(seed), list[int]()
    connection = await asyncpg.connect(dsn)
    for _ in range(FACTS):
        transaction = connection.transaction()
        await transaction.start()
        kind = drawn.choice(_KINDS)
        agent = shop.agent_id if kind.startswith("agent.") or drawn.random() < 0.5 else None
        about = None if kind.startswith("agent.") else conversation
        data = f'{{"messages": {drawn.randint(1, 3)}, "seconds": 1.5, "micros": {drawn.randint(0, 99)}}}'
        row = await connection.fetchval(_LOG, shop.tenant_id, kind, agent, about, data)
        await asyncio.sleep(drawn.random() * drawn.choice([0.01, 0.15]))
        if drawn.random() < 0.1:
            await transaction.rollback()
        else:
            await transaction.commit()
            kept.append(row)
    await connection.close()
    return kept


async def read(dsn: str, shop: Endpoint, written: "asyncio.Future[list[list[int]]]") -> tuple[list[tuple[int, int]], int]:
    """Read the feed over a new connection each time, until all is written and nothing is left."""
    place, seen, connections = Place(), list[tuple[int, int]](), 0
    while True:
        complete = written.done()
        async with await Database.open(dsn, Role.API, "reader", size=1) as database:
            page = await Updates(database).newer(shop.tenant_id, UpdateFilter(), place, 7)
        connections += 1
        seen += [(int(fact.place.xid), fact.place.id) for fact in page.facts]
        place = page.seen
        if complete and connections >= READS and not page.facts:
            return seen, connections
        await asyncio.sleep(0.002)


async def test_twenty_writers_a_reader_that_reconnects_and_an_actor_that_is_killed(
    real_lab: RealLab, database: str, redis_url: str
) -> None:
    shop = await real_lab.endpoint()
    conversation = await open_conversation(real_lab, shop)
    await PostgresPlacement(real_lab.engine).claim(uuid4(), 1, 1)
    with Actor(database, redis_url) as actor:
        writing = asyncio.gather(*(write(database, shop, conversation, seed) for seed in range(WRITERS)))
        reading = asyncio.create_task(read(database, shop, writing))
        while not writing.done():
            await asyncio.sleep(1.5)
            actor.kill()
            actor.start()
        written = {row for rows in await writing for row in rows}
        seen, connections = await reading
        before = await real_lab.owner.fetch(_OTHERS, shop.tenant_id, list(written))
        everything = written | {r["id"] for r in before}
        assert len(seen) == len(set(seen)), "shown twice"
        assert {row for _, row in seen} == everything, "passed over"
        assert seen == sorted(seen), "not in cursor order"
        assert connections >= READS
        assert actor.kills >= 1
        exact = await real_lab.owner.fetchrow(_RECOUNT, shop.tenant_id)
        async with asyncio.timeout(30):
            while await real_lab.owner.fetchval(_UNCOUNTED):
                await asyncio.sleep(0.05)
        assert actor.stop() in {0, -signal.SIGTERM}  # the latest one may be too young to listen
        for grain in ("hour", "day"):
            sums = await real_lab.owner.fetchrow(
                "select sum(turns) turns, sum(messages) messages, sum(answered) answered, sum(handoffs) handoffs, sum(takeovers) takeovers,"
                " sum(errors) errors, sum(micros) micros from activity_rollups where tenant_id = $1 and grain = $2",
                shop.tenant_id,
                grain,
            )
            assert dict(sums) == dict(exact)
        answers = await real_lab.owner.fetchval("select count(*) from activity_logs where kind = 'turn.answered'")
        assert await real_lab.owner.fetchval(_ANSWERS) == answers


async def test_two_actors_at_once_count_everything_once(real_lab: RealLab, database: str) -> None:
    shop = await real_lab.endpoint()
    await real_lab.owner.executemany(_LOG, [(shop.tenant_id, "turn.answered", shop.agent_id, None, '{"messages": 1}')] * 300)
    async with await Database.open(database, Role.ENGINE, "test", size=2) as other:
        stores = [PostgresActivity(real_lab.engine), PostgresActivity(other)]
        counted = [fact for _ in range(20) for c in await asyncio.gather(*(s.count(10) for s in stores)) for fact in c.facts]
    assert max(Counter(fact.place.id for fact in counted).values()) == 1
    assert await real_lab.owner.fetchval("select sum(messages) from activity_rollups where grain = 'day'") == 300


async def test_a_range_is_cut_into_days_and_hours_and_each_counts_once(real_lab: RealLab) -> None:
    shop, now = await real_lab.endpoint(), datetime(2026, 11, 20, tzinfo=UTC)
    log = _LOG.replace("data)", "data, at)").replace("$5::jsonb)", "$5::jsonb, $6)")
    times = [now + timedelta(hours=n) for n in range(-30, 60)]
    await real_lab.owner.executemany(log, [(shop.tenant_id, "turn.answered", shop.agent_id, None, '{"messages": 1}', at) for at in times])
    while not (await PostgresActivity(real_lab.engine).count(50)).whole:
        pass
    summaries = Summaries(real_lab.api)
    for since, until in [(-30, 60), (-3, 2), (-24, 24), (0, 24), (1, 23), (-1, 25), (5, 5)]:
        asked = Range(now + timedelta(hours=since), now + timedelta(hours=until))
        found = await summaries.read(shop.tenant_id, asked, "hour")
        assert sum(t.messages for t in found.of.values()) == until - since
        assert sum(t.messages for _, t in found.points) == until - since
    (days,) = [s for s in spans(now - timedelta(hours=1), now + timedelta(hours=25)) if s[0] == "day"]
    assert days[1:] == (now, now + timedelta(days=1))


async def test_old_hours_go_and_days_stay(real_lab: RealLab) -> None:
    shop = await real_lab.endpoint()
    add = "insert into activity_rollups (tenant_id, grain, at, messages) values ($1, $2, now() - $3 * interval '1 day', 1)"
    for grain, age in (("hour", 101), ("hour", 99), ("day", 101)):
        await real_lab.owner.execute(add, shop.tenant_id, grain, age)
    store = PostgresActivity(real_lab.engine)
    await store.mark()
    assert await store.forget() == 1
    assert await real_lab.owner.fetchval("select count(*) from activity_rollups") == 2
    assert await real_lab.owner.fetchval("select count(*) from activity_marks") == 1


@pytest.mark.alone
async def test_the_bench_in_small(database: str) -> None:
    result = await measure(database, 20_000, 20)
    assert result["updates_1m_p99_ms"] < 300
    assert result["summary_1m_p99_ms"] < 1000
