"""Commands that look into a running installation: keys, explanations, actors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actors.domain.errors import TerminalError
from actors.runtime.commands.explain import lines_of
from storage.api_keys import ApiKeys, Level
from storage.carriers import PostgresCarriers
from storage.inspection import find_placed
from storage.messages import Messages
from storage.postgres import Database, Role
from storage.tenants import Tenants

_POOL = 2


@asynccontextmanager
async def _database(dsn: str, role: Role) -> AsyncIterator[Database]:
    async with await Database.open(dsn, role, "callboard-cli", size=_POOL) as database:
        yield database


async def create_key(dsn: str, tenant_slug: str, role: Level, name: str) -> str:
    """Create an API key and return it, for the only time.

    Raises:
        TerminalError: there is no such tenant.
    """
    async with _database(dsn, Role.API) as database:
        tenants = Tenants(database)
        tenant = await tenants.by_slug(tenant_slug)
        if tenant is None:
            known = ", ".join(t.slug for t in await tenants.all()) or "none"
            raise TerminalError(f"there is no tenant {tenant_slug!r}; known: {known}")
        return await ApiKeys(database).create(tenant.id, name, role)


async def explain(dsn: str, message_id: int) -> list[str]:
    """Return the story of a message, a line each.

    Raises:
        TerminalError: there is no such message.
    """
    async with _database(dsn, Role.ENGINE) as database:
        tenants = [t.id for t in await Tenants(database).all()]
        told = await Messages(database).explain(tenants, message_id)
    if told is None:
        raise TerminalError(f"there is no message {message_id}")
    return lines_of(told)


async def show_actor(dsn: str, conversation_id: int) -> list[str]:
    """Return where a conversation's actor lives and what it has to do, a line each.

    Raises:
        TerminalError: there is no such conversation.
    """
    async with _database(dsn, Role.ENGINE) as database:
        placed = await find_placed(database, conversation_id)
        carriers = await PostgresCarriers(database).all()
    if placed is None:
        raise TerminalError(f"there is no conversation {conversation_id}")
    hosts = [c for c in carriers if c.kind == "host"]
    host = next((c for c in hosts if c.part == placed.partition % len(hosts)), None) if hosts else None
    where = f"{host.part} of {len(hosts)}, process {host.pid}, generation {host.generation}" if host else "none: no host is running"
    status = ", ".join(f"{k} {v}" for k, v in host.status.items()) if host else ""
    return [
        f"conversation {conversation_id} ({placed.channel} {placed.key})",
        f"partition    {placed.partition}",
        f"host         {where}",
        *([f"host status  {status}", f"host seen    {host.beat_at:%Y-%m-%d %H:%M:%S} UTC"] if host else []),
        f"mailbox      {placed.open_inputs} open inputs",
        f"version      {placed.version}",
        f"control      {placed.control}",
        f"last turn    {placed.last_at:%Y-%m-%d %H:%M:%S} UTC",
    ]
