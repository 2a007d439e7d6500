"""One-time links: they let a person in without a password, once, within 24 hours."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from actors.domain.errors import TerminalError
from storage.accounts.audit import Actor, record
from storage.accounts.sessions import open_session
from storage.accounts.tokens import fresh_token, stored_form
from storage.postgres import Connection, Database

LINK_HOURS = 24

_END = "update login_links set ended_at = now() where user_id = $1 and used_at is null and ended_at is null"
_INSERT = """
insert into login_links (id, tenant_id, user_id, token_hash, purpose, expires_at)
values (gen_random_uuid(), $1, $2, $3, $4, now() + $5 * interval '1 hour')"""
_FIND = """
select id, tenant_id, case when used_at is not null then 'used' when ended_at is not null then 'ended'
                           when expires_at <= now() then 'expired' end as why
from login_links where token_hash = $1"""
_USE = """
update login_links l set used_at = now() from users u
where l.id = $1 and l.used_at is null and l.ended_at is null and l.expires_at > now() and u.id = l.user_id and u.removed_at is null
returning u.id, coalesce(nullif(u.name, ''), u.email) as title"""

Purpose = Literal["invite", "login"]
Why = Literal["unknown", "used", "expired", "ended"]


class LinkRefused(TerminalError):
    """A link that lets nobody in; `why` says what is the matter with it."""

    def __init__(self, why: Why) -> None:
        super().__init__(f"the link is {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class Entered:
    """Who came in by a link or a password, and the token of their new session."""

    tenant_id: UUID
    user_id: UUID
    token: str


class LoginLinks:
    """The links of the installation; needs the role callboard_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, tenant_id: UUID, user_id: UUID, purpose: Purpose, actor: Actor) -> str:
        """Return the token of a fresh link, for the only time; the unused ones of this user end."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            await record(connection, tenant_id, actor, "user.link_made", f"user:{user_id}")
            return await issue(connection, tenant_id, user_id, purpose)

    async def redeem(self, token: str, user_agent: str) -> Entered:
        """Use a link up and open a session.

        Raises:
            LinkRefused: it was used, is too old, ended, or never was.
        """
        async with self._database.dispatch_transaction() as connection:
            found = await connection.fetchrow(_FIND, stored_form(token))
        if found is None or found["why"]:
            raise LinkRefused(found["why"] if found else "unknown")
        tenant_id: UUID = found["tenant_id"]
        async with self._database.tenant_transaction(tenant_id) as connection:
            user = await connection.fetchrow(_USE, found["id"])
            if user is None:  # somebody was quicker
                raise LinkRefused("used")
            session = await open_session(connection, tenant_id, user["id"], user_agent, by_link=True)
            actor = Actor(user["title"], user_id=user["id"])
            await record(connection, tenant_id, actor, "session.opened", f"user:{user['id']}", after={"by": "link"}, title=actor.name)
        return Entered(tenant_id, user["id"], session)


async def issue(connection: Connection, tenant_id: UUID, user_id: UUID, purpose: Purpose) -> str:
    """Make a link within a transaction of the tenant and return its token; the unused ones of this user end."""
    await end_links(connection, user_id)
    token = fresh_token()
    await connection.execute(_INSERT, tenant_id, user_id, token.stored, purpose, LINK_HOURS)
    return token.plain


async def end_links(connection: Connection, user_id: UUID) -> None:
    """End the unused links of a user."""
    await connection.execute(_END, user_id)
