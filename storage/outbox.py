"""The outbox: effects stored with the state, leased to one sender, sent by their policy."""

from collections.abc import Sequence
from typing import Any

import orjson

from actors.domain.ids import Address, ConversationId, IntegrationId, OutboxId, TenantId, owned
from actors.ports.carriers import Carrier
from actors.ports.outbox import Claim, Outcome
from storage.postgres import Database

_CLAIM = "select * from outbox_claim($1, $2, $3, $4, $5, $6, $7, $8)"
_FINISH = "select outbox_finish($1, $2, $3, $4, $5, $6)"


class PostgresOutbox:
    """The outbox of the whole installation; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, carrier: Carrier, paused: Sequence[IntegrationId], per_integration: int, limit: int, lease_s: float
    ) -> list[Claim]:
        """Lease the oldest open row of each conversation of the carrier's shards; nothing is on the wire yet.

        Raises:
            OwnershipLost: a newer generation or epoch owns the shards.
        """
        shards = owned(carrier.part, carrier.parts)
        rows = await self._database.fetch(
            _CLAIM, carrier.part, carrier.generation, carrier.epoch, shards, paused, per_integration, limit, lease_s
        )
        return [_claim(r) for r in rows]

    async def begin(self, carrier: Carrier, ids: Sequence[OutboxId]) -> set[OutboxId]:
        """Commit `sending`; only the returned ids may be written to the wire."""
        begun = await self._database.fetchval("select outbox_begin($1, $2)", carrier.generation, ids)
        return {OutboxId(i) for i in begun}

    async def finish(self, carrier: Carrier, outcomes: Sequence[Outcome]) -> int:
        """Store how sends ended; return how many of them were still this generation's."""
        if not outcomes:
            return 0
        settled: int = await self._database.fetchval(
            _FINISH,
            carrier.generation,
            [o.id for o in outcomes],
            [o.outcome for o in outcomes],
            [o.error for o in outcomes],
            [o.provider_message_id for o in outcomes],
            [o.delay_s for o in outcomes],
        )
        return settled

    async def reclaim(self, carrier: Carrier) -> int:
        """Give back at once what older generations had claimed but not begun."""
        rows: int = await self._database.fetchval("select outbox_reclaim($1, $2)", carrier.generation, owned(carrier.part, carrier.parts))
        return rows

    async def unreachable(self, carrier: Carrier, outbox_id: OutboxId, reason: str) -> int:
        """Fail what else waits for the contact of a row being sent, end its timers and say so; return how many rows failed."""
        rows: int = await self._database.fetchval("select outbox_unreachable($1, $2, $3)", carrier.generation, outbox_id, reason)
        return rows

    async def moved(self, carrier: Carrier, outbox_id: OutboxId, address: Address) -> None:
        """Move the conversation of a row being sent, with what waits for it, to another address."""
        await self._database.fetchval("select outbox_moved($1, $2, $3, $4)", carrier.generation, outbox_id, address.key, address.partition)

    async def expire(self) -> dict[str, int]:
        """Apply the policy to rows whose lease ended; return counts by resulting state."""
        return {r["state"]: r["n"] for r in await self._database.fetch("select state, n from outbox_expire()")}


def _claim(r: Any) -> Claim:
    return Claim(
        OutboxId(r["id"]),
        TenantId(r["tenant_id"]),
        ConversationId(r["conversation_id"]),
        Address(IntegrationId(r["integration_id"]), r["key"]),
        r["class"],
        r["policy"],
        r["uncertain"],
        r["attempts"],
        orjson.loads(r["body"]),
    )
