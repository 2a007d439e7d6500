"""Commands that look into a running installation: keys, explanations, actors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actors.domain.errors import TerminalError
from actors.runtime.commands.explain import lines_of
from storage.accounts.audit import COMMAND_LINE
from storage.accounts.login_links import LoginLinks
from storage.accounts.roles import Level
from storage.accounts.users import NewUser, User, Users
from storage.api_keys import ApiKeys
from storage.carriers import PostgresCarriers
from storage.inspection import find_placed
from storage.messages import Messages
from storage.postgres import Database, Role
from storage.tenants import Tenant, Tenants

_POOL = 2
_MANY = 1000  # users that are looked at


@asynccontextmanager
async def open_database(dsn: str, role: Role) -> AsyncIterator[Database]:
    """Open the database for one command."""
    async with await Database.open(dsn, role, "callboard-cli", size=_POOL) as database:
        yield database


async def create_key(dsn: str, tenant_slug: str, role: Level, name: str) -> str:
    """Create an API key and return it, for the only time.

    Raises:
        TerminalError: there is no such tenant.
    """
    async with open_database(dsn, Role.API) as database:
        tenant = await tenant_of(database, tenant_slug)
        return await ApiKeys(database).create(tenant.id, name, role)


async def login_token(dsn: str, tenant_slug: str, email: str) -> tuple[str, str]:
    """Return the address of a user and the token of a fresh one-time link; the links they had end.

    Args:
        dsn: the database.
        tenant_slug: whose user.
        email: which; empty for the oldest owner. The first user of a tenant that has none is made, as its owner.

    Raises:
        TerminalError: there is no such tenant or user.
    """
    async with open_database(dsn, Role.API) as database:
        tenant = await tenant_of(database, tenant_slug)
        user = await _user(Users(database), tenant, email)
        return user.email, await LoginLinks(database).create(tenant.id, user.id, "login", COMMAND_LINE)


async def tenant_of(database: Database, slug: str) -> Tenant:
    """Return the tenant with this slug.

    Raises:
        TerminalError: there is none; says which there are.
    """
    tenants = Tenants(database)
    tenant = await tenants.by_slug(slug)
    if tenant is None:
        known = ", ".join(t.slug for t in await tenants.all()) or "none"
        raise TerminalError(f"there is no tenant {slug!r}; known: {known}")
    return tenant


async def _user(users: Users, tenant: Tenant, email: str) -> User:
    known = await users.page(tenant.id, None, _MANY)
    if not known and email:
        return await users.create(tenant.id, NewUser(email, "", "owner", tenant.locale), COMMAND_LINE)
    if not known:
        raise TerminalError(f"the tenant {tenant.slug!r} has no users: name the first, its owner, with --email")
    user = await users.by_email(tenant.id, email) if email else next((u for u in known if u.role == "owner"), None)
    if user is None:
        raise TerminalError(f"the tenant {tenant.slug!r} has no such user; known: {', '.join(u.email for u in known)}")
    return user


async def explain(dsn: str, message_id: int) -> list[str]:
    """Return the story of a message, a line each.

    Raises:
        TerminalError: there is no such message.
    """
    async with open_database(dsn, Role.ENGINE) as database:
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
    async with open_database(dsn, Role.ENGINE) as database:
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
