"""The dashboard: what happened, and what it adds up to."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints

from actors.domain.activity import KINDS
from actors.domain.rollups import Tally, quantile
from gateway.schemas.bodies import Cursor, ListQuery, Number, Query, View, cleaned
from gateway.schemas.conversations import Channel
from storage.updates import UpdateFilter

_OLDEST, _NEWEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _sensible(at: datetime) -> datetime:
    """Return a time in UTC that PostgreSQL can add to; nothing happened outside of these two centuries."""
    return min(max(at.astimezone(UTC) if 1 < at.year < 9999 else at.replace(tzinfo=UTC), _OLDEST), _NEWEST)


def _written(value: object) -> object:
    """Refuse a bare number, which pydantic takes for seconds since 1970; the API's times are RFC 3339."""
    if not isinstance(value, str) or "-" not in value[1:]:
        raise ValueError("a time is written as 2026-11-26T18:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_sensible)]
Kinds = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z_]{1,32}\.[a-z_]{1,32}(,[a-z_]{1,32}\.[a-z_]{1,32}){0,63}$"),
    BeforeValidator(cleaned),
    Field(description=f"kinds, with commas between them. There are {', '.join(sorted(KINDS))}", examples=["turn.answered,turn.handed_off"]),
]


class Range(Query):
    """Which part of the log; `until` itself is not in it."""

    kind: Kinds | None = None
    agent_id: UUID | None = None
    conversation_id: Number | None = None
    since: Moment | None = None
    until: Moment | None = None

    def where(self) -> UpdateFilter:
        """Return it as storage takes it."""
        kinds = tuple(self.kind.split(",")) if self.kind else ()
        conversation = min(int(self.conversation_id), 2**63 - 1) if self.conversation_id else None
        return UpdateFilter(kinds, self.agent_id, conversation, self.since, self.until)


class UpdatesQuery(Range, ListQuery):
    """Which updates: pages from the newest on (`cursor`), or what came since (`after`)."""

    after: Annotated[Cursor | None, Field(description="`cursor` of an earlier answer: what came since, oldest first")] = None


class ExportQuery(Range):
    """Which updates, and in which form."""

    format: Literal["csv", "json"] = "csv"


class SummaryQuery(Query):
    """Which range, widened to whole hours; without `since` the seven days before `until`, without `until` up to now."""

    agent_id: UUID | None = None
    channel: Channel | None = None
    since: Moment | None = None
    until: Moment | None = None


class SubjectView(View):
    """What an update is about. `id` is null where there is nothing to open."""

    type: str
    id: str | None
    title: str


class UpdateView(View):
    """Something that happened. `title` says it in English; `data` has the particulars, which differ by kind."""

    id: str
    kind: str
    at: datetime
    agent_id: UUID | None
    conversation_id: str | None
    subject: SubjectView
    title: str
    data: dict[str, Any]


class UpdatePage(View):
    """Updates. `next` leads to older ones; `cursor` is where to go on with `after`, also when there are no items."""

    items: list[UpdateView]
    next: str | None = Field(description="the cursor of the next page")
    cursor: str = Field(description="for `after`")


class NumbersView(View):
    """What was counted. `answered` are the customers' messages that an agent answered without a person."""

    messages: int
    answered: int
    turns: int
    handoffs: int
    takeovers: int
    errors: int
    waiting: int = Field(description="conversations that wait for a person now")
    median_s: float | None = Field(description="half of the answers came within this time; at most 5 % off")
    p95_s: float | None = Field(description="19 of 20 answers came within this time; at most 5 % off")
    spend: float = Field(description="what models cost, in dollars; models without a price count nothing")


class AgentNumbers(NumbersView):
    """What was counted for one agent; null: of no agent."""

    agent_id: UUID | None


class ChannelNumbers(NumbersView):
    """What was counted on one channel; empty: of no conversation."""

    channel: str


class PointView(View):
    """What was counted in one hour or day (of UTC) that begins at `at`."""

    at: datetime
    messages: int
    answered: int
    handoffs: int
    errors: int


class SummaryView(View):
    """Counters of a range. `as_of`: what was committed before is counted; null: nothing was counted yet."""

    since: datetime
    until: datetime
    as_of: datetime | None
    oldest_waiting_at: datetime | None = Field(description="since when the conversation waits that waits longest")
    total: NumbersView
    agents: list[AgentNumbers]
    channels: list[ChannelNumbers]
    step: Literal["hour", "day"]
    points: list[PointView]


def numbers(tally: Tally, waiting: int) -> dict[str, Any]:
    """Return the members that all counters have."""
    return {
        "messages": tally.messages,
        "answered": tally.answered,
        "turns": tally.turns,
        "handoffs": tally.handoffs,
        "takeovers": tally.takeovers,
        "errors": tally.errors,
        "waiting": waiting,
        "median_s": _rounded(quantile(tally.times, 0.5)),
        "p95_s": _rounded(quantile(tally.times, 0.95)),
        "spend": tally.micros / 1e6,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)


def point_view(at: datetime, tally: Tally) -> PointView:
    """Return one point of a chart."""
    return PointView(at=at, messages=tally.messages, answered=tally.answered, handoffs=tally.handoffs, errors=tally.errors)


def update_view(shown: Mapping[str, Any]) -> UpdateView:
    """Return an update from what live events carry."""
    return UpdateView.model_validate(shown)
