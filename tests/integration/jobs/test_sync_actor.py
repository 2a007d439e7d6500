"""The worker: what it does with jobs, how it is told to stop, and what it makes of an outage."""

import asyncio

import redis.asyncio

from actors.runtime.sync_actor import SyncLimits
from storage.signals import RedisSignals
from tests.contract.labs import RealLab
from tests.integration.jobs.lab import Fast, Requests, Slow, Stubborn, worker, working

QUICK = SyncLimits(beat_s=0.1, sweep_s=0.1, poll_s=0.1)


async def test_it_does_jobs_and_says_what_became_of_them(lab: RealLab, signals: RedisSignals, requests: Requests) -> None:
    done = await requests.add(steps=3)
    kinds = ("transient", "terminal", "mistake", "odd", "nul")
    ids = {fail: await requests.add(fail=fail, tries=2) for fail in kinds}
    async with working(worker(lab.engine, signals, QUICK)):
        row = await requests.ended(done)
        assert (row["state"], row["progress_done"], row["progress_total"], row["progress_note"]) == ("done", 3, 3, "step 3")
        assert row["result"] == '{"steps": 3, "attempt": 1}'
        rows = {fail: await requests.ended(id_) for fail, id_ in ids.items()}
    assert {fail: (r["state"], r["attempts"], r["error"]) for fail, r in rows.items()} == {
        "transient": ("dead", 2, "busy"),
        "terminal": ("failed", 1, "no such account"),
        "mistake": ("dead", 2, "RuntimeError: a mistake"),
        "odd": ("done", 1, None),
        "nul": ("failed", 1, "its result cannot be stored: it is no plain JSON"),
    }


async def test_jobs_it_cannot_do_fail_with_a_reason(lab: RealLab, signals: RedisSignals, requests: Requests) -> None:
    async with lab.api.tenant_transaction(requests.tenant_id) as connection:
        unknown = await connection.fetchval("select job_enqueue($1, 'crm:future')", requests.tenant_id)
        misfit = await connection.fetchval("""select job_enqueue($1, 'test:steps', '{"steps": "many"}')""", requests.tenant_id)
    slow = await requests.add(Slow, tries=1)
    async with working(worker(lab.engine, signals, QUICK)):
        errors = {(await requests.ended(id_))["state"]: (await requests.row(id_))["error"] for id_ in (unknown, slow)}
        assert errors["failed"] == "this version of Callboard knows no job `crm:future`: update it, then retry the job"
        assert errors["dead"] == "it took longer than 0 s"
        row = await requests.ended(misfit)
    assert (row["state"], "steps: Input should be a valid integer" in row["error"]) == ("failed", True)


async def test_five_at_once_and_the_rest_waits(lab: RealLab, signals: RedisSignals, requests: Requests) -> None:
    ids = [await requests.add(steps=3, step_s=0.05) for _ in range(12)]
    most = 0
    async with working(worker(lab.engine, signals, QUICK)):
        states: list[str] = []
        while states.count("done") < len(ids):
            states = [r["state"] for r in await lab.owner.fetch("select state from jobs")]
            most = max(most, states.count("running"))
    assert most == 5
    assert await lab.owner.fetchval("select count(*) from ledger") == 36


async def test_a_cancelled_job_ends_at_its_next_commit_or_is_ended(lab: RealLab, signals: RedisSignals, requests: Requests) -> None:
    polite = await requests.add(steps=1_000, step_s=0.02)
    stubborn = await requests.add(Stubborn)
    async with working(worker(lab.engine, signals, QUICK)) as actor:
        for id_ in (polite, stubborn):
            await requests.until(id_, state="running")
        await lab.owner.execute("update jobs set cancel_requested = true")
        assert {(await requests.ended(id_, 3))["state"] for id_ in (polite, stubborn)} == {"cancelled"}
        assert (await actor.ping())["processing"] == 0


async def test_a_stop_gives_jobs_back_without_losing_a_try(lab: RealLab, signals: RedisSignals, requests: Requests) -> None:
    short = await requests.add(steps=2, step_s=0.1)
    long = await requests.add(steps=30, step_s=0.1)
    async with working(worker(lab.engine, signals, QUICK)):
        for id_ in (short, long):
            await requests.until(id_, state="running")
    rows = {id_: await requests.row(id_) for id_ in (short, long)}
    assert (rows[short]["state"], rows[short]["attempts"]) == ("done", 1)
    assert (rows[long]["state"], rows[long]["attempts"]) == ("queued", 0)
    assert rows[long]["progress_done"] > 0
    async with working(worker(lab.engine, signals, QUICK)):
        row = await requests.ended(long)
    assert (row["state"], row["attempts"], row["generation"]) == ("done", 1, 2)
    steps = [r["n"] for r in await lab.owner.fetch("select n from ledger where job_id = $1 order by at", long)]
    assert steps == list(range(30))  # it went on where it was


async def test_a_kick_is_heard_and_redis_may_forget(lab: RealLab, redis_url: str, signals: RedisSignals, requests: Requests) -> None:
    limits = SyncLimits(poll_s=30.0, sweep_s=30.0)
    async with working(worker(lab.engine, signals, limits)):
        await asyncio.sleep(0.3)  # it listens
        job_id = await requests.add(Fast)
        await signals.kick_jobs()
        assert (await requests.ended(job_id, 5))["state"] == "done"
    async with redis.asyncio.from_url(redis_url) as client, working(worker(lab.engine, signals, QUICK)):
        ids = []
        for _ in range(20):
            ids.append(await requests.add(steps=2, step_s=0.01))
            await client.flushall()
        assert {(await requests.ended(id_))["state"] for id_ in ids} == {"done"}


async def test_the_database_may_go_away_for_a_moment(lab: RealLab, signals: RedisSignals, requests: Requests) -> None:
    ids = [await requests.add(steps=5, step_s=0.02) for _ in range(30)]
    async with working(worker(lab.engine, signals, QUICK)):
        for _ in range(4):
            await asyncio.sleep(0.2)
            await lab.owner.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()"
            )
        rows = [await requests.ended(id_) for id_ in ids]
    assert {r["state"] for r in rows} == {"done"}
    assert await lab.owner.fetchval("select count(*) from ledger") == 150
    assert await lab.owner.fetchval("select count(distinct (job_id, n)) from ledger") == 150
