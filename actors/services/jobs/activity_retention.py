"""`activity:retention`: what is old of a company goes: activity, traces with what channels sent, and conversations if it wants that."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from actors.domain.jobs import Mark, Progress
from actors.ports.jobs import JobContext
from actors.ports.retention import Keeping, Retention

_PORTION = 1_000  # rows of one transaction: 10 to 30 ms
Days = Annotated[int, Field(ge=1, le=36_500)]


class RetentionPayload(BaseModel):
    """After how many days what goes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    activity_days: Days = 365
    traces_days: Days = 30
    conversations_days: Days | None = None

    @property
    def keeping(self) -> Keeping:
        """Return it as storage wants it."""
        return Keeping(self.activity_days, self.traces_days, self.conversations_days)


class ActivityRetention:
    """Deletes in portions; begun again it deletes what is left."""

    name: ClassVar[str] = "activity:retention"
    timeout_s: ClassVar[float] = 3_600.0
    payload = RetentionPayload

    def __init__(self, retention: Retention) -> None:
        self._retention = retention

    async def run(self, payload: RetentionPayload, context: JobContext) -> Mapping[str, Any]:
        """Delete until nothing is old; return how much went in all tries."""
        done = before = int(context.checkpoint.get("deleted", 0))
        total = before + await self._retention.count(context.lease.tenant_id, payload.keeping)

        def mark(gone: int) -> Mark:
            return Mark(Progress(done + gone, max(total, done + gone)), {"deleted": done + gone})

        while gone := await self._retention.prune(context.lease, payload.keeping, _PORTION, mark):
            done += gone
        return {"deleted": done, **payload.model_dump()}
