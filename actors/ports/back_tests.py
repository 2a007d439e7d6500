"""Recorded turns as back-tests read them, and where it is kept what came of it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from actors.domain.ids import AgentId, TenantId
from actors.domain.jobs import Mark
from actors.domain.rules.back_test import Finding
from actors.domain.rules.past import Said
from actors.ports.jobs import JobLease


@dataclass(frozen=True, slots=True)
class Span:
    """The time between two moments of the database's clock, and how many conversations with the agent went on since it began."""

    since: datetime
    until: datetime
    conversations: int


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn with its trace as stored: `trace.from_bytes` reads it."""

    conversation_id: int
    turn_id: UUID
    at: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class TurnPage:
    """Turns of one conversation after the other, each in their order; `done` conversations are behind it."""

    turns: Sequence[StoredTurn]
    done: int


class BackTestStore(Protocol):
    """What back-tests read and leave behind."""

    async def span(self, tenant_id: TenantId, agent_id: AgentId, days: int) -> Span:
        """Return the last days until now."""

    def pages(self, tenant_id: TenantId, agent_id: AgentId, span: Span) -> AsyncIterator[TurnPage]:
        """Return the turns of a span page by page."""

    async def said(self, tenant_id: TenantId, turn_ids: Sequence[UUID]) -> Mapping[UUID, Said]:
        """Return what customers wrote in turns; those where nobody did are left out."""

    async def fired_before(self, tenant_id: TenantId, agent_id: AgentId, rule: str, before: datetime) -> Mapping[int, int]:
        """Return when a rule fired last before a moment, in Unix seconds, by conversation; `rule` is its key."""

    async def save(self, lease: JobLease, findings: Sequence[Finding], mark: Mark) -> None:
        """Store the events to look at in place of those of an earlier try, in one transaction under the job's lease.

        Raises:
            JobCancelled: a person wants the job ended.
            OwnershipLost: the lease was lost.
        """
