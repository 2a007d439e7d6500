"""What operators look at from the command line; reads only."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import redis.asyncio
import redis.exceptions

from actors.domain.errors import CallboardError
from storage.postgres import Database, Role, translated

_PLACED = """
select c.id, c.key, c.partition, c.version, c.control, c.last_at, g.channel,
       (select count(*) from inbox i where i.integration_id = c.integration_id and i.key = c.key and i.state = 'pending') as open_inputs
from conversations c join integrations g on g.id = c.integration_id where c.id = $1"""
_ROLES = "select rolname, rolsuper or rolbypassrls as unbound from pg_roles where rolname = any($1)"
_UNPROTECTED = """
select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and not (c.relrowsecurity and c.relforcerowsecurity)
order by 1"""


class RedisAway(CallboardError):
    """Redis cannot be reached; the message says why."""


@dataclass(frozen=True, slots=True)
class PlacedConversation:
    """Where a conversation belongs and what waits for it."""

    partition: int
    version: int
    control: str
    channel: str
    key: str
    open_inputs: int
    last_at: datetime


async def find_placed(database: Database, conversation_id: int) -> PlacedConversation | None:
    """Return a conversation of any tenant; needs the role callboard_engine."""
    async with database.dispatch_transaction() as connection:
        r = await connection.fetchrow(_PLACED, conversation_id)
    return _placed(r) if r else None


async def find_own(database: Database, tenant_id: UUID, conversation_id: int) -> PlacedConversation | None:
    """Return a conversation of one tenant; either role."""
    async with database.tenant_transaction(tenant_id) as connection:
        r = await connection.fetchrow(_PLACED, conversation_id)
    return _placed(r) if r else None


def _placed(r: asyncpg.Record) -> PlacedConversation:
    return PlacedConversation(r["partition"], r["version"], r["control"], r["channel"], r["key"], r["open_inputs"], r["last_at"])


async def tenant_isolation_problems(dsn: str) -> list[str]:
    """Return what would let rows of one tenant reach another: a sentence each, none if all is well."""
    with translated():
        connection = await asyncpg.connect(dsn, timeout=10, command_timeout=10, server_settings={"jit": "off"})
        try:
            roles = {r["rolname"]: r["unbound"] for r in await connection.fetch(_ROLES, [r.value for r in Role])}
            tables = [r["relname"] for r in await connection.fetch(_UNPROTECTED)]
        finally:
            await connection.close(timeout=5)
    missing = [f"role {role.value} is missing: run `callboard migrate`" for role in Role if role.value not in roles]
    unbound = [f"role {name} is superuser or has BYPASSRLS: row-level security does not bind it" for name, bad in roles.items() if bad]
    return [*missing, *unbound, *(f"table {name} has a tenant_id but no forced row-level security" for name in tables)]


async def redis_version(url: str, timeout_s: float = 5.0) -> str:
    """Return the version of a Redis server.

    Raises:
        RedisAway: it cannot be reached.
    """
    try:
        async with redis.asyncio.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s) as client:
            info = await client.info("server")
    except (redis.exceptions.RedisError, OSError, ValueError) as error:
        raise RedisAway(f"Redis does not answer: {error}") from error
    return f"(Valkey {info['valkey_version']})" if "valkey_version" in info else str(info["redis_version"])
