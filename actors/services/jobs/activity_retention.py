"""`activity:retention`: old activity and traces of a company go. Conversations and messages stay."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from actors.domain.jobs import Mark, Progress
from actors.ports.jobs import JobContext
from actors.ports.retention import ActivityPruning

_PORTION = 1_000  # rows of one transaction: 10 to 30 ms


class RetentionPayload(BaseModel):
    """After how many days rows go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: Annotated[int, Field(ge=1, le=36_500)] = 365


class ActivityRetention:
    """Deletes in portions; begun again it deletes what is left."""

    name: ClassVar[str] = "activity:retention"
    timeout_s: ClassVar[float] = 3_600.0
    payload = RetentionPayload

    def __init__(self, pruning: ActivityPruning) -> None:
        self._pruning = pruning

    async def run(self, payload: RetentionPayload, context: JobContext) -> Mapping[str, Any]:
        """Delete until nothing is old; return how many rows went in all tries."""
        done = before = int(context.checkpoint.get("deleted", 0))
        total = before + await self._pruning.count(context.lease.tenant_id, payload.days)

        def mark(gone: int) -> Mark:
            return Mark(Progress(done + gone, max(total, done + gone)), {"deleted": done + gone})

        while gone := await self._pruning.prune(context.lease, payload.days, _PORTION, mark):
            done += gone
        return {"deleted": done, "days": payload.days}
