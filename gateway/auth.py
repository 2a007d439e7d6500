"""Who calls the API. The tenant comes from the credential, never from the request."""

import re
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from gateway.cache import Cache
from gateway.patience import Patience
from gateway.problems import Problem, unauthorized
from storage.api_keys import ApiKey, ApiKeys, Level

TTL_S = 5.0  # a revoked key ends within this
LOOKUP_TIMEOUT_S = 1.0
_BEARER = re.compile(r"(?i:bearer) +(cb_[A-Za-z0-9_-]{43})")
_RANK: Final[dict[Level, int]] = {"viewer": 0, "operator": 1, "admin": 2, "owner": 3}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CallerHandler = Callable[[web.Request, ApiKey], Awaitable[web.StreamResponse]]


class Keys:
    """Bearer keys, remembered for seconds."""

    def __init__(self, keys: ApiKeys, patience: Patience) -> None:
        self._cache: Cache[str, ApiKey | None] = Cache(keys.lookup, patience, ttl_s=TTL_S, load_timeout_s=LOOKUP_TIMEOUT_S)

    def require(self, level: Level, handler: CallerHandler) -> Handler:
        """Return a handler that is only reached by keys of at least this level."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            caller = await self._caller(request)
            if _RANK[caller.role] < _RANK[level]:
                raise Problem(403, f"this key is of the role {caller.role}; this needs {level}")
            return await handler(request, caller)

        return guarded

    async def _caller(self, request: web.Request) -> ApiKey:
        # The pattern also keeps made-up keys of other shapes, and every non-ASCII one, away from the database.
        presented = _BEARER.fullmatch(request.headers.get("Authorization", ""))
        caller = await self._cache.get(presented.group(1)) if presented else None
        if caller is None:
            raise unauthorized()
        return caller
