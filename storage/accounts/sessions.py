"""Sessions of people who are logged in."""

from dataclasses import dataclass
from uuid import UUID

from storage.accounts.audit import Actor, record
from storage.accounts.roles import Level
from storage.accounts.tokens import fresh_token, stored_form
from storage.postgres import Connection, Database

IDLE_DAYS = 14  # without a request
LIFE_DAYS = 90  # with however many
LINK_HOURS = 1  # how long a session opened by a link may set a password without the old one

_INSERT = """
insert into sessions (id, tenant_id, user_id, token_hash, by_link, user_agent, expires_at)
values (gen_random_uuid(), $1, $2, $3, $4, $5, now() + $6 * interval '1 day')"""
_LOOKUP = """
select s.id, s.tenant_id, s.user_id, coalesce(nullif(u.name, ''), u.email) as name, u.role, s.seen_at < now() - interval '1 minute' as stale
from sessions s join users u on u.tenant_id = s.tenant_id and u.id = s.user_id
where s.token_hash = $1 and s.expires_at > now() and u.removed_at is null"""
_TOUCH = """
update sessions set seen_at = now(), expires_at = least(now() + $2 * interval '1 day', created_at + $3 * interval '1 day') where id = $1"""
_DETAIL = """
select u.id, u.email, u.name, u.role, u.locale, t.id, t.slug, t.name, t.locale, u.password_hash is not null,
       s.by_link and s.created_at > now() - $3 * interval '1 hour'
from sessions s join users u on u.id = s.user_id join tenants t on t.id = s.tenant_id
where s.user_id = $1 and (s.id = $2 or s.token_hash = $4) and s.expires_at > now() and u.removed_at is null"""
_HASH = "select email, password_hash from users where id = $1 and removed_at is null"
# Compares with what was checked: of two people who change one password at the same time, one is told so.
_SET = """
update users set password_hash = $2
where id = $1 and removed_at is null and password_hash is not distinct from $3 returning coalesce(nullif(name, ''), email)"""
_END_LINKS = "update login_links set ended_at = now() where user_id = $1 and used_at is null and ended_at is null"


@dataclass(frozen=True, slots=True)
class Session:
    """Whose session a token is; the role is the user's of now."""

    id: UUID
    tenant_id: UUID
    user_id: UUID
    name: str
    role: Level


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """A session as its user sees it. `fresh_link`: it was opened by a link just now, so the old password is not asked for."""

    user_id: UUID
    email: str
    name: str
    role: Level
    locale: str
    tenant_id: UUID
    tenant_slug: str
    tenant_name: str
    tenant_locale: str
    password_set: bool
    fresh_link: bool


class Sessions:
    """The sessions of the installation; needs the role callboard_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lookup(self, token: str) -> Session | None:
        """Return whose token it is; None if the session ended. Using a session prolongs it."""
        async with self._database.dispatch_transaction() as connection:
            r = await connection.fetchrow(_LOOKUP, stored_form(token))
        if r is None:
            return None
        *found, stale = r.values()
        session = Session(*found)
        if stale:
            async with self._database.tenant_transaction(session.tenant_id) as connection:
                await connection.execute(_TOUCH, session.id, IDLE_DAYS, LIFE_DAYS)
        return session

    async def detail(self, tenant_id: UUID, user_id: UUID, session_id: UUID | None = None, token: str = "") -> SessionDetail | None:
        """Return a user's session by its id or its token."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_DETAIL, user_id, session_id, LINK_HOURS, stored_form(token))
        return SessionDetail(*r.values()) if r else None

    async def log_in(self, tenant_id: UUID, user_id: UUID, user_agent: str, checked: str, stored: str) -> str | None:
        """Open a session after a password was checked and return its token.

        Args:
            tenant_id: of the user.
            user_id: who.
            user_agent: of their browser.
            checked: the hash that the password was checked against; None is returned if it is another one by now.
            stored: the hash to keep: the same, or the same password with the parameters of today.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            name = await connection.fetchval(_SET, user_id, stored, checked)
            if name is None:
                return None
            token = await open_session(connection, tenant_id, user_id, user_agent, by_link=False)
            await record(
                connection, tenant_id, Actor(name, user_id), "session.opened", f"user:{user_id}", after={"by": "password"}, title=name
            )
            return token

    async def password_of(self, tenant_id: UUID, user_id: UUID) -> tuple[str, str | None]:
        """Return a user's address and the hash of their password."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_HASH, user_id)
        return (r["email"], r["password_hash"]) if r else ("", None)

    async def set_password(self, tenant_id: UUID, user_id: UUID, user_agent: str, old_hash: str | None, new_hash: str) -> str | None:
        """Set a password; every session and unused link of the user ends.

        Returns:
            The token of a new session; None if `old_hash` is not the current one.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            name = await connection.fetchval(_SET, user_id, new_hash, old_hash)
            if name is None:
                return None
            await connection.execute("delete from sessions where user_id = $1", user_id)
            await connection.execute(_END_LINKS, user_id)
            token = await open_session(connection, tenant_id, user_id, user_agent, by_link=False)
            await record(connection, tenant_id, Actor(name, user_id), "user.password_set", f"user:{user_id}", title=name)
            return token

    async def end(self, tenant_id: UUID, session_id: UUID, actor: Actor) -> bool:
        """End a session; False if it had ended."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            user_id = await connection.fetchval("delete from sessions where id = $1 returning user_id", session_id)
            if user_id is not None:
                await record(connection, tenant_id, actor, "session.ended", f"user:{user_id}")
        return user_id is not None


async def open_session(connection: Connection, tenant_id: UUID, user_id: UUID, user_agent: str, *, by_link: bool) -> str:
    """Open a session within a transaction of the tenant and return its token, for the only time."""
    token = fresh_token()
    await connection.execute("update users set seen_at = now() where id = $1", user_id)
    await connection.execute(_INSERT, tenant_id, user_id, token.stored, by_link, user_agent[:256], IDLE_DAYS)
    return token.plain
