"""Back-tests: what came of a rule that was tried on the events of the last days."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from actors.domain.rules.models import On
from gateway.schemas.bodies import ListQuery, View, cleaned
from gateway.schemas.conversations import Id
from gateway.schemas.jobs import ProgressView
from storage.back_tests import BackTestEvent, BackTestItem
from storage.jobs.views import JobState

OutcomeName = Literal["fired", "gained", "lost", "missed"]


class ReasonView(View):
    """Why a rule does not fire, and on how many events. The first question that failed or is unknown decides."""

    reason: str
    events: int


class UnknownView(View):
    """A fact that the rule asks for, and on how many events it was not recorded or not known."""

    fact: str
    events: int


class TallyView(View):
    """What one rule would have done. `woken`: events that it waits for."""

    woken: int
    fired: int
    reasons: list[ReasonView]
    unknown: list[UnknownView]


class BackTestResult(View):
    """What would have happened: the rule as it was sent, and without the change if it is one.

    `turns`: how many were looked at; `events`: what one of the two waits for. `gained`: it fires with the change only; `lost`: without
    it only.
    """

    since: datetime
    until: datetime
    turns: int
    events: int
    gained: int
    lost: int
    tried: TallyView
    saved: TallyView | None


class BackTestView(View):
    """A back-test. Its job can be cancelled. It is kept for a week."""

    id: UUID = Field(description="of its job")
    days: int
    state: JobState
    progress: ProgressView = Field(description="in conversations")
    result: BackTestResult | None
    error: str | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None


class BackTestEventsQuery(ListQuery):
    """Which events; `reason` as the result has it."""

    outcome: OutcomeName | None = None
    reason: Annotated[str, StringConstraints(max_length=2_000), BeforeValidator(cleaned)] | None = None


class BackTestEventView(View):
    """An event: on `fired` the rule fires, on `gained` with the change only, on `lost` without it only, on `missed` in no way.

    `reason` and `saved_reason` say why the rule does not fire, with and without the change; empty: it does.
    """

    id: Id
    conversation_id: Id
    turn_id: UUID
    at: datetime
    on: On
    text: str
    outcome: OutcomeName
    reason: str
    saved_reason: str


class BackTestEventPage(View):
    """Events, the newest first: at most 1,000 of `fired`, `gained` and `lost`, and 20 of each reason of `missed`."""

    items: list[BackTestEventView]
    next: str | None = Field(description="the cursor of the next page")


def back_test_view(item: BackTestItem) -> BackTestView:
    """Return a back-test."""
    return BackTestView(
        id=item.id,
        days=item.days,
        state=item.state,
        progress=ProgressView(done=item.progress_done, total=item.progress_total, note=item.progress_note),
        result=BackTestResult.model_validate(dict(item.result)) if item.result else None,
        error=item.error,
        created_by=item.created_by,
        created_at=item.created_at,
        finished_at=item.finished_at,
    )


def event_view(row: BackTestEvent) -> BackTestEventView:
    """Return an event."""
    return BackTestEventView(
        id=str(row.position),
        conversation_id=str(row.conversation_id),
        turn_id=row.turn_id,
        outcome=row.outcome,
        reason=row.reason,
        **row.body,
    )
