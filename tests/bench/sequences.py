"""`python -m tests.bench.sequences`: 30,000 steps (or `--steps`) that are due in one minute, beside 50 live messages a second.

Prints how many seconds the last of them waited for its place in the outbox (`enrollments_30k_due_s`: the largest time from due to
queued), and how long live messages took to be answered. The host is cut off in the middle and followed by a new generation.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from actors.domain.ids import Address, IntegrationId
from actors.runtime.scheduler_actor import STEPS_EVERY_S
from storage.conversations import PostgresConversations
from storage.embedded_postgres import EmbeddedPostgres
from storage.enrolling import PostgresSequences
from storage.inbox import PostgresInbox
from storage.migrate import migrate
from storage.postgres import Database, Role
from tests.integration.host_lab import HostLab
from tests.integration.sequences.race import PLAN
from tests.integration.shop import Shop, open_shop

DUE = 30_000
SPREAD_S = 60.0
LIVE_PER_S = 50
BOTS = 10
PORTION = 500
TIMEOUT_S = 600.0
AGENT: dict[str, Any] = {
    "persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0.0},
    "scripts": [{"id": "delivery", "phrases": ["delivery"], "answer": {"en": "Tomorrow"}}],
    "sequences": [PLAN],
}
_COPY = "select sequence_copy($1, $2, $3::jsonb)"
_ENROLL = """
with enrolled as (
  insert into enrollments (tenant_id, agent_id, conversation_id, key, copy_id, serial, state, next_at)
  select tenant_id, $1, id, 'follow', $2, 1, 'active', now() + (row_number() over () * $3::float8 / $4) * interval '1 second'
  from conversations where kind = 'chat' and key not like 'live%' returning conversation_id, next_at
), kept as (
  insert into bench_due select conversation_id, next_at from enrolled
)
update conversations set state = '{"enrolled": {"follow": {"serial": 1, "on": ["replied", "handed_off"]}}}' where key not like 'live%'"""
_WAITS = """
select count(*) as n, count(distinct o.conversation_id) as once, max(extract(epoch from o.created_at - d.due_at))::float8 as worst
from outbox o join bench_due d on d.conversation_id = o.conversation_id where o.class = 'step'"""
_ANSWERS = """
select percentile_cont(0.99) within group (order by extract(epoch from m.created_at - i.received_at))::float8 * 1000 as p99,
       percentile_cont(0.5) within group (order by extract(epoch from m.created_at - i.received_at))::float8 * 1000 as p50, count(*) as n
from inbox i join messages m on m.turn_id = i.turn_id and m.role = 'agent' where i.kind = 'message'"""


async def due(dsn: str, home: Path, steps: int) -> dict[str, Any]:
    """Measure on a migrated database."""
    async with open_shop(dsn, home) as shop, await Database.open(dsn, Role.ENGINE, "edge", size=4) as edge:
        bots = await _fill(shop, steps)
        lab = HostLab(shop)
        quiet = asyncio.create_task(_live(lab, edge, bots))
        scheduler = asyncio.create_task(_schedule(edge))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await _hosts(dsn, lab, shop, steps)
        finally:
            for task in (quiet, scheduler):
                task.cancel()
            await asyncio.gather(quiet, scheduler, return_exceptions=True)
        waits, answers = await shop.owner.fetchrow(_WAITS), await shop.owner.fetchrow(_ANSWERS)
    assert waits is not None
    assert answers is not None
    assert (waits["n"], waits["once"]) == (steps, steps), dict(waits)
    name = f"enrollments_{steps // 1000}k"
    return {
        f"{name}_due_s": round(waits["worst"], 1),
        f"{name}_live_p50_ms": round(answers["p50"], 1),
        f"{name}_live_p99_ms": round(answers["p99"], 1),
        f"{name}_live": answers["n"],
    }


async def _fill(shop: Shop, steps: int) -> list[IntegrationId]:
    lab = HostLab(shop)
    agent = await lab.add_agent(AGENT)
    bots = [(await shop.add_bot(str(700 + n)))[0] for n in range(BOTS)]
    await shop.owner.execute("update integrations set agent_id = $1 where channel = 'telegram'", agent)
    store = PostgresConversations(shop.engine)
    for first in range(0, steps, 1_000):
        await store.activate([(shop.tenant_id, Address(bots[n % BOTS], str(n))) for n in range(first, min(first + 1_000, steps))])
    await shop.owner.execute("create table bench_due (conversation_id bigint primary key, due_at timestamptz)")
    copy = await shop.owner.fetchval(_COPY, shop.tenant_id, agent, json.dumps(PLAN))
    await shop.owner.execute(_ENROLL, agent, copy, SPREAD_S, float(steps))
    await shop.owner.execute("analyze")
    return bots


async def _hosts(dsn: str, lab: HostLab, shop: Shop, steps: int) -> None:
    """Run a host, cut it off when a third is queued, and go on with the next generation until all are."""
    queued = "select count(*) from outbox where class = 'step'"
    for wanted in (steps // 3, steps):
        async with await Database.open(dsn, Role.ENGINE, "host", size=6) as database:
            host = asyncio.create_task(lab.host(database=database).run())
            while await shop.owner.fetchval(queued) < wanted:
                await asyncio.sleep(0.1)
            host.cancel()
            await asyncio.gather(host, return_exceptions=True)


async def _schedule(edge: Database) -> None:
    sequences = PostgresSequences(edge)
    while True:
        while await sequences.fire(PORTION) > 0:
            pass
        await asyncio.sleep(STEPS_EVERY_S)


async def _live(lab: HostLab, edge: Database, bots: Sequence[IntegrationId]) -> None:
    inbox = PostgresInbox(edge)
    with contextlib.suppress(asyncio.CancelledError):
        for n in count(1_000_000):
            await inbox.ingest([lab.message(bots[n % BOTS], 10_000_000 + n, n, "delivery")])
            await asyncio.sleep(1 / LIVE_PER_S)


def main() -> int:
    """Measure on servers of its own and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=DUE)
    steps = parser.parse_args().steps
    with tempfile.TemporaryDirectory(prefix="callboard-bench-") as name:
        home = Path(name)
        home.chmod(0o711)
        postgres = EmbeddedPostgres(home)
        dsn = postgres.start()
        try:
            asyncio.run(migrate(dsn))
            result = asyncio.run(due(dsn, home, steps))
        finally:
            postgres.stop()
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
