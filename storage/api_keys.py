"""API keys: shown once, stored as a hash."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from actors.domain.errors import TerminalError
from actors.domain.ids import TenantId
from storage.accounts.audit import COMMAND_LINE, Actor, record
from storage.accounts.roles import RANK, Level
from storage.accounts.tokens import fresh_token, stored_form
from storage.postgres import Database

PREFIX = "cb_"
_SHOWN = len(PREFIX) + 6  # characters of a key that lists show: 36 of its 256 bits

_LISTED = "select id, name, role, prefix, created_at, last_used_at from api_keys"
_FIND = f"{_LISTED} where id = $1"
_INSERT = """
insert into api_keys (id, tenant_id, name, role, key_hash, prefix) values (gen_random_uuid(), $1, $2, $3, $4, $5) returning id"""
_LOOKUP = """
select id, tenant_id, name, role, last_used_at is null or last_used_at < now() - interval '1 minute' as stale
from api_keys where key_hash = $1 and revoked_at is null"""
_AFTER = "(select a.created_at, a.id from api_keys a where a.id = $1)"
_PAGE = f"{_LISTED} where revoked_at is null and ($1::uuid is null or (created_at, id) > {_AFTER}) order by created_at, id limit $2"


class KeyRefused(TerminalError):
    """A key may not be made or ended by somebody of a lower role."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who a bearer key belongs to."""

    id: UUID
    tenant_id: TenantId
    name: str
    role: Level


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key as lists show it: never the key. `last_used_at` is right to the minute."""

    id: UUID
    name: str
    role: Level
    prefix: str
    created_at: datetime
    last_used_at: datetime | None


class ApiKeys:
    """The keys of the installation; needs the role callboard_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, tenant_id: UUID, name: str, role: Level) -> str:
        """Create a key and return it in plain, for the only time: `cb_` and 43 url-safe characters (256 bits)."""
        _, key = await self.create_listed(tenant_id, name, role, COMMAND_LINE, "owner")
        return key

    async def create_listed(self, tenant_id: UUID, name: str, role: Level, actor: Actor, by: Level) -> tuple[ListedKey, str]:
        """Create a key for somebody of the role `by`; return what lists show of it, and the key.

        Raises:
            KeyRefused: the key could do more than who makes it.
        """
        if RANK[role] > RANK[by]:
            raise KeyRefused("nobody makes or ends a key with a role above his own")
        key = fresh_token(PREFIX)
        async with self._database.tenant_transaction(tenant_id) as connection:
            key_id = await connection.fetchval(_INSERT, tenant_id, name, role, key.stored, key.plain[:_SHOWN])
            r = await connection.fetchrow(_FIND, key_id)
            assert r is not None
            made = ListedKey(*r.values())
            after = {"name": name, "role": role, "prefix": made.prefix}
            await record(connection, tenant_id, actor, "api_key.created", f"api_key:{made.id}", after=after, title=name)
        return made, key.plain

    async def lookup(self, key: str) -> ApiKey | None:
        """Return whose key it is; None if it is unknown or revoked."""
        async with self._database.dispatch_transaction() as connection:
            r = await connection.fetchrow(_LOOKUP, stored_form(key))
        if r is None:
            return None
        if r["stale"]:
            async with self._database.tenant_transaction(r["tenant_id"]) as connection:
                await connection.execute("update api_keys set last_used_at = now() where id = $1", r["id"])
        return ApiKey(r["id"], TenantId(r["tenant_id"]), r["name"], r["role"])

    async def page(self, tenant_id: UUID, after: UUID | None, limit: int) -> list[ListedKey]:
        """Return the tenant's keys that are not revoked, oldest first, after the key `after`."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_PAGE, after, limit)
        return [ListedKey(*r.values()) for r in rows]

    async def revoke(self, tenant_id: UUID, key_id: UUID, actor: Actor = COMMAND_LINE, by: Level = "owner") -> bool:
        """End a key; False if the tenant has no such key that still works.

        Raises:
            KeyRefused: the key may do more than who ends it.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            sql = "update api_keys set revoked_at = now() where id = $1 and revoked_at is null returning name, role"
            r = await connection.fetchrow(sql, key_id)
            if r is None:
                return False
            if RANK[r["role"]] > RANK[by]:
                raise KeyRefused("nobody makes or ends a key with a role above his own")  # rolls back
            before = {"name": r["name"], "role": r["role"]}
            await record(connection, tenant_id, actor, "api_key.revoked", f"api_key:{key_id}", before=before, title=r["name"])
        return True
