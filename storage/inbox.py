"""The inbox: inputs are stored once, pulled in batches, and never lost with the host that had them."""

from collections.abc import Sequence
from typing import Any

from actors.domain.ids import Address, InboxId, IntegrationId, TenantId, owned
from actors.ports.carriers import Carrier
from actors.ports.inbox import InboxRow, NewInput, Pulled, Stored
from storage.postgres import Connection, Database

_INGEST = "select inbox_id, fresh from inbox_ingest($1, $2, $3, $4, $5, $6, $7)"
_PULL = "select * from inbox_pull($1, $2, $3, $4, $5, $6, $7, $8)"


class PostgresInbox:
    """The inbox of the whole installation; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ingest(self, inputs: Sequence[NewInput]) -> list[Stored]:
        """Store all inputs in one transaction, each dedupe key once, with ids in the order of `inputs`.

        Raises:
            TransientError: nothing was stored, or it is unknown; the keys make a repetition harmless.
            TerminalError: one of the inputs was refused, so none was stored; repeat them one by one.
        """
        if not inputs:
            return []
        return _stored(await self._database.fetch(_INGEST, *_columns(inputs)))

    async def pull(
        self,
        carrier: Carrier,
        in_hand: Sequence[InboxId],
        full_integrations: Sequence[IntegrationId],
        full_addresses: Sequence[Address],
        limit: int,
    ) -> Pulled | None:
        """Take the oldest pending rows of the carrier's partitions in hand, at most 8 of a partition."""
        rows = await self._database.fetch(
            _PULL,
            carrier.part,
            carrier.generation,
            carrier.epoch,
            owned(carrier.part, carrier.parts),
            in_hand,
            full_integrations,
            [f"{a.integration_id}:{a.key}" for a in full_addresses],
            limit,
        )
        return Pulled(rows[0]["batch_id"], [_row(r) for r in rows]) if rows else None

    async def suspects(self, carrier: Carrier) -> list[InboxId]:
        """Take over what dead generations had in hand of the carrier's partitions."""
        ids = await self._database.fetchval(
            "select inbox_suspects($1, $2, $3, $4)", carrier.part, carrier.generation, carrier.epoch, owned(carrier.part, carrier.parts)
        )
        return [InboxId(i) for i in ids]

    async def try_alone(self, inbox_id: InboxId) -> InboxRow | None:
        """Count one more try of a suspect before it is made."""
        row = await self._database.fetchrow("select * from inbox_try($1)", inbox_id)
        return _row(row) if row else None


async def ingest(connection: Connection, inputs: Sequence[NewInput]) -> list[Stored]:
    """Store inputs in a transaction of somebody else's."""
    return _stored(await connection.fetch(_INGEST, *_columns(inputs)))


def _columns(inputs: Sequence[NewInput]) -> tuple[list[Any], ...]:
    return (
        [i.tenant_id for i in inputs],
        [i.address.integration_id for i in inputs],
        [i.address.key for i in inputs],
        [i.address.partition for i in inputs],
        [i.kind for i in inputs],
        [i.dedupe_key for i in inputs],
        [i.raw for i in inputs],
    )


def _stored(rows: Sequence[Any]) -> list[Stored]:
    return [Stored(InboxId(r[0]), r[1]) for r in rows]


def _row(r: Any) -> InboxRow:
    return InboxRow(
        InboxId(r["id"]),
        TenantId(r["tenant_id"]),
        Address(IntegrationId(r["integration_id"]), r["key"]),
        r["kind"],
        r["raw"],
        r["received_at"],
        r["age_s"],
        r["attempts"],
    )
