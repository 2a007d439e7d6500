"""Proposals to a new agent, as the job sees them that makes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from actors.domain.agent.spending import Spent
from actors.domain.ids import TenantId
from actors.domain.jobs import Mark
from actors.domain.proposing.models import Proposals, SitePassage
from actors.ports.jobs import JobLease


@dataclass(frozen=True, slots=True)
class Indexed:
    """How far a site's base is: `vectors` are there, and `complete` says that none is missing."""

    base_id: UUID
    complete: bool
    vectors: int


class ProposalStore(Protocol):
    """What the job reads and leaves behind."""

    async def passages(self, tenant_id: TenantId, site_id: UUID, limit: int) -> Sequence[SitePassage]:
        """Return the first passages of a site's pages, in their order."""

    async def indexed(self, tenant_id: TenantId, site_id: UUID) -> Indexed:
        """Return how much of the site's base is found by meaning."""

    async def keep(self, lease: JobLease, agent_id: UUID, proposals: Proposals, spent: Spent | None, mark: Mark) -> None:
        """Store proposals in place of those of an earlier try, and what a model cost; accepted ones stay.

        Raises:
            JobCancelled, OwnershipLost: nothing was written; let them through.
        """
