"""Forgetting what is old."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from actors.domain.ids import TenantId
from actors.domain.jobs import Mark
from actors.ports.jobs import JobLease


@dataclass(frozen=True, slots=True)
class Keeping:
    """After how many days what goes. `conversations_days`: of silence; None: they stay."""

    activity_days: int
    traces_days: int  # traces, and what channels sent, word for word
    conversations_days: int | None = None


class Retention(Protocol):
    """What a tenant's past left behind."""

    async def count(self, tenant_id: TenantId, keeping: Keeping) -> int:
        """Return how many rows and conversations are too old."""

    async def prune(self, lease: JobLease, keeping: Keeping, portion: int, mark: Callable[[int], Mark]) -> int:
        """Delete at most `portion` of each kind under the job's lease, with the mark for that many; return how many went."""
