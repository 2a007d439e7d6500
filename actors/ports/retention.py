"""Forgetting what is old."""

from collections.abc import Callable
from typing import Protocol

from actors.domain.ids import TenantId
from actors.domain.jobs import Mark
from actors.ports.jobs import JobLease


class ActivityPruning(Protocol):
    """The activity and the traces of a tenant, as far as they are old."""

    async def count(self, tenant_id: TenantId, days: int) -> int:
        """Return how many rows are older than `days`."""

    async def prune(self, lease: JobLease, days: int, portion: int, mark: Callable[[int], Mark]) -> int:
        """Delete at most `portion` rows of each kind under the job's lease, with the mark for that many; return how many went."""
