"""What arrived, and what is due: the inbox and timers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from actors.domain.ids import Address, InboxId, IntegrationId, TenantId
from actors.ports.carriers import Carrier


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A pending input as stored. `age_s` is by the database's clock at the time of the pull."""

    id: InboxId
    tenant_id: TenantId
    address: Address
    kind: Literal["message", "timer", "event", "result"]
    raw: bytes
    received_at: datetime
    age_s: float
    attempts: int


@dataclass(frozen=True, slots=True)
class NewInput:
    """An input to be stored: what routing needs, and the raw body."""

    tenant_id: TenantId
    address: Address
    kind: Literal["message", "event", "result"]
    dedupe_key: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """The verdict on one NewInput; `inbox_id` is only meaningful when it was fresh."""

    inbox_id: InboxId
    fresh: bool


@dataclass(frozen=True, slots=True)
class Pulled:
    """Rows now in hand, written down as one batch."""

    batch_id: int
    rows: Sequence[InboxRow]


class InboxStore(Protocol):
    """Inputs, stored once."""

    async def ingest(self, inputs: Sequence[NewInput]) -> list[Stored]: ...
    async def pull(
        self,
        carrier: Carrier,
        in_hand: Sequence[InboxId],
        full_integrations: Sequence[IntegrationId],
        full_addresses: Sequence[Address],
        limit: int,
    ) -> Pulled | None:
        """Take the oldest pending rows of the carrier's partitions in hand.

        Raises:
            OwnershipLost: a newer generation or epoch owns the partitions.
        """

    async def suspects(self, carrier: Carrier) -> list[InboxId]:
        """Take over what older generations had in hand; each is to be tried alone."""

    async def try_alone(self, inbox_id: InboxId) -> InboxRow | None:
        """Count one more try of a suspect and return it (attempts included), or None if it is settled."""


class TimerStore(Protocol):
    """Durable time."""

    async def fire(self, limit: int) -> int:
        """Turn due timers into inbox rows, each once; return how many."""
