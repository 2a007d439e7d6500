"""The queue as its worker needs it, and how anything joins it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from actors.domain.errors import InvalidDefinition
from actors.domain.ids import TenantId
from actors.domain.jobs import Cancelled, Done, Failed, Mark, Outcome, Retry, Returned
from actors.ports.jobs import ClaimedJob, JobLease, NewJob, NextRun
from storage.jobs.fence import fenced
from storage.postgres import Connection, Database

KEEP_DONE_DAYS = 7
KEEP_DEAD_DAYS = 30  # somebody may want to look, and try again

_ENQUEUE = "select job_enqueue($1, $2, $3::jsonb, $4, $5, $6, $7)"
_FINISH = "select job_finish($1, $2, $3, $4, $5, $6)"
_CLAIM = """
select id, tenant_id, name, payload::text, generation, attempts, max_attempts, checkpoint::text from job_claim($1, $2, $3)"""
_BEAT = "select id, cancelled from job_beat($1, $2, $3)"
_SWEEP = "select job_sweep(1000)"
_DUE = """
select id, tenant_id, name, payload::text, cron, time_zone, next_at, now() as now from job_schedules
where enabled and (next_at is null or next_at <= now()) order by next_at nulls first limit 100 for update skip locked"""
_RUN = "select job_enqueue($1, $2, $3::jsonb, p_dedupe => $4, p_schedule => $5)"
_NEXT = """
update job_schedules set next_at = $2, last_job_id = coalesce($3, last_job_id), problem = null,
  last_at = case when $3::uuid is null then last_at else now() end
where id = $1"""
_BROKEN = "update job_schedules set enabled = false, problem = $2, version = version + 1 where id = $1"
_FORGET = """
with old as (
  select id from jobs where state in ('done', 'cancelled') and finished_at < now() - $1 * interval '1 day'
  union all
  select id from jobs where state in ('failed', 'dead') and finished_at < now() - $2 * interval '1 day'
  limit $3
), gone as (
  delete from jobs where id in (select id from old) returning 1
)
select count(*) from gone"""


async def enqueue(connection: Connection, tenant_id: UUID, job: NewJob[Any]) -> UUID:
    """Queue a job in the transaction of what caused it; return its id, or that of the live job with the same key.

    Ring `Signals.kick_jobs` after the commit: without it the worker finds the job within half a second.

    Args:
        connection: a transaction of the tenant, of either role.
        tenant_id: whose job.
        job: which.
    """
    payload = job.payload.model_dump_json()
    id_: UUID = await connection.fetchval(
        _ENQUEUE, tenant_id, job.handler.name, payload, job.dedupe_key, job.delay_s, job.max_attempts, job.by
    )
    return id_


class PostgresJobQueue:
    """The queue of all tenants; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def exchange(
        self, worker: UUID, outcomes: Sequence[tuple[JobLease, Outcome]], slots: int, lease_s: float
    ) -> Sequence[ClaimedJob]:
        """Store what became of jobs, and claim up to `slots` others, in one transaction."""
        async with self._database.dispatch_transaction() as connection:
            if outcomes:
                await connection.execute(_FINISH, *_columns(outcomes))
            rows = await connection.fetch(_CLAIM, worker, slots, lease_s) if slots else []
        return [_claimed(r) for r in rows]

    async def beat(self, leases: Sequence[JobLease], lease_s: float) -> Mapping[UUID, bool]:
        """Extend leases; return those that still hold, each with whether a person wants the job ended."""
        ids, generations = [lease.job_id for lease in leases], [lease.generation for lease in leases]
        rows = await self._database.fetch(_BEAT, ids, generations, lease_s)
        return {r["id"]: r["cancelled"] for r in rows}

    async def report(self, lease: JobLease, mark: Mark) -> None:
        """Commit progress and checkpoint."""
        async with fenced(self._database, lease) as writes:
            writes.mark = mark

    async def sweep(self) -> int:
        """Give back jobs whose worker is gone; return how many."""
        lost: int = await self._database.fetchval(_SWEEP)
        return lost

    async def tick(self, next_run: NextRun) -> int:
        """Queue what schedules are due, each run once, however many ask; return how many."""
        queued = 0
        async with self._database.dispatch_transaction() as connection:
            for r in await connection.fetch(_DUE):
                queued += await _advance(connection, r, next_run)
        return queued

    async def forget(self, portion: int) -> int:
        """Delete at most `portion` rows that ended long ago; return how many went."""
        async with self._database.dispatch_transaction() as connection:
            gone: int = await connection.fetchval(_FORGET, KEEP_DONE_DAYS, KEEP_DEAD_DAYS, portion)
        return gone


async def _advance(connection: Connection, schedule: Any, next_run: NextRun) -> int:
    """Queue the run that is due, and note when the next one is. A run that would meet the one before is left out."""
    try:
        following = next_run(schedule["cron"], schedule["time_zone"], schedule["now"])
    except InvalidDefinition as error:
        await connection.execute(_BROKEN, schedule["id"], str(error))
        return 0
    job_id = None
    if schedule["next_at"] is not None:
        tenant_id, key = schedule["tenant_id"], f"schedule:{schedule['id']}"
        await connection.execute("select set_config('app.tenants', $1, true)", f"{{{tenant_id}}}")
        job_id = await connection.fetchval(_RUN, tenant_id, schedule["name"], schedule["payload"], key, schedule["id"])
    await connection.execute(_NEXT, schedule["id"], following, job_id)
    return int(job_id is not None)


def _columns(outcomes: Sequence[tuple[JobLease, Outcome]]) -> tuple[list[Any], ...]:
    rows = [(lease.job_id, lease.generation, *_stored(outcome)) for lease, outcome in outcomes]
    return tuple(list(column) for column in zip(*rows, strict=True))


def _stored(outcome: Outcome) -> tuple[str, str | None, str | None, float]:
    match outcome:
        case Done(result):
            return "done", orjson.dumps(dict(result), default=str).decode(), None, 0.0
        case Failed(error):
            return "failed", None, error, 0.0
        case Retry(error, delay_s):
            return "retry", None, error, delay_s
        case Returned():
            return "returned", None, None, 0.0
        case Cancelled():
            return "cancelled", None, None, 0.0


def _claimed(r: Any) -> ClaimedJob:
    lease = JobLease(r["id"], TenantId(r["tenant_id"]), r["generation"])
    return ClaimedJob(lease, r["name"], orjson.loads(r["payload"]), r["attempts"], r["max_attempts"], orjson.loads(r["checkpoint"]))
