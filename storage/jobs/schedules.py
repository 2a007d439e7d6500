"""Schedules as people see and change them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from actors.domain.cron import next_run
from storage.accounts.audit import Actor, record
from storage.authoring.changes import check
from storage.postgres import Connection, Database

_SCHEDULE = """
select id, key, name, cron, time_zone, enabled, next_at, last_at, last_job_id, problem, version from job_schedules"""
_PAGE = f"{_SCHEDULE} where $1::uuid is null or id > $1 order by id limit $2"
_FIND = f"{_SCHEDULE} where id = $1"
_CHANGE = """
update job_schedules set cron = $2, time_zone = $3, enabled = $4, next_at = $5, problem = null, version = version + 1 where id = $1"""
_RUN = """
select job_enqueue(s.tenant_id, s.name, s.payload, 'schedule:' || s.id, p_by => $2, p_schedule => s.id)
from job_schedules s where s.id = $1"""
_RAN = "update job_schedules set last_at = now(), last_job_id = $2 where id = $1"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job runs by itself. `problem` says why it does not."""

    id: UUID
    key: str
    name: str
    cron: str
    time_zone: str
    enabled: bool
    next_at: datetime | None
    last_at: datetime | None
    last_job_id: UUID | None
    problem: str | None
    version: int


class Schedules:
    """The schedules of a tenant; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, tenant_id: UUID, after: UUID | None, limit: int) -> list[Schedule]:
        """Return schedules by id."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [Schedule(*r.values()) for r in await connection.fetch(_PAGE, after, limit)]

    async def change(
        self, tenant_id: UUID, schedule_id: UUID, expected: int, cron: str | None, time_zone: str | None, enabled: bool | None, by: Actor
    ) -> Schedule | None:
        """Change what is not None. None if there is no such schedule.

        Raises:
            Stale: somebody changed it.
            InvalidDefinition: these are not five cron fields, or no time zone.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await _find(connection, schedule_id, lock=True)
            if before is None:
                return None
            check(before.version, expected)
            new_cron, new_zone = cron or before.cron, time_zone or before.time_zone
            following = next_run(new_cron, new_zone, await connection.fetchval("select now()"))
            await connection.execute(_CHANGE, schedule_id, new_cron, new_zone, before.enabled if enabled is None else enabled, following)
            after = await _find(connection, schedule_id)
            assert after is not None  # locked above
            subject = f"schedule:{schedule_id}"
            await record(connection, tenant_id, by, "schedule.changed", subject, _told(before), _told(after))
            return after

    async def run(self, tenant_id: UUID, schedule_id: UUID, by: Actor) -> UUID | None:
        """Queue what the schedule would queue, now; return the job's id. None if there is no such schedule."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            job_id: UUID | None = await connection.fetchval(_RUN, schedule_id, by.name)
            if job_id is None:
                return None
            await connection.execute(_RAN, schedule_id, job_id)
            await record(connection, tenant_id, by, "job.requested", f"job:{job_id}", None, {"schedule": str(schedule_id)})
        return job_id


async def _find(connection: Connection, schedule_id: UUID, *, lock: bool = False) -> Schedule | None:
    r = await connection.fetchrow(_FIND + (" for update" if lock else ""), schedule_id)
    return Schedule(*r.values()) if r else None


def _told(schedule: Schedule) -> dict[str, Any]:
    return {"key": schedule.key, "cron": schedule.cron, "time_zone": schedule.time_zone, "enabled": schedule.enabled}
