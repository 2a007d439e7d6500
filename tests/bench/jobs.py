"""`python -m tests.bench.jobs`: how many jobs a second one worker carries out, each stored, claimed and finished durably.

Beside it BullMQ, where npm can bring it: five at a time as well, on a Redis that keeps its jobs in memory, and on one that writes every
command to disk before it answers, as PostgreSQL does for us.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from uuid import UUID

from storage.embedded_postgres import EmbeddedPostgres
from storage.embedded_redis import EmbeddedRedis
from storage.migrate import migrate
from storage.postgres import Database, Role
from storage.signals import RedisSignals
from storage.tenants import Tenants
from tests.integration.jobs.lab import worker, working
from tests.packages import NotInstalled, node_home, npm_packages

JOBS = 3_000
TENANTS = 5
ROUNDS = 3
TIMEOUT_S = 120.0
RIVAL_KEEPS = {"bullmq": {}, "bullmq_on_disk": {"appendonly": "yes", "appendfsync": "always"}}
RIVAL = ("bullmq@6.7.0", "ioredis@6.0.0")
_FILL = "select count(job_enqueue($1, 'test:fast')) from generate_series(1, $2::int)"
_OPEN = "select exists (select from jobs where state in ('queued', 'running'))"
_DONE = "select count(*) from jobs where state = 'done'"


async def jobs_per_s(dsn: str, redis_url: str) -> float:
    """Return the median rate of three rounds with the limits of an installation."""
    async with (
        await Database.open(dsn, Role.API, "bench") as api,
        await Database.open(dsn, Role.ENGINE, "bench", size=8) as engine,
        RedisSignals(redis_url) as signals,
    ):
        tenants = [await Tenants(api).create(f"bench-{n}", "Bench") for n in range(TENANTS)]
        return median([await _round(api, engine, signals, tenants) for _ in range(ROUNDS)])


async def _round(api: Database, engine: Database, signals: RedisSignals, tenants: Sequence[UUID]) -> float:
    before = await _look(engine, _DONE)
    for tenant_id in tenants:
        async with api.tenant_transaction(tenant_id) as connection:
            await connection.execute(_FILL, tenant_id, JOBS // TENANTS)
    began = time.perf_counter()
    async with asyncio.timeout(TIMEOUT_S), working(worker(engine, signals)):
        while await _look(engine, _OPEN):
            await asyncio.sleep(0.05)
        took = time.perf_counter() - began
    assert await _look(engine, _DONE) - before == JOBS
    return JOBS / took


def against_bullmq(rate: float) -> dict[str, float]:
    """Return BullMQ's rates and ours in proportion to them; nothing where npm cannot bring it."""
    try:
        directory = npm_packages(*RIVAL)
    except NotInstalled:
        return {}
    figures: dict[str, float] = {}
    for name, settings in RIVAL_KEEPS.items():
        rival = _bullmq_per_s(directory, settings)
        figures |= {f"{name}_per_s": round(rival, 1), f"jobs_vs_{name}": round(rate / rival, 3)}
    return figures


def _bullmq_per_s(packages: Path, settings: dict[str, str]) -> float:
    """Return the median rate of as many rounds on a Redis of its own."""
    program = Path(__file__).with_name("bullmq_worker.js").read_text()
    with _home() as home:
        redis = EmbeddedRedis(home, settings={"maxmemory-policy": "noeviction", **settings})
        redis.start()
        try:
            command = [str(node_home() / "bin" / "node"), "-e", program, str(redis.socket), str(JOBS), str(ROUNDS)]
            return float(subprocess.check_output(command, cwd=packages, timeout=TIMEOUT_S, text=True))
        finally:
            redis.stop()


async def _look(engine: Database, question: str) -> int:
    async with engine.dispatch_transaction() as connection:
        return int(await connection.fetchval(question))


def main() -> int:
    """Measure on servers of its own and print one JSON object."""
    with _home() as home:
        postgres, redis = EmbeddedPostgres(home), EmbeddedRedis(home)
        dsn, redis_url = postgres.start(), redis.start()
        try:
            asyncio.run(migrate(dsn))
            rate = asyncio.run(jobs_per_s(dsn, redis_url))
        finally:
            redis.stop()
            postgres.stop()
    sys.stdout.write(json.dumps({"jobs_per_s": round(rate, 1), **against_bullmq(rate)}) + "\n")
    return 0


@contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="callboard-bench-") as name:
        home = Path(name)
        home.chmod(0o711)
        yield home


if __name__ == "__main__":
    sys.exit(main())
