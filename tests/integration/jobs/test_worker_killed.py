"""SIGKILL to real workers, again and again, under load: every job ends once, everything it did is there once."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis.asyncio

from tests.contract.labs import RealLab
from tests.integration.jobs.lab import Requests
from tests.integration.jobs.worker_process import WorkerProcess

KILLS = 50
TAKEN_OVER_S = 15.0
_OPEN = "select count(*) from jobs where state in ('queued', 'running')"
_RUNNING = "select count(*) from jobs where state = 'running' and worker is not null"
# Of every try that ended with its worker: how long it took until the next one began.
_WAITED = """
select max(extract(epoch from b.at - a.at))::float8 from begun a join begun b on b.job_id = a.job_id and b.generation = a.generation + 1"""


@contextmanager
def workers(dsn: str, redis_url: str) -> Iterator[list[WorkerProcess]]:
    alive: list[WorkerProcess] = []
    try:
        yield alive
    finally:
        for process in alive:
            process.kill()


async def until(lab: RealLab, question: str, wanted: bool, timeout_s: float) -> float:
    """Return how long it took until there is any such job, or none."""
    began = time.monotonic()
    async with asyncio.timeout(timeout_s):
        while bool(await lab.owner.fetchval(question)) != wanted:
            await asyncio.sleep(0.05)
    return time.monotonic() - began


@pytest.mark.alone
async def test_a_killed_workers_jobs_begin_again_soon(lab: RealLab, database: str, redis_url: str, requests: Requests) -> None:
    ids = [await requests.add(steps=400, step_s=0.05) for _ in range(5)]
    with workers(database, redis_url) as alive:
        alive.append(WorkerProcess(database, redis_url))
        await until(lab, "select count(*) >= 5 from begun", True, 20)
        alive.pop().kill()
        killed = time.monotonic()
        alive.append(WorkerProcess(database, redis_url))
        await until(lab, "select count(*) >= 5 from begun where generation = 2", True, TAKEN_OVER_S)
        took_s = time.monotonic() - killed
        print(f"running again after {took_s:.1f} s")  # with -s
        assert took_s < TAKEN_OVER_S
        # A stop in between costs no try and no step.
        assert alive.pop().end() == 0
        rows = [await requests.row(id_) for id_ in ids]
    assert {(r["state"], r["attempts"]) for r in rows} == {("queued", 1)}
    assert await lab.owner.fetchval("select count(*) = count(distinct (job_id, n)) from ledger")


@pytest.mark.timeout(400)
async def test_fifty_kills(lab: RealLab, database: str, redis_url: str) -> None:
    chance = random.Random(7)
    companies = [Requests(lab.api, (await lab.endpoint()).tenant_id) for _ in range(4)]
    asked: dict[object, int] = {}

    async def ask() -> None:
        company = chance.choice(companies)
        steps = chance.randint(1, 8)
        job_id = await company.add(steps=steps, step_s=0.05, fail=chance.choice(["", "", "", "", "transient"]), tries=chance.choice([2, 5]))
        asked[job_id] = steps

    async with redis.asyncio.from_url(redis_url) as client:
        with workers(database, redis_url) as alive:
            alive += [WorkerProcess(database, redis_url) for _ in range(2)]
            kills = 0
            while kills < KILLS:
                for _ in range(8):
                    await ask()
                await until(lab, _RUNNING, True, 30)
                await asyncio.sleep(chance.uniform(0.05, 0.6))
                if kills % 5 == 0:
                    await client.flushall()
                alive.pop(0).kill()
                kills += 1
                alive.append(WorkerProcess(database, redis_url))
            await until(lab, _OPEN, False, 150)
    rows = {r["id"]: r for r in await lab.owner.fetch("select * from jobs")}
    assert rows.keys() == asked.keys()
    print(f"{kills} kills, {len(rows)} jobs: {Counter(r['state'] for r in rows.values())}")  # with -s
    assert {r["state"] for r in rows.values()} == {"done", "dead"}
    assert all(r["attempts"] == r["max_attempts"] for r in rows.values() if r["state"] == "dead")
    assert all(r["attempts"] <= r["max_attempts"] for r in rows.values())
    # Every step once, whoever did it; those of a job that is done completely.
    assert await lab.owner.fetchval("select count(*) = count(distinct (job_id, n)) from ledger")
    steps = {r["job_id"]: r["n"] for r in await lab.owner.fetch("select job_id, count(*) as n from ledger group by 1")}
    assert {id_: steps[id_] for id_, r in rows.items() if r["state"] == "done"} == {
        id_: n for id_, n in asked.items() if rows[id_]["state"] == "done"
    }
    assert len(steps) > KILLS
