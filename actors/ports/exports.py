"""Giving a company its data."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from actors.domain.ids import TenantId
from actors.ports.jobs import JobLease

KEPT = timedelta(hours=24)  # it is everything a company knows of its customers: no longer than it takes to fetch it


@dataclass(frozen=True, slots=True)
class ExportedConversation:
    """A conversation with a customer, and what is known of them."""

    id: int
    channel: str
    integration_id: UUID
    agent_id: UUID
    key: str
    title: str
    control: str
    created_at: datetime
    last_at: datetime
    agent: str
    state: Mapping[str, Any]  # as the conversation keeps it: name, language, tags, variables, blocked


@dataclass(frozen=True, slots=True)
class ExportedMessage:
    """A message. `delivery` is None for customers' messages and where the commit is the delivery; `files` are only described."""

    id: int
    conversation_id: int
    role: str
    body: str
    mode: str | None
    created_at: datetime
    turn_id: UUID
    external_id: str | None
    sources: Sequence[Mapping[str, Any]]
    files: Sequence[Mapping[str, Any]]
    delivery: str | None


class ExportPages(Protocol):
    """What there is to export of a tenant, page by page."""

    async def count(self, tenant_id: TenantId) -> int:
        """Return how many conversations there are."""

    async def conversations(self, tenant_id: TenantId, after: int, limit: int) -> Sequence[ExportedConversation]:
        """Return conversations after the conversation `after`, by id."""

    async def messages(self, tenant_id: TenantId, conversation_id: int, after: int, limit: int) -> Sequence[ExportedMessage]:
        """Return messages of a conversation after the message `after`, by id."""


class ExportFiles(Protocol):
    """Where exports are kept until they are fetched, in parts. A part that no checkpoint names is never shown."""

    async def write(self, lease: JobLease, number: int, lines: AsyncIterator[bytes]) -> tuple[str, int]:
        """Write part `number` and return its name and size, once it is safely on disk."""
