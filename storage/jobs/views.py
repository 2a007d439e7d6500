"""Jobs as people see them: lists, cancelling, the dead letter, and what can be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from actors.ports.jobs import NewJob
from storage.accounts.audit import Actor, record
from storage.jobs.queue import enqueue
from storage.postgres import Connection, Database

JobState = Literal["queued", "running", "done", "failed", "dead", "cancelled"]

_JOB = """
select id, number, name, state, attempts, max_attempts, progress_done, progress_total, progress_note, result::text, error,
       cancel_requested, created_by, created_at, run_at, started_at, finished_at
from jobs"""
_PAGE = f"""{_JOB}
where ($1::text is null or state = $1) and ($2::text is null or name = $2) and ($3::bigint is null or number < $3)
order by number desc limit $4"""
_FIND = f"{_JOB} where id = $1"
_CANCEL = """
update jobs set cancel_requested = true, state = case when state = 'queued' then 'cancelled' else state end,
  finished_at = case when state = 'queued' then now() end
where id = $1 and state in ('queued', 'running')"""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job. `number` is its place in the list."""

    id: UUID
    number: int
    name: str
    state: JobState
    attempts: int
    max_attempts: int
    progress_done: int
    progress_total: int | None
    progress_note: str
    result: Mapping[str, Any] | None
    error: str | None
    cancel_requested: bool
    created_by: str
    created_at: datetime
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobRefused(Exception):
    """A change that the job's state does not allow: `ended`, `open`, or `live` (the same work is on its way)."""

    def __init__(self, why: Literal["ended", "open", "live"], message: str) -> None:
        super().__init__(message)
        self.why = why


class TenantJobs:
    """The jobs of a tenant; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, tenant_id: UUID, state: JobState | None, name: str | None, before: int | None, limit: int) -> list[JobRow]:
        """Return jobs, the newest first, older than the job number `before`."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_row(r) for r in await connection.fetch(_PAGE, state, name, before, limit)]

    async def find(self, tenant_id: UUID, job_id: UUID) -> JobRow | None:
        """Return a job."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _find(connection, job_id)

    async def request(self, tenant_id: UUID, job: NewJob[Any], by: Actor) -> UUID:
        """Queue a job that a person asked for; return its id, or that of the live job with the same key."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            job_id = await enqueue(connection, tenant_id, job)
            after = {"name": job.handler.name, **job.payload.model_dump(mode="json")}
            await record(connection, tenant_id, by, "job.requested", f"job:{job_id}", None, after)
        return job_id

    async def cancel(self, tenant_id: UUID, job_id: UUID, by: Actor) -> JobRow | None:
        """End a job: a waiting one at once, a running one within seconds. None if there is no such job.

        Raises:
            JobRefused: it ended before.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await connection.execute(_CANCEL, job_id) == "UPDATE 0":
                if await _find(connection, job_id) is None:
                    return None
                raise JobRefused("ended", "this job has ended already: there is nothing to cancel")
            row = await _find(connection, job_id)
            await record(connection, tenant_id, by, "job.cancelled", f"job:{job_id}", None, {"name": row.name} if row else None)
            return row

    async def retry(self, tenant_id: UUID, job_id: UUID, by: Actor) -> JobRow | None:
        """Let a job that did not end well begin anew, where it had got to. None if there is no such job.

        Raises:
            JobRefused: it is not over, or ended well, or the same work is on its way in another job.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            match await connection.fetchval("select job_redrive($1)", job_id):
                case None:
                    return None
                case "redriven":
                    row = await _find(connection, job_id)
                    await record(connection, tenant_id, by, "job.retried", f"job:{job_id}", None, {"name": row.name} if row else None)
                    return row
                case "live":
                    raise JobRefused("live", "the same work is on its way in another job: wait for that one")
                case "done":
                    raise JobRefused("ended", "this job is done: there is nothing to retry")
                case _:
                    raise JobRefused("open", "this job is not over yet: cancel it first")


async def _find(connection: Connection, job_id: UUID) -> JobRow | None:
    r = await connection.fetchrow(_FIND, job_id)
    return _row(r) if r else None


def _row(r: Any) -> JobRow:
    return JobRow(**{**r, "result": r["result"] and orjson.loads(r["result"])})
