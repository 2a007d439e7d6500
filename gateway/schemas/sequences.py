"""Sequences and enrollments: what is sent and what is shown."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field

from actors.domain.sequences.engine import Planned
from actors.domain.sequences.models import AGAIN, STOPS_ON, STOPS_UNSAID, Again, StopsOn
from gateway.schemas.agents import Line, Title
from gateway.schemas.bodies import Body, Document, ListQuery, View
from gateway.schemas.conversations import Channel, Control, Id
from gateway.schemas.hours import HoursBody, hours_filled
from gateway.schemas.scripts import Key
from storage.authoring.sequences import SequenceItem
from storage.enrollments import Counts, EnrollmentItem, State

Year = 365 * 86_400.0


def _text(value: Any) -> Any:
    """Refuse numbers, which would be taken for seconds since 1970."""
    if not isinstance(value, str):
        raise ValueError("a text, as 2026-03-01T10:00:00Z")
    return value


Moment = Annotated[datetime, Field(strict=False), BeforeValidator(_text)]


class SequenceBody(Body):
    """A sequence as it is written.

    `steps`: `{"do": "send", "text": {"en": "..."}}`, `send_script` (`script`), `wait` (`days` keep the time of day, `seconds` are
    counted), `wait_until` (`clock`, `weekdays`, not before `days`), `check` (`when` as in rules, `otherwise`: `finish`, or `skip`
    so many steps), `set_variable`, `add_tag`, `remove_tag`, `call_webhook`, `notify`, `assign` and all of `crm_...` as in rules,
    `hand_off` as the last. A step keeps its `id`: runs that move to changed steps go on at the same one.
    """

    key: Key | None = None
    name: Title
    enabled: bool = True
    timezone: Line = "UTC"
    hours: HoursBody = HoursBody()
    stops_on: Annotated[list[StopsOn], Field(max_length=len(STOPS_ON))] = list(STOPS_UNSAID)  # noqa: RUF012
    again: Again = AGAIN[0]
    again_after_s: Annotated[float, Field(ge=0, le=Year)] = 0.0
    goal: Document | None = None
    listens_s: Annotated[float, Field(ge=60, le=90 * 86_400.0)] = 86_400.0
    steps: Annotated[list[Document], Field(max_length=200)]

    def definition(self, key: str) -> dict[str, Any]:
        """Return what is stored and published."""
        return {"id": self.key or key, **self.model_dump(exclude={"key"}, by_alias=True)}


class CountsView(View):
    """How the runs of a sequence stand: `replied` ended because the customer wrote, `goal` reached it, `outdated` run older steps."""

    active: int
    paused: int
    finished: int
    stopped: int
    goal: int
    replied: int
    outdated: int


class SequenceView(View):
    """A sequence of the draft; `version` is its ETag."""

    id: UUID
    key: str
    version: int
    name: str
    enabled: bool
    timezone: str
    hours: dict[str, Any]
    stops_on: list[str]
    again: str
    again_after_s: float
    goal: dict[str, Any] | None
    listens_s: float
    steps: list[dict[str, Any]]
    published: bool
    paused_at: datetime | None
    runs: CountsView
    created_at: datetime
    changed_at: datetime
    changed_by: str
    deleted_at: datetime | None


class SequenceQuery(ListQuery):
    """Which sequences: those there are, or those that can be restored."""

    deleted: bool = False


class SequencePage(View):
    """Sequences, the oldest first."""

    items: list[SequenceView]
    next: str | None


class SequenceDraft(Body):
    """A sequence that may be unfinished."""

    sequence: Document


class PreviewBody(Body):
    """A sequence that may be unsaved, when it would start, and the customer's time zone; without one: the sequence's."""

    sequence: Document
    start: Moment | None = None
    timezone: Line = ""


class PlannedView(View):
    """A step and when it is carried out; `number` counts from 1. `local`: the same moment in the customer's time."""

    number: int
    do: str
    at: datetime
    local: str


class PreviewView(View):
    """When each step would be carried out if nobody answered and every condition were true."""

    timezone: str
    items: list[PlannedView]


class MovedView(View):
    """How many runs have the published steps now, and how many keep older ones because they are being carried out."""

    moved: int
    left: int


class EnrollmentQuery(ListQuery):
    """Which runs."""

    state: State | None = None


class EnrollBody(Body):
    """Whom to enroll."""

    conversation_id: Id


class EnrollmentView(View):
    """A conversation's run of a sequence. `step` counts from 1, and is behind `steps` while it listens for an answer."""

    id: Id
    conversation_id: Id
    title: str
    control: Control
    channel: Channel
    state: State
    step: int
    steps: int
    does: str | None
    next_at: datetime | None
    reason: str
    goal: bool
    run: int
    latest: bool
    started_at: datetime
    changed_at: datetime
    ended_at: datetime | None


class EnrollmentPage(View):
    """Runs, the newest first."""

    items: list[EnrollmentView]
    next: str | None


def sequence_view(item: SequenceItem, counts: Counts, outdated: int, published: bool) -> SequenceView:
    """Return a sequence."""
    defaults = {"name": item.key, "steps": [], "hours": {}}
    body = SequenceBody.model_construct(**{**defaults, **item.definition})
    names = ("name", "enabled", "timezone", "stops_on", "again", "again_after_s", "goal", "listens_s", "steps")
    fields = {name: getattr(body, name) for name in names}
    hours = hours_filled(item.definition.get("hours", {}))
    return SequenceView(
        **fields,
        hours=hours,
        id=item.id,
        key=item.key,
        version=item.version,
        published=published,
        paused_at=item.paused_at,
        runs=CountsView(
            active=counts.active,
            paused=counts.paused,
            finished=counts.finished,
            stopped=counts.stopped,
            goal=counts.goal,
            replied=counts.replied,
            outdated=outdated,
        ),
        created_at=item.created_at,
        changed_at=item.changed_at,
        changed_by=item.changed_by,
        deleted_at=item.deleted_at,
    )


def planned_view(planned: Planned, local: datetime) -> PlannedView:
    """Return a step of a preview."""
    return PlannedView(number=planned.number + 1, do=planned.step.do, at=planned.at, local=local.isoformat(timespec="minutes"))


def enrollment_view(item: EnrollmentItem) -> EnrollmentView:
    """Return a run."""
    return EnrollmentView(
        id=str(item.id),
        conversation_id=str(item.conversation_id),
        title=item.title,
        control=item.control,
        channel=item.channel,
        state=item.state,
        step=item.step + 1,
        steps=item.steps,
        does=item.does,
        next_at=item.next_at,
        reason=item.reason,
        goal=item.goal,
        run=item.run,
        latest=item.latest,
        started_at=item.started_at,
        changed_at=item.changed_at,
        ended_at=item.ended_at,
    )
