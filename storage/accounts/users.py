"""Users: who may log in to a tenant, and as what.

An e-mail address belongs to one active user of the whole installation: a login names no tenant. Addresses are ASCII
(an international domain in its xn-- form) and kept in lower case.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg

from actors.domain.errors import TerminalError
from storage.accounts.audit import Actor, record
from storage.accounts.login_links import end_links, issue
from storage.accounts.roles import RANK, Level
from storage.postgres import Connection, Database

_SELECT = (
    "select u.id, u.email, u.name, u.role, u.locale, u.password_hash is not null as password_set, u.created_at, u.seen_at from users u"
)
_AFTER = "(select a.created_at, a.id from users a where a.id = $1)"
_PAGE = f"""{_SELECT}
where u.removed_at is null and ($1::uuid is null or (u.created_at, u.id) > {_AFTER}) order by u.created_at, u.id limit $2"""
_FIND = f"{_SELECT} where u.id = $1 and u.removed_at is null"
_BY_EMAIL = f"{_SELECT} where u.email = $1 and u.removed_at is null"
_FOR_LOGIN = "select id, tenant_id, password_hash from users where email = $1 and removed_at is null"
_INSERT = "insert into users (id, tenant_id, email, name, role, locale) values (gen_random_uuid(), $1, $2, $3, $4, $5) returning id"
# The owners and the one in question, locked in one order: two owners who demote each other at the same time take turns.
_LOCK = f"{_SELECT} where u.removed_at is null and (u.role = 'owner' or u.id = $1) order by u.id for update"
_UPDATE = "update users set name = $2, role = $3, locale = $4 where id = $1"
_REMOVE = "update users set removed_at = now(), password_hash = null where id = $1"

Refusal = Literal["unknown", "email-taken", "last-owner", "above"]
_WORDS: Mapping[Refusal, str] = {
    "unknown": "there is no such user",
    "email-taken": "this e-mail address belongs to a user already",
    "last-owner": "a tenant keeps at least one owner: make somebody else an owner first",
    "above": "nobody gives, changes or takes away a role above his own",
}


class UserRefused(TerminalError):
    """A change of users that may not be; `why` says which rule."""

    def __init__(self, why: Refusal) -> None:
        super().__init__(_WORDS[why])
        self.why = why


@dataclass(frozen=True, slots=True)
class User:
    """A person of a tenant; `seen_at` is the last login."""

    id: UUID
    email: str
    name: str
    role: Level
    locale: str
    password_set: bool
    created_at: datetime
    seen_at: datetime | None

    @property
    def title(self) -> str:
        """Return what to call them."""
        return self.name or self.email


@dataclass(frozen=True, slots=True)
class NewUser:
    """Whom to invite."""

    email: str
    name: str
    role: Level
    locale: str


@dataclass(frozen=True, slots=True)
class UserChange:
    """What becomes of a user; None leaves it."""

    name: str | None = None
    role: Level | None = None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class LoginUser:
    """What a login needs; `password_hash` is None until one was set."""

    id: UUID
    tenant_id: UUID
    password_hash: str | None


def canonical_email(text: str) -> str:
    """Return the form that is stored and compared."""
    return text.strip().lower()


class Users:
    """The users of the installation; needs the role callboard_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def for_login(self, email: str) -> LoginUser | None:
        """Return the active user with this address, whichever the tenant."""
        async with self._database.dispatch_transaction() as connection:
            r = await connection.fetchrow(_FOR_LOGIN, canonical_email(email))
        return LoginUser(*r.values()) if r else None

    async def page(self, tenant_id: UUID, after: UUID | None, limit: int) -> list[User]:
        """Return the tenant's active users, oldest first, after the user `after`."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_PAGE, after, limit)
        return [User(*r.values()) for r in rows]

    async def find(self, tenant_id: UUID, user_id: UUID) -> User | None:
        """Return an active user."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_FIND, user_id)
        return User(*r.values()) if r else None

    async def by_email(self, tenant_id: UUID, email: str) -> User | None:
        """Return the tenant's active user with this address."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_BY_EMAIL, canonical_email(email))
        return User(*r.values()) if r else None

    async def create(self, tenant_id: UUID, new: NewUser, actor: Actor) -> User:
        """Create a user who cannot log in yet: a link lets them.

        Raises:
            UserRefused: email-taken.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _create(connection, tenant_id, new, actor)

    async def invite(self, tenant_id: UUID, new: NewUser, actor: Actor, role: Level) -> tuple[User, str]:
        """Create a user and return them with the token of their link.

        Args:
            tenant_id: whose user.
            new: whom.
            actor: who invites.
            role: the actor's: nobody makes someone above himself.

        Raises:
            UserRefused: email-taken, above.
        """
        if RANK[new.role] > RANK[role]:
            raise UserRefused("above")
        async with self._database.tenant_transaction(tenant_id) as connection:
            user = await _create(connection, tenant_id, new, actor)
            return user, await issue(connection, tenant_id, user.id, "invite")

    async def link(self, tenant_id: UUID, user_id: UUID, actor: Actor, role: Level) -> str:
        """Return the token of a fresh link for a user; the links they had end.

        Raises:
            UserRefused: unknown, above.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            user, _ = await _locked(connection, user_id, role)
            await record(connection, tenant_id, actor, "user.link_made", f"user:{user.id}")
            return await issue(connection, tenant_id, user.id, "invite" if not user.password_set else "login")

    async def change(self, tenant_id: UUID, user_id: UUID, change: UserChange, actor: Actor, role: Level) -> User:
        """Change a user and return what they are now; `role` is the actor's.

        Raises:
            UserRefused: unknown, above, last-owner.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            user, owners = await _locked(connection, user_id, role)
            wanted = {name: value for name, value in asdict(change).items() if value is not None}
            if RANK[change.role or user.role] > RANK[role]:
                raise UserRefused("above")
            if user.role == "owner" and wanted.get("role", "owner") != "owner" and owners == 1:
                raise UserRefused("last-owner")
            return await _change(connection, tenant_id, user, wanted, actor)

    async def remove(self, tenant_id: UUID, user_id: UUID, actor: Actor, role: Level) -> None:
        """Remove a user: their sessions and links end with it; `role` is the actor's.

        Raises:
            UserRefused: unknown, above, last-owner.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            user, owners = await _locked(connection, user_id, role)
            if user.role == "owner" and owners == 1:
                raise UserRefused("last-owner")
            await connection.execute(_REMOVE, user_id)
            await connection.execute("delete from sessions where user_id = $1", user_id)
            await end_links(connection, user_id)
            before = {"email": user.email, "name": user.name, "role": user.role}
            await record(connection, tenant_id, actor, "user.removed", f"user:{user_id}", before=before, title=user.name)


async def _create(connection: Connection, tenant_id: UUID, new: NewUser, actor: Actor) -> User:
    try:
        user_id = await connection.fetchval(_INSERT, tenant_id, canonical_email(new.email), new.name, new.role, new.locale)
    except asyncpg.UniqueViolationError:
        raise UserRefused("email-taken") from None
    user = await _found(connection, user_id)
    after = {"email": user.email, "name": user.name, "role": user.role}
    await record(connection, tenant_id, actor, "user.invited", f"user:{user.id}", after=after, title=user.name)
    return user


async def _locked(connection: Connection, user_id: UUID, role: Level) -> tuple[User, int]:
    """Return the user and how many owners there are, all locked until the transaction ends."""
    rows = [User(*r.values()) for r in await connection.fetch(_LOCK, user_id)]
    user = next((u for u in rows if u.id == user_id), None)
    if user is None:
        raise UserRefused("unknown")
    if RANK[user.role] > RANK[role]:
        raise UserRefused("above")
    return user, sum(u.role == "owner" for u in rows)


async def _change(connection: Connection, tenant_id: UUID, user: User, wanted: Mapping[str, Any], actor: Actor) -> User:
    before = {name: getattr(user, name) for name, value in wanted.items() if getattr(user, name) != value}
    if not before:
        return user
    now = {"name": user.name, "role": user.role, "locale": user.locale, **wanted}
    await connection.execute(_UPDATE, user.id, now["name"], now["role"], now["locale"])
    after = {name: wanted[name] for name in before}
    await record(connection, tenant_id, actor, "user.changed", f"user:{user.id}", before, after, now["name"])
    return await _found(connection, user.id)


async def _found(connection: Connection, user_id: UUID) -> User:
    r = await connection.fetchrow(_FIND, user_id)
    assert r is not None  # written in this transaction
    return User(*r.values())
