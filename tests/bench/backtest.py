"""`python -m tests.bench.backtest`: a rule against 100,000 stored events, as a job of the queue.

The events are real: a host takes messages in and commits their turns, with rules published; nothing is written by hand. Prints the
seconds from asking for the back-test until it is done (`backtest_100k_s`), of several rules the slowest, and whether each fired where
the host had fired it.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from actors.domain.ids import IntegrationId
from actors.ports.jobs import NewJob
from actors.runtime.clock import SystemClock
from actors.runtime.sync_actor import SyncActor
from actors.services.jobs.registry import JobRegistry
from actors.services.jobs.rule_back_test import BackTestPayload, RuleBackTest
from config import collector
from storage.accounts.audit import Actor
from storage.back_tests import PostgresBackTests
from storage.embedded_postgres import EmbeddedPostgres
from storage.embedded_redis import EmbeddedRedis
from storage.inbox import PostgresInbox
from storage.jobs.queue import PostgresJobQueue
from storage.jobs.views import TenantJobs
from storage.migrate import migrate
from storage.postgres import Database, Role
from storage.signals import RedisSignals
from tests.integration.back_tests.world import DEFINITION, TEXTS
from tests.integration.host_lab import HostLab
from tests.integration.jobs.lab import working
from tests.integration.shop import Shop, open_shop

EVENTS = 100_000
CHATS = 10_000
BOTS = 20  # a host has a hundred messages of one bot in hand
IN_HAND = 4_000  # messages given to the host at a time
TIMEOUT_S = 900.0
NAMES = ("once", "cool", "mixed")  # with a limit, with a pause, with groups and `not`
_FIRED = "select count(*) from activity_logs where kind = 'rule.fired' and data ->> 'rule' = $1"


async def measure(dsn: str, redis_url: str, home: Path, events: int) -> dict[str, Any]:
    """Measure on a migrated database."""
    async with (
        open_shop(dsn, home) as shop,
        await Database.open(dsn, Role.ENGINE, "sync", size=10) as engine,
        RedisSignals(redis_url) as signals,
    ):
        began = time.perf_counter()
        agent = await _fill(shop, events)
        filled_s = time.perf_counter() - began
        await shop.owner.execute("vacuum analyze")
        collector.settle()  # as a worker does once it is set up
        worker = SyncActor(
            uuid4(), PostgresJobQueue(engine), JobRegistry(RuleBackTest(PostgresBackTests(engine))), signals, SystemClock(), random.random
        )
        async with working(worker):
            runs = {name: await _run(shop, signals, agent, name, events) for name in NAMES}
        size = await shop.owner.fetchval("select avg(length(body)) from traces")
    return {
        f"backtest_{events // 1000}k_s": max(run["s"] for run in runs.values()),
        "events": events,
        "fired": sum(run["fired"] for run in runs.values()),
        "backtest_equal": all(run["fired"] == run["live"] for run in runs.values()),
        "backtest_held_ms": max(run["ping_ms"] for run in runs.values()),
        "backtest_rules": runs,
        "backtest_trace_bytes": round(float(size)),
        "backtest_filled_s": round(filled_s, 1),
        "backtest_load": os.getloadavg()[0],
    }


async def _fill(shop: Shop, events: int) -> UUID:
    """Let customers write and a host answer."""
    lab, rng = HostLab(shop), random.Random(7)
    agent = await lab.add_agent(DEFINITION)
    bots: list[IntegrationId] = [await lab.add_integration(agent) for _ in range(BOTS)]
    inbox = PostgresInbox(shop.engine)
    async with asyncio.timeout(TIMEOUT_S), lab.running(lab.host()):
        for first in range(0, events, IN_HAND):
            numbers = range(first, min(first + IN_HAND, events))
            # No customer twice at a time: several messages at once would be one event.
            inputs = [lab.message(bots[n % BOTS], 1 + n % CHATS, n, rng.choice(TEXTS)) for n in numbers]
            for part in range(0, len(inputs), 500):
                await inbox.ingest(inputs[part : part + 500])
            await lab.settled(TIMEOUT_S)
    assert await shop.owner.fetchval("select count(*) from traces") == events
    return agent


async def _run(shop: Shop, signals: RedisSignals, agent: UUID, name: str, events: int) -> dict[str, Any]:
    keys = [rule["id"] for rule in DEFINITION["rules"]]
    definition: Mapping[str, Any] = DEFINITION["rules"][keys.index(name)]
    payload = BackTestPayload(agent_id=agent, rule_id=uuid4(), tried=dict(definition), before=keys[: keys.index(name)], days=7)
    pings = asyncio.create_task(_slowest_ping())
    began = time.perf_counter()
    job_id = await TenantJobs(shop.api).request(shop.tenant_id, NewJob(RuleBackTest, payload), Actor("bench"))
    await signals.kick_jobs()
    async with asyncio.timeout(TIMEOUT_S):
        while (row := await TenantJobs(shop.api).find(shop.tenant_id, job_id)) is None or row.state in {"queued", "running"}:
            await asyncio.sleep(0.05)
    took = time.perf_counter() - began
    pings.cancel()
    held_s = await pings
    assert row.state == "done", row.error
    assert row.result is not None
    assert row.result["turns"] == events, row.result
    live = await shop.owner.fetchval(_FIRED, name)
    return {"s": round(took, 2), "fired": row.result["tried"]["fired"], "live": live, "ping_ms": round(held_s * 1e3, 1)}


async def _slowest_ping() -> float:
    """Return how many seconds the worker's event loop was held at most, as whoever pings it sees it; ends when it is cancelled."""
    slowest = 0.0
    try:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            slowest = max(slowest, time.perf_counter() - began - 0.01)
    except asyncio.CancelledError:
        return slowest


def main() -> int:
    """Measure on servers of its own and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory(prefix="callboard-bench-") as name:
        home = Path(name)
        home.chmod(0o711)
        postgres, redis = EmbeddedPostgres(home), EmbeddedRedis(home)
        dsn, redis_url = postgres.start(), redis.start()
        try:
            asyncio.run(migrate(dsn))
            result = asyncio.run(measure(dsn, redis_url, home, events))
        finally:
            redis.stop()
            postgres.stop()
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
