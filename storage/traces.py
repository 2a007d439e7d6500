"""Traces: why a turn went as it did."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from storage.postgres import Database

_BY_TURN = "select turn_id, conversation_id, body, created_at from traces where turn_id = $1"
_BY_MESSAGE = """
select t.turn_id, t.conversation_id, t.body, t.created_at from messages m join traces t on t.turn_id = m.turn_id where m.id = $1"""


@dataclass(frozen=True, slots=True)
class StoredTrace:
    """A trace as stored; `body` is zlib-compressed JSON (actors/domain/trace.py)."""

    turn_id: UUID
    conversation_id: int
    body: bytes
    created_at: datetime


class Traces:
    """Traces of a tenant; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_turn(self, tenant_id: UUID, turn_id: UUID) -> StoredTrace | None:
        """Return the trace of a turn."""
        return await self._one(tenant_id, _BY_TURN, turn_id)

    async def by_message(self, tenant_id: UUID, message_id: int) -> StoredTrace | None:
        """Return the trace of the turn that handled or made a message."""
        return await self._one(tenant_id, _BY_MESSAGE, message_id)

    async def _one(self, tenant_id: UUID, sql: str, key: UUID | int) -> StoredTrace | None:
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(sql, key)
        return StoredTrace(r["turn_id"], r["conversation_id"], r["body"], r["created_at"]) if r else None
