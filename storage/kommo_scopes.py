"""Whose a scope of Kommo's Chats API is, before its tenant is known; needs the role callboard_engine."""

from dataclasses import dataclass, field
from uuid import UUID

from actors.domain.ids import TenantId
from storage.postgres import Database

_FIND = """
select h.id, h.tenant_id, h.integration_id, h.scope_id, h.secret_encrypted
from kommo_channels h join integrations g on g.id = h.integration_id
where h.scope_id = $1 and g.status <> 'disconnected'"""


@dataclass(frozen=True, slots=True)
class Scope:
    """A channel of ours in a Kommo account, as its hooks need it."""

    id: UUID
    tenant_id: TenantId
    integration_id: UUID
    scope_id: str
    secret: bytes = field(repr=False)  # sealed


class KommoScopes:
    """Scopes of all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, scope_id: str) -> Scope | None:
        """Return the scope; None if it is nobody's."""
        async with self._database.dispatch_transaction() as connection:
            r = await connection.fetchrow(_FIND, scope_id)
        return Scope(r["id"], TenantId(r["tenant_id"]), r["integration_id"], r["scope_id"], r["secret_encrypted"]) if r else None
