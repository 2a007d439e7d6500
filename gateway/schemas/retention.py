"""What a company keeps, and for how long."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from actors.ports.retention import Keeping
from gateway.schemas.bodies import Body, View
from storage.retention import RetentionPlan

_ACTIVITY = "the activity log, and what the dashboard tells of"
_TRACES = "why each answer was given, and what channels sent, word for word: without them nothing is replayed or tried on the past"
_CONVERSATIONS = "conversations that have been silent for so long, with everything said in them; null: they stay"


class RetentionBody(Body):
    """After how many days what goes, for good."""

    activity_days: Annotated[int, Field(ge=30, le=3_650, description=_ACTIVITY)]
    traces_days: Annotated[int, Field(ge=1, le=3_650, description=_TRACES)]
    conversations_days: Annotated[int, Field(ge=30, le=3_650)] | None = Field(description=_CONVERSATIONS)

    @property
    def keeping(self) -> Keeping:
        """Return it as storage wants it."""
        return Keeping(self.activity_days, self.traces_days, self.conversations_days)


class RetentionView(View):
    """What is kept for how many days; `next_at` is when the next night is that something goes."""

    activity_days: int = Field(description=_ACTIVITY)
    traces_days: int = Field(description=_TRACES)
    conversations_days: int | None = Field(description=_CONVERSATIONS)
    enabled: bool = Field(description="false: the schedule was switched off, nothing goes")
    next_at: datetime | None


class TooOldView(View):
    """How much would go with the next night."""

    activity: int
    traces: int
    inputs: int
    conversations: int


def retention_view(plan: RetentionPlan) -> RetentionView:
    """Return what a company keeps."""
    keeping = plan.keeping
    return RetentionView(
        activity_days=keeping.activity_days,
        traces_days=keeping.traces_days,
        conversations_days=keeping.conversations_days,
        enabled=plan.enabled,
        next_at=plan.next_at,
    )
