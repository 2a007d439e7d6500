"""The queue's statements: one live job a key, turns of tenants, leases, fences, schedules, retention."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from actors.domain.cron import next_run
from actors.domain.errors import OwnershipLost, TerminalError
from actors.domain.ids import TenantId
from actors.domain.jobs import Cancelled, Done, Failed, JobCancelled, Mark, Outcome, Progress, Retry, Returned
from actors.ports.jobs import ClaimedJob
from storage.jobs.fence import fenced
from storage.jobs.queue import PostgresJobQueue
from storage.postgres import Database
from tests.contract.labs import RealLab
from tests.integration.jobs.lab import Fast, Requests

WORKER = UUID(int=7)


@pytest.fixture
def queue(lab: RealLab) -> PostgresJobQueue:
    return PostgresJobQueue(lab.engine)


async def claim(queue: PostgresJobQueue, slots: int = 5, worker: UUID = WORKER) -> list[ClaimedJob]:
    return list(await queue.exchange(worker, [], slots, 6.0))


async def queue_and_fail(database: Database, tenant_id: UUID) -> None:
    async with database.tenant_transaction(tenant_id) as connection:
        await connection.execute("select job_enqueue($1, 'test:fast')", tenant_id)
        await connection.execute("select 1 / 0")


async def test_a_job_is_part_of_the_transaction_that_caused_it(lab: RealLab, queue: PostgresJobQueue, requests: Requests) -> None:
    for database in (lab.api, lab.engine):
        by = Requests(database, requests.tenant_id)
        with pytest.raises(TerminalError, match="division by zero"):
            await queue_and_fail(database, requests.tenant_id)
        assert await claim(queue) == []
        job_id = await by.add(Fast)
        (job,) = await claim(queue)
        assert (job.lease.job_id, job.lease.tenant_id, job.attempt) == (job_id, requests.tenant_id, 1)
        await queue.exchange(WORKER, [(job.lease, Done({"a": 1}))], 0, 6.0)
        row = await by.row(job_id)
        assert (row["state"], row["result"], row["error"], row["worker"]) == ("done", '{"a": 1}', None, None)


async def test_nobody_queues_for_somebody_else(lab: RealLab, requests: Requests) -> None:
    other = await lab.endpoint()
    for database in (lab.api, lab.engine):
        with pytest.raises(TerminalError, match="row-level security"):
            async with database.tenant_transaction(other.tenant_id) as connection:
                await connection.execute("select job_enqueue($1, 'test:fast')", requests.tenant_id)


async def test_one_job_of_a_key_is_live(lab: RealLab, queue: PostgresJobQueue, requests: Requests) -> None:
    asked = await asyncio.gather(*(requests.add(Fast, key="k") for _ in range(20)))
    assert len(set(asked)) == 1
    assert await requests.add(Fast, key="other") != asked[0]
    theirs = Requests(lab.api, (await lab.endpoint()).tenant_id)
    assert await theirs.add(Fast, key="k") != asked[0]
    jobs = await claim(queue, 10)
    assert await requests.add(Fast, key="k") == asked[0]  # also while it runs
    await queue.exchange(WORKER, [(job.lease, Done()) for job in jobs], 0, 6.0)
    assert await requests.add(Fast, key="k") not in asked


async def test_tenants_take_turns(lab: RealLab, queue: PostgresJobQueue) -> None:
    big, *small = [Requests(lab.api, (await lab.endpoint()).tenant_id) for _ in range(3)]
    for _ in range(10):
        await big.add(Fast)
    for one in small:
        await one.add(Fast)
    first = await claim(queue)
    tenants = [job.lease.tenant_id for job in first]
    # Nobody else waits after these four: then the fifth slot may be the big one's, too.
    assert sorted(tenants.count(TenantId(one.tenant_id)) for one in (big, *small)) == [1, 1, 3]
    for one in small:
        await one.add(Fast)
    (done,) = [job for job in first if job.lease.tenant_id == small[0].tenant_id]
    (following,) = await queue.exchange(WORKER, [(done.lease, Done())], 1, 6.0)
    assert following.lease.tenant_id == small[0].tenant_id  # who has no slot is first
    assert (await claim(queue, 1))[0].lease.tenant_id == small[1].tenant_id  # who has one is before who has three
    assert [job.lease.tenant_id for job in await claim(queue, 20)] == [big.tenant_id] * 7


async def test_the_oldest_of_a_tenant_is_first_and_not_before_its_time(queue: PostgresJobQueue, requests: Requests) -> None:
    later = await requests.add(Fast, delay_s=60)
    asked = [await requests.add(Fast) for _ in range(3)]
    assert [(await claim(queue, 1))[0].lease.job_id for _ in range(3)] == asked
    assert await claim(queue) == []
    assert (await requests.row(later))["state"] == "queued"


async def test_what_a_try_came_to(queue: PostgresJobQueue, requests: Requests) -> None:
    ids = [await requests.add(Fast, tries=2) for _ in range(5)]
    jobs = {job.lease.job_id: job for job in await claim(queue)}
    outcomes: tuple[Outcome, ...] = (Failed("no"), Retry("busy", 0.0), Returned(), Cancelled(), Retry("later", 60.0))
    await queue.exchange(WORKER, [(jobs[id_].lease, outcome) for id_, outcome in zip(ids, outcomes, strict=True)], 0, 6.0)
    rows = [await requests.row(id_) for id_ in ids]
    assert [(r["state"], r["attempts"], r["error"]) for r in rows] == [
        ("failed", 1, "no"),
        ("queued", 1, "busy"),
        ("queued", 0, None),
        ("cancelled", 1, None),
        ("queued", 1, "later"),
    ]
    again = {job.lease.job_id: job for job in await claim(queue)}
    assert {id_: job.attempt for id_, job in again.items()} == {ids[1]: 2, ids[2]: 1}
    await queue.exchange(WORKER, [(again[ids[1]].lease, Retry("busy", 0.0))], 0, 6.0)
    row = await requests.row(ids[1])
    assert (row["state"], row["error"]) == ("dead", "busy")
    assert row["finished_at"] is not None


async def test_a_lost_lease_writes_nothing(lab: RealLab, queue: PostgresJobQueue, requests: Requests) -> None:
    job_id = await requests.add(Fast)
    (old,) = await claim(queue)
    assert await queue.beat([old.lease], 6.0) == {job_id: False}
    assert await queue.sweep() == 0
    await lab.owner.execute("update jobs set lease_until = now() - interval '1 second'")
    assert await queue.sweep() == 1
    (new,) = await claim(queue, worker=uuid4())
    assert new.lease.generation == old.lease.generation + 1
    assert await queue.beat([old.lease], 6.0) == {}
    with pytest.raises(OwnershipLost):
        await queue.report(old.lease, Mark(Progress(1, 2)))
    with pytest.raises(OwnershipLost):
        async with fenced(lab.engine, old.lease) as writes:
            await writes.connection.execute("insert into ledger values ($1, 1, 1)", job_id)
    assert await lab.owner.fetchval("select count(*) from ledger") == 0
    await queue.exchange(WORKER, [(old.lease, Done({"by": "old"}))], 0, 6.0)
    assert (await requests.row(job_id))["state"] == "running"
    await queue.exchange(WORKER, [(new.lease, Done({"by": "new"}))], 0, 6.0)
    await queue.exchange(WORKER, [(new.lease, Done({"by": "new, again"}))], 0, 6.0)
    assert (await requests.row(job_id))["result"] == '{"by": "new"}'


async def test_a_commit_under_way_is_waited_for(lab: RealLab, queue: PostgresJobQueue, requests: Requests) -> None:
    """While a job commits its row is locked: it is not given to somebody else in between."""
    await requests.add(Fast)
    (job,) = await claim(queue)
    await lab.owner.execute("update jobs set lease_until = now() - interval '1 second'")
    async with lab.engine.tenant_transaction(requests.tenant_id) as connection:
        await connection.execute("update jobs set progress_done = 1 where id = $1", job.lease.job_id)
        assert await queue.sweep() == 0
    assert await queue.sweep() == 1


async def test_progress_and_checkpoint_go_with_the_writes(lab: RealLab, queue: PostgresJobQueue, requests: Requests) -> None:
    job_id = await requests.add(Fast)
    (job,) = await claim(queue)
    async with fenced(lab.engine, job.lease) as writes:
        writes.mark = Mark(Progress(3, 10, "halfway"), {"after": 3})
    await queue.report(job.lease, Mark(Progress(4)))
    row = await requests.row(job_id)
    assert (row["progress_done"], row["progress_total"], row["progress_note"], row["checkpoint"]) == (4, None, "", '{"after": 3}')
    await queue.exchange(WORKER, [(job.lease, Returned())], 0, 6.0)
    assert (await claim(queue))[0].checkpoint == {"after": 3}


async def test_cancelled_jobs_are_told_at_their_next_commit(lab: RealLab, queue: PostgresJobQueue, requests: Requests) -> None:
    job_id = await requests.add(Fast)
    (job,) = await claim(queue)
    await lab.owner.execute("update jobs set cancel_requested = true")
    assert await queue.beat([job.lease], 6.0) == {job_id: True}
    with pytest.raises(JobCancelled):
        async with fenced(lab.engine, job.lease) as writes:
            await writes.connection.execute("insert into ledger values ($1, 1, 1)", job_id)
    assert await lab.owner.fetchval("select count(*) from ledger") == 0
    await queue.exchange(WORKER, [(job.lease, Retry("busy", 0.0))], 0, 6.0)
    assert (await requests.row(job_id))["state"] == "cancelled"  # not tried again


async def test_schedules_run_once_each_time(lab: RealLab, queue: PostgresJobQueue, requests: Requests) -> None:
    async def jobs() -> list[str]:
        return [r["state"] for r in await lab.owner.fetch("select state from jobs order by number")]

    assert await queue.tick(next_run) == 0  # works out when the first run is
    row = await lab.owner.fetchrow("select * from job_schedules where tenant_id = $1", requests.tenant_id)
    assert (row["name"], row["next_at"] > datetime.now(UTC)) == ("activity:retention", True)
    await lab.owner.execute("update job_schedules set next_at = now() - interval '1 hour' where tenant_id = $1", requests.tenant_id)
    assert sum(await asyncio.gather(*(queue.tick(next_run) for _ in range(4)))) == 1
    assert await jobs() == ["queued"]
    await lab.owner.execute("update job_schedules set next_at = now() - interval '1 hour' where tenant_id = $1", requests.tenant_id)
    await queue.tick(next_run)
    assert await jobs() == ["queued"]  # the one before is still live
    (job,) = await claim(queue)
    assert (job.name, job.payload) == ("activity:retention", {"activity_days": 365, "traces_days": 30, "conversations_days": None})
    await queue.exchange(WORKER, [(job.lease, Done())], 0, 6.0)
    await lab.owner.execute("update job_schedules set next_at = now() - interval '1 hour' where tenant_id = $1", requests.tenant_id)
    await queue.tick(next_run)
    assert await jobs() == ["done", "queued"]
    await lab.owner.execute("update job_schedules set cron = 'never', next_at = null")
    assert await queue.tick(next_run) == 0
    broken = await lab.owner.fetchrow("select enabled, problem from job_schedules where tenant_id = $1", requests.tenant_id)
    assert (broken["enabled"], broken["problem"].startswith("cron: five fields")) == (False, True)


async def test_rows_are_kept_for_a_while(lab: RealLab, queue: PostgresJobQueue, requests: Requests) -> None:
    for state, days in (("done", 6), ("done", 8), ("cancelled", 8), ("failed", 8), ("dead", 31), ("queued", 99), ("running", 99)):
        await lab.owner.execute(
            "insert into jobs (tenant_id, name, state, finished_at) values ($1, 'x', $2, now() - $3 * interval '1 day')",
            requests.tenant_id, state, days,
        )  # fmt: skip
    assert [await queue.forget(2) for _ in range(3)] == [2, 1, 0]
    left = await lab.owner.fetch("select state from jobs order by number")
    assert [r["state"] for r in left] == ["done", "failed", "queued", "running"]
