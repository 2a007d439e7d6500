"""Outbox rows whose outcome is not known, of channels that show what was sent; needs the role callboard_engine."""

from collections.abc import Sequence
from typing import Any

import orjson

from actors.domain.ids import Address, IntegrationId, OutboxId, TenantId, owned
from actors.ports.carriers import Carrier
from actors.ports.doubts import Doubt
from storage.postgres import Database


class PostgresDoubts:
    """Finds them, and keeps what was found out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def doubts(self, carrier: Carrier, integrations: Sequence[IntegrationId], limit: int, pause_s: float) -> list[Doubt]:
        """Return rows that are due to be looked for; nobody else gets them for `pause_s`.

        Raises:
            OwnershipLost: a newer generation owns the shards.
        """
        shards = owned(carrier.part, carrier.parts)
        rows = await self._database.fetch(
            "select * from outbox_doubts($1, $2, $3, $4, $5, $6)", carrier.generation, carrier.part, shards, integrations, limit, pause_s
        )
        return [_doubt(r) for r in rows]

    async def found(self, doubt: Doubt, provider_message_id: str) -> bool:
        """The row is sent; False if this message of the channel is another row's."""
        settled: bool = await self._database.fetchval("select outbox_found($1, $2, $3)", doubt.tenant_id, doubt.id, provider_message_id)
        return settled

    async def not_found(self, doubt: Doubt, again_s: float) -> None:
        """Look again later; after some looks never."""
        await self._database.fetchval("select outbox_not_found($1, $2, $3)", doubt.tenant_id, doubt.id, again_s)


def _doubt(r: Any) -> Doubt:
    return Doubt(
        OutboxId(r["id"]),
        TenantId(r["tenant_id"]),
        Address(IntegrationId(r["integration_id"]), r["key"]),
        orjson.loads(r["body"]),
        r["begun_at"],
        r["looks"],
    )
