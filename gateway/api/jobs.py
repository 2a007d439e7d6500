"""The queue `agent-jobs` as people see it: jobs, and the schedules that make some."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from actors.domain.errors import InvalidDefinition
from actors.ports.signals import Signals
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number, after_uuid
from gateway.problems import Flaw, Problem, stale
from gateway.schemas.bodies import ListQuery
from gateway.schemas.jobs import (
    JobAccepted,
    JobPage,
    JobsQuery,
    JobView,
    SchedulePage,
    SchedulePatch,
    ScheduleView,
    job_view,
    schedule_view,
)
from storage.authoring.changes import Stale
from storage.jobs.schedules import Schedule, Schedules
from storage.jobs.views import JobRefused, JobRow, TenantJobs
from storage.postgres import Database

_JOB = "/api/jobs/{id}"
_SCHEDULE = "/api/schedules/{id}"


class JobsApi:
    """The jobs of the caller's tenant."""

    def __init__(self, database: Database, signals: Signals) -> None:
        self._jobs = TenantJobs(database)
        self._signals = signals

    def operations(self) -> list[Operation]:
        """Return the operations."""
        changes: dict[str, Any] = {"level": "admin", "tag": "jobs", "answer": JobView, "also": (409,)}
        return [
            Operation("GET", "/api/jobs", self.list, level="viewer", tag="jobs", query=JobsQuery, answer=JobPage),
            Operation("GET", _JOB, self.one, level="viewer", tag="jobs", answer=JobView),
            Operation("POST", f"{_JOB}/cancel", self.cancel, **changes),
            Operation("POST", f"{_JOB}/retry", self.retry, **changes),
        ]

    async def list(self, call: Call[None, JobsQuery]) -> Answer:
        """List jobs, the newest first. Jobs that are over are kept for a week, failed and dead ones for 30 days."""
        found = await self._jobs.page(call.tenant_id, call.query.state, call.query.name, after_number(call.page), call.page.limit + 1)
        return call.listed(JobPage, found, job_view, lambda last: last.number)

    async def one(self, call: Call) -> Answer:
        """Show a job: how far it is, what came of it, or why it failed."""
        return _shown(call, await self._jobs.find(call.tenant_id, call.uuid("id")))

    async def cancel(self, call: Call) -> Answer:
        """End a job. One that waits ends at once, one that runs within seconds; what it did until then stays."""
        with _refusals():
            return _shown(call, await self._jobs.cancel(call.tenant_id, call.uuid("id"), call.caller.actor))

    async def retry(self, call: Call) -> Answer:
        """Let a job that failed, died or was cancelled begin anew, with all its tries, where it had got to."""
        with _refusals():
            answer = _shown(call, await self._jobs.retry(call.tenant_id, call.uuid("id"), call.caller.actor))
        await self._signals.kick_jobs()
        return answer


class SchedulesApi:
    """What runs by itself in the caller's tenant."""

    def __init__(self, database: Database, signals: Signals) -> None:
        self._schedules = Schedules(database)
        self._signals = signals

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", "/api/schedules", self.list, level="viewer", tag="schedules", query=ListQuery, answer=SchedulePage),
            Operation(
                "PATCH", _SCHEDULE, self.change, level="admin", tag="schedules", body=SchedulePatch, answer=ScheduleView, versioned=True
            ),
            Operation(
                "POST", f"{_SCHEDULE}/run", self.run, level="admin", tag="schedules", answer=JobAccepted, status=202, idempotent=True
            ),
        ]

    async def list(self, call: Call[None, ListQuery]) -> Answer:
        """List schedules: what runs by itself, and when."""
        found = await self._schedules.page(call.tenant_id, after_uuid(call.page), call.page.limit + 1)
        return call.listed(SchedulePage, found, schedule_view, lambda last: str(last.id))

    async def change(self, call: Call[SchedulePatch]) -> Answer:
        """Change when something runs, or switch it off."""
        with schedule_flaws():
            changed = await self._change(call, call.body)
        if changed is None:
            raise call.missing()
        return Answer(schedule_view(changed), etag=changed.version)

    async def run(self, call: Call) -> Answer:
        """Run it now, besides its schedule."""
        job_id = await self._schedules.run(call.tenant_id, call.uuid("id"), call.caller.actor)
        if job_id is None:
            raise call.missing()
        return accepted(job_id, self._signals)

    async def _change(self, call: Call[SchedulePatch], body: SchedulePatch) -> Schedule | None:
        try:
            return await self._schedules.change(
                call.tenant_id, call.uuid("id"), call.if_match, body.cron, body.time_zone, body.enabled, call.caller.actor
            )
        except Stale as error:
            raise stale(error.current) from None


def accepted(job_id: UUID, signals: Signals) -> Answer:
    """Return the 202 of a job; the worker hears of it once it is committed."""
    return Answer(JobAccepted(job_id=job_id), headers={"Location": f"/api/jobs/{job_id}"}, afterwards=signals.kick_jobs)


def _shown(call: Call, row: JobRow | None) -> Answer:
    if row is None:
        raise call.missing()
    return Answer(job_view(row))


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except JobRefused as error:
        raise Problem(409, str(error), reason=f"job-{error.why}") from None


@contextmanager
def schedule_flaws() -> Iterator[None]:
    """Turn what is no schedule into a 422 that says where."""
    try:
        yield
    except InvalidDefinition as error:
        flaws = [Flaw(problem.reason, "schedule", pointer=f"/{problem.place}") for problem in error.problems]
        raise Problem(422, "this is not a schedule", errors=flaws) from None
