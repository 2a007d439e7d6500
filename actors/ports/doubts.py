"""Looking before deciding: outcomes that nobody knows, of channels that show what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from actors.domain.ids import Address, IntegrationId, OutboxId, TenantId
from actors.ports.carriers import Carrier
from actors.ports.integrations import IntegrationRecord


@dataclass(frozen=True, slots=True)
class Doubt:
    """A row that may have been sent. `begun_at` is at most a lease before its bytes; `looks` have found nothing so far."""

    id: OutboxId
    tenant_id: TenantId
    address: Address
    body: Mapping[str, Any]
    begun_at: datetime
    looks: int


class DoubtStore(Protocol):
    """Rows whose outcome is not known."""

    async def doubts(self, carrier: Carrier, integrations: Sequence[IntegrationId], limit: int, pause_s: float) -> list[Doubt]:
        """Return rows that are due to be looked for; nobody else gets them for `pause_s`.

        Raises:
            OwnershipLost: a newer generation owns the shards.
        """

    async def found(self, doubt: Doubt, provider_message_id: str) -> bool:
        """The row is sent; False if this message of the channel is another row's."""

    async def not_found(self, doubt: Doubt, again_s: float) -> None:
        """Look again later; after some looks never."""


class History(Protocol):
    """What a channel shows of a conversation."""

    async def look(self, integration: IntegrationRecord, doubt: Doubt) -> Sequence[str]:
        """Return the ids of messages that may be this row, the oldest first; empty: it is not there (yet).

        Raises:
            CallboardError: it could not be looked.
        """
