"""Replays: which conversations are decided again by which version, and what came of each turn."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from actors.services.jobs.agent_replay import MOST_CONVERSATIONS
from gateway.schemas.bodies import Body, ListQuery, Number, VersionNumber, View
from gateway.schemas.conversations import Id
from gateway.schemas.jobs import ProgressView
from storage.jobs.views import JobState
from storage.replays import ReplayItem, ReplayRow

OutcomeName = Literal["same", "differs", "asked", "skipped"]


class ReplayRequest(Body):
    """Which version decides, and which conversations: these, or the agent's last ones."""

    version: Literal["published", "draft"] | VersionNumber = Field(default="draft", description="`draft` is the draft as it is now")
    last: Annotated[int, Field(ge=1, le=MOST_CONVERSATIONS)] = 50
    conversation_ids: Annotated[list[Number], Field(min_length=1, max_length=MOST_CONVERSATIONS)] | None = Field(
        default=None, description="in place of the last ones; of any agent"
    )


class ReplayResult(View):
    """How many turns came out how.

    `asked`: a model would be asked anew, so nobody knows what it would say. `skipped`: they cannot be replayed. `forgotten`: older
    turns whose traces are not kept any more. `cut_conversations` have more turns than are replayed of one.
    """

    conversations: int
    same: int
    differs: int
    asked: int
    skipped: int
    forgotten: int
    changed_conversations: int = Field(description="with turns that differ")
    cut_conversations: int


class ReplayView(View):
    """A replay. Its job can be cancelled: what was replayed until then stays, for a week."""

    id: UUID = Field(description="of its job")
    version: int
    state: JobState
    progress: ProgressView
    result: ReplayResult | None
    error: str | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None


class ReplayPage(View):
    """Replays, the newest first."""

    items: list[ReplayView]
    next: str | None = Field(description="the cursor of the next page")


class ReplayTurnsQuery(ListQuery):
    """Which turns."""

    outcome: OutcomeName | None = None
    conversation_id: Number | None = None


class ReplaySource(View):
    """A passage that an answer used."""

    id: str
    title: str


class ReplaySide(View):
    """What a turn did. `mode` is how it answered, empty if it did not; `rules` are those that fired."""

    mode: str
    reason: str
    script: str = Field(description="id of the script that matched; empty: none")
    script_name: str
    sources: list[ReplaySource]
    text: str
    handoff: bool
    rules: list[str]


class ReplayTurnView(View):
    """A recorded turn and what it would be now. `differs` names what is not the same; `why` says why it was skipped."""

    conversation_id: Id
    title: str
    number: int = Field(description="its place in the conversation")
    turn_id: UUID
    at: datetime
    outcome: OutcomeName
    asked: list[str] = Field(description="what the customer wrote")
    recorded: ReplaySide
    now: ReplaySide | None
    differs: list[str]
    why: Literal["", "operator", "dead_letter", "unreadable", "input_gone", "started_by_people", "asked_by_people"]


class ReplayTurnPage(View):
    """Turns, conversation by conversation."""

    items: list[ReplayTurnView]
    next: str | None = Field(description="the cursor of the next page")


def replay_view(item: ReplayItem) -> ReplayView:
    """Return a replay."""
    return ReplayView(
        id=item.id,
        version=item.version,
        state=item.state,
        progress=ProgressView(done=item.progress_done, total=item.progress_total, note=item.progress_note),
        result=ReplayResult.model_validate(dict(item.result)) if item.result else None,
        error=item.error,
        created_by=item.created_by,
        created_at=item.created_at,
        finished_at=item.finished_at,
    )


def turn_view(row: ReplayRow) -> ReplayTurnView:
    """Return a replayed turn."""
    body = row.body
    return ReplayTurnView(
        conversation_id=str(row.conversation_id),
        title=row.title,
        number=row.number,
        turn_id=row.turn_id,
        at=body["at"],
        outcome=row.outcome,
        asked=list(body["asked"]),
        recorded=_side(body["recorded"]),
        now=_side(body["now"]) if body["now"] else None,
        differs=list(body["differs"]),
        why=body["why"],
    )


def _side(side: Mapping[str, Any]) -> ReplaySide:
    return ReplaySide(**{**side, "sources": [ReplaySource(id=id_, title=title) for id_, title in side["sources"]]})
