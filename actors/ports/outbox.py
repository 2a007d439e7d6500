"""What is to be sent, leased to one sender."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from actors.domain.ids import Address, ConversationId, IntegrationId, OutboxId, TenantId
from actors.ports.carriers import Carrier


@dataclass(frozen=True, slots=True)
class Claim:
    """An outbox row leased to one sender."""

    id: OutboxId
    tenant_id: TenantId
    conversation_id: ConversationId
    address: Address
    delivery_class: Literal["reply", "operator", "step"]
    policy: Literal["once", "repeat_once"]
    uncertain: int
    attempts: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a send ended."""

    id: OutboxId
    outcome: Literal["sent", "failed", "retry", "unknown"]
    error: str | None = None
    provider_message_id: str | None = None
    delay_s: float = 0.0


class OutboxStore(Protocol):
    """Effects, stored with the state, sent by the channel's policy."""

    async def claim(
        self, carrier: Carrier, paused: Sequence[IntegrationId], per_integration: int, limit: int, lease_s: float
    ) -> list[Claim]: ...
    async def begin(self, carrier: Carrier, ids: Sequence[OutboxId]) -> set[OutboxId]:
        """Commit `sending`; only the returned ids may be written to the wire."""

    async def finish(self, carrier: Carrier, outcomes: Sequence[Outcome]) -> int: ...
    async def reclaim(self, carrier: Carrier) -> int:
        """Give back at once what older generations had claimed but not begun."""

    async def unreachable(self, carrier: Carrier, outbox_id: OutboxId, reason: str) -> int:
        """Fail what else waits for the contact of a row being sent, end its timers and say so; return how many rows failed."""

    async def moved(self, carrier: Carrier, outbox_id: OutboxId, address: Address) -> None:
        """Move the conversation of a row being sent, with what waits for it, to another address."""

    async def expire(self) -> dict[str, int]:
        """Apply the policy to rows whose lease ended; return counts by resulting state."""
