"""Jobs and schedules: what is asked for and what is shown."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from gateway.schemas.bodies import Body, ListQuery, View, cleaned
from storage.jobs.schedules import Schedule
from storage.jobs.views import JobRow, JobState

_JOB_NAME = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9:_-]{0,63}$"), Field(description="the kind of job, as `activity:retention`")
]
Cron = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=9, max_length=100),
    BeforeValidator(cleaned),
    Field(description="minute, hour, day, month, weekday", examples=["30 3 * * *"]),
]
Zone = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{0,63}$"),
    Field(description="of the IANA list", examples=["Europe/Berlin"]),
]


class JobsQuery(ListQuery):
    """Which jobs."""

    state: JobState | None = None
    name: _JOB_NAME | None = None


class ProgressView(View):
    """How far a job is: `done` of `total`, if that is known."""

    done: int
    total: int | None
    note: str


class JobView(View):
    """A job. `failed`: it cannot be done, `error` says why. `dead`: every try failed. Both can be retried."""

    id: UUID
    name: str
    state: JobState
    progress: ProgressView
    result: dict[str, Any] | None = Field(description="what a job that is done has to say")
    error: str | None = Field(description="why the last try failed")
    attempts: int = Field(description="tries begun")
    max_attempts: int
    cancel_requested: bool = Field(description="it is running and ends within seconds")
    created_by: str = Field(description="who asked for it; empty: a schedule or the program itself")
    created_at: datetime
    run_at: datetime = Field(description="it does not begin before")
    started_at: datetime | None
    finished_at: datetime | None


class JobPage(View):
    """Jobs, the newest first."""

    items: list[JobView]
    next: str | None = Field(description="the cursor of the next page")


class JobAccepted(View):
    """The job that does it; if the same work was on its way already, that job."""

    job_id: UUID


class SchedulePatch(Body):
    """What becomes of a schedule; what is left out stays."""

    cron: Cron | None = None
    time_zone: Zone | None = None
    enabled: bool | None = None


class ScheduleView(View):
    """When a job runs by itself. A run that would meet the one before is left out."""

    id: UUID
    key: str
    name: str
    cron: str
    time_zone: str
    enabled: bool
    next_at: datetime | None
    last_at: datetime | None
    last_job_id: UUID | None
    problem: str | None = Field(description="why it was switched off")
    version: int


class SchedulePage(View):
    """Schedules."""

    items: list[ScheduleView]
    next: str | None = Field(description="the cursor of the next page")


def job_view(row: JobRow) -> JobView:
    """Return a job; where its files are is nobody's business."""
    return JobView(
        id=row.id,
        name=row.name,
        state=row.state,
        progress=ProgressView(done=row.progress_done, total=row.progress_total, note=row.progress_note),
        result=_without_parts(row.result),
        error=row.error,
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        cancel_requested=row.cancel_requested and row.state == "running",
        created_by=row.created_by,
        created_at=row.created_at,
        run_at=row.run_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def schedule_view(schedule: Schedule) -> ScheduleView:
    """Return a schedule."""
    return ScheduleView.model_validate(schedule, from_attributes=True)


def _without_parts(result: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if result is None else {name: value for name, value in result.items() if name != "parts"}
