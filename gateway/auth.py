"""Who calls the API: a program with a key, or a person with a session. The tenant comes from the credential, never from the request."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http.cookies import CookieError
from typing import Self
from uuid import UUID

from aiohttp import web

from actors.domain.ids import TenantId
from gateway.cache import Cache
from gateway.origin import Origins
from gateway.patience import Patience
from gateway.problems import Problem, unauthorized
from storage.accounts.audit import Actor
from storage.accounts.roles import Level, at_least
from storage.accounts.sessions import LIFE_DAYS, Session, Sessions
from storage.api_keys import ApiKey, ApiKeys

COOKIE = "callboard_session"
TTL_S = 5.0  # a revoked key, an ended session, a lost role: all end within this
LOOKUP_TIMEOUT_S = 1.0
_BEARER = re.compile(r"(?i:bearer) +(cb_[A-Za-z0-9_-]{43})")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking. A person has `user_id` and `session_id`, a program `key_id`."""

    tenant_id: TenantId
    user_id: UUID | None
    key_id: UUID | None
    name: str
    role: Level
    session_id: UUID | None = None

    @classmethod
    def of_key(cls, key: ApiKey) -> Self:
        """Return the program that has a key."""
        return cls(key.tenant_id, None, key.id, key.name, key.role)

    @classmethod
    def of_session(cls, session: Session) -> Self:
        """Return the person whose session it is."""
        return cls(TenantId(session.tenant_id), session.user_id, None, session.name, session.role, session.id)

    @property
    def actor(self) -> Actor:
        """Return who it is for the audit log."""
        return Actor(self.name, self.user_id, self.key_id)


class Callers:
    """Finds out who calls; credentials are remembered for seconds."""

    def __init__(self, keys: ApiKeys, sessions: Sessions, origins: Origins, patience: Patience) -> None:
        self._keys: Cache[str, ApiKey | None] = Cache(keys.lookup, patience, ttl_s=TTL_S, load_timeout_s=LOOKUP_TIMEOUT_S)
        self._sessions: Cache[str, Session | None] = Cache(sessions.lookup, patience, ttl_s=TTL_S, load_timeout_s=LOOKUP_TIMEOUT_S)
        self._origins = origins

    async def permitted(self, request: web.Request, level: Level) -> Caller:
        """Return who calls.

        Raises:
            Problem: 401 nobody we know, 403 a lower role, or a write with a cookie from another site's page.
        """
        caller = await self.of(request)
        if not at_least(caller.role, level):
            raise Problem(403, f"you have the role {caller.role}; this needs {level}")
        return caller

    async def of(self, request: web.Request) -> Caller:
        """Return who calls, whatever the role.

        Raises:
            Problem: 401, 403 as `permitted`.
            TransientError: the database is away and nothing is remembered.
        """
        caller = await (self._by_key(request) if "Authorization" in request.headers else self._by_cookie(request))
        if caller is None:
            raise unauthorized()
        return caller

    def forget(self, token: str) -> None:
        """Look this session up anew at its next request; other gateways do so within TTL_S."""
        self._sessions.forget(token)

    async def _by_key(self, request: web.Request) -> Caller | None:
        # The pattern also keeps made-up keys of other shapes, and every non-ASCII one, away from the database.
        presented = _BEARER.fullmatch(request.headers.get("Authorization", ""))
        key = await self._keys.get(presented.group(1)) if presented else None
        return Caller.of_key(key) if key else None

    async def _by_cookie(self, request: web.Request) -> Caller | None:
        token = session_token(request)
        session = await self._sessions.get(token) if token else None
        if session is None:
            return None
        self._origins.require_own(request)
        return Caller.of_session(session)


def session_token(request: web.Request) -> str:
    """Return the session's token from the cookie; empty if there is none of its form."""
    try:
        token = request.cookies.get(COOKIE, "")
    except CookieError:
        return ""
    return token if _TOKEN.fullmatch(token) else ""


def session_cookie(token: str, *, secure: bool) -> str:
    """Return the header's value that gives a browser its session."""
    return f"{COOKIE}={token}; Path=/; Max-Age={LIFE_DAYS * 86_400}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"


def no_session_cookie(*, secure: bool) -> str:
    """Return the header's value that takes it away."""
    return f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
