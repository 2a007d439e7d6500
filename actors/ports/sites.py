"""Sites whose pages are documents, as the jobs see them that read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from actors.domain.jobs import Mark
from actors.ports.documents import Arrived, Reading, Unreadable
from actors.ports.jobs import JobLease

Kept = Literal["added", "changed", "same", "twice", "deleted"]


@dataclass(frozen=True, slots=True)
class Site:
    """A site: where it begins, and the pages that are known of it."""

    id: UUID
    address: str
    pages: Sequence[str]


class SiteStore(Protocol):
    """Everything is written under the job's lease; JobCancelled and OwnershipLost come out of it and are to be let through."""

    async def site(self, lease: JobLease, site_id: UUID) -> Site | None:
        """Return a site; None if it is gone."""

    async def keep_page(self, lease: JobLease, site: Site, address: str, reading: Reading, arrived: Arrived, mark: Mark) -> Kept:
        """Let a page hold what was read. One whose text another page of the site has, or that a person deleted, is left out."""

    async def page_gone(self, lease: JobLease, site: Site, address: str, mark: Mark) -> bool:
        """Delete a page that the site has no longer; it comes back when the site has it again. Return whether it was there."""

    async def finish(self, lease: JobLease, site: Site, mark: Mark) -> None:
        """Note that all of it was read."""

    async def refuse(self, lease: JobLease, site: Site, error: Unreadable) -> None:
        """Note why it cannot be read."""
