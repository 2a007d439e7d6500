"""Connected bots and accounts."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from actors.domain.ids import IntegrationId, TenantId
from actors.ports.carriers import Carrier


@dataclass(frozen=True, slots=True)
class IntegrationRecord:
    """An integration as its sender needs it; `token` is decrypted and never logged."""

    id: IntegrationId
    tenant_id: TenantId
    channel: str
    account: str
    mode: Literal["push", "poll"]
    status: str
    token: str = field(repr=False)


class IntegrationStore(Protocol):
    """Configured endpoints."""

    async def owned(self, carrier: Carrier) -> list[IntegrationRecord]: ...
    async def mark(
        self, integration: IntegrationRecord, status: Literal["live", "broken"], problem: str | None, code: str | None = None
    ) -> None: ...
    async def polled(self, integration: IntegrationRecord) -> bool: ...
