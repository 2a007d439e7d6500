"""API keys: shown once, stored as a hash."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from actors.domain.ids import TenantId
from storage.postgres import Database

PREFIX = "cb_"
Level = Literal["owner", "admin", "operator", "viewer"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who a bearer key belongs to."""

    id: UUID
    tenant_id: TenantId
    name: str
    role: Level


class ApiKeys:
    """The keys of the installation; needs the role callboard_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, tenant_id: UUID, name: str, role: Level) -> str:
        """Create a key and return it in plain, for the only time: `cb_` and 43 url-safe characters (256 bits)."""
        key = PREFIX + secrets.token_urlsafe(32)
        async with self._database.tenant_transaction(tenant_id) as connection:
            await connection.execute(
                "insert into api_keys (id, tenant_id, name, role, key_hash) values (gen_random_uuid(), $1, $2, $3, $4)",
                tenant_id,
                name,
                role,
                _hash(key),
            )
        return key

    async def lookup(self, key: str) -> ApiKey | None:
        """Return whose key it is; None if it is unknown or revoked."""
        async with self._database.dispatch_transaction() as connection:
            r = await connection.fetchrow(
                "select id, tenant_id, name, role from api_keys where key_hash = $1 and revoked_at is null", _hash(key)
            )
        return ApiKey(r["id"], TenantId(r["tenant_id"]), r["name"], r["role"]) if r else None

    async def revoke(self, tenant_id: UUID, key_id: UUID) -> bool:
        """End a key; False if the tenant has no such key."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            done = await connection.fetchval(
                "update api_keys set revoked_at = coalesce(revoked_at, now()) where id = $1 returning true", key_id
            )
        return bool(done)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
