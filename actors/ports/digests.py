"""The daily digest: what it needs to know, who reads it, and sending it once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Protocol
from uuid import UUID

from actors.domain.digest import DigestFacts
from actors.domain.ids import TenantId
from actors.ports.jobs import JobLease


@dataclass(frozen=True, slots=True)
class Reader:
    """A user whose Telegram is linked: their chat is a conversation with one of the company's bots."""

    user_id: UUID
    name: str
    locale: str
    chat: int


class DigestStore(Protocol):
    """What a digest is made of and where it goes."""

    async def zone(self, tenant_id: TenantId) -> tzinfo:
        """Return the time zone in which the company's days begin."""

    async def facts(self, tenant_id: TenantId, day: date, zone: tzinfo) -> DigestFacts:
        """Return what happened on a day, and what needs people now."""

    async def readers(self, tenant_id: TenantId, user_id: UUID | None) -> Sequence[Reader]:
        """Return the owners whose Telegram is linked, or one user if theirs is."""

    async def send(self, lease: JobLease, reader: Reader, key: str, text: str) -> bool:
        """Send it, under the job's lease and once for the key; False: it was sent before.

        Raises:
            OwnershipLost, JobCancelled: nothing was sent.
        """
