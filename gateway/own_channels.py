"""Whose a hook of Kommo's Chats API is, remembered for seconds, and beside the spool for when the database is away."""

import logging
import sqlite3
from collections.abc import Callable
from uuid import UUID

import orjson

from actors.domain.errors import TransientError
from actors.domain.ids import TenantId
from gateway.cache import Cache
from gateway.directory import LOOKUP_TIMEOUT_S, REFRESH_S, TTL_S
from gateway.ids import derived
from gateway.patience import Patience
from storage.crypto import SecretBox
from storage.kommo_scopes import KommoScopes, Scope
from storage.spool import Spool

log = logging.getLogger(__name__)


class OwnChannels:
    """Finds channels of our own by the scope in a hook's path."""

    def __init__(self, scopes: KommoScopes, spool: Spool | None, patience: Patience, box: Callable[[], SecretBox]) -> None:
        self._scopes = scopes
        self._spool = spool
        self._box = box
        self._cache: Cache[str, Scope | None] = Cache(self._look_up, patience, ttl_s=TTL_S, load_timeout_s=LOOKUP_TIMEOUT_S)

    async def find(self, scope_id: str, *, fresh: bool = False) -> Scope | None:
        """Return the channel; None if there is none.

        Args:
            scope_id: from the path.
            fresh: ask the database if the memory is older than REFRESH_S.

        Raises:
            TransientError: the database is away and we do not know.
        """
        try:
            return await self._cache.get(scope_id, max_age_s=REFRESH_S if fresh else None)
        except TransientError:
            if scope := await self._recall(scope_id):
                return scope
            raise

    def forget(self, scope_id: str) -> None:
        """Ask the database next time."""
        self._cache.forget(scope_id)

    def secret(self, scope: Scope) -> str:
        """Return what Kommo signs this channel's hooks with."""
        return self._box().decrypt(scope.secret, str(scope.id))

    def mark(self, purpose: str) -> str:
        """Return what nobody else can make of a text; it proves that an id is one of ours."""
        return self._box().derive(purpose)

    async def _look_up(self, scope_id: str) -> Scope | None:
        scope = await self._scopes.find(scope_id)
        if scope and self._spool is not None:
            try:
                await self._spool.remember(_key(scope_id), _to_bytes(scope))
            except sqlite3.Error as error:
                log.warning("spool: a channel cannot be remembered: %s", type(error).__name__)
        return scope

    async def _recall(self, scope_id: str) -> Scope | None:
        record = await self._spool.recall(_key(scope_id)) if self._spool is not None else None
        return _from_bytes(record) if record else None


def _key(scope_id: str) -> UUID:
    return derived("kommo-chats", scope_id)


def _to_bytes(scope: Scope) -> bytes:
    return orjson.dumps([str(scope.id), str(scope.tenant_id), str(scope.integration_id), scope.scope_id, scope.secret.hex()])


def _from_bytes(record: bytes) -> Scope:
    channel, tenant, integration, scope_id, secret = orjson.loads(record)
    return Scope(UUID(channel), TenantId(UUID(tenant)), UUID(integration), scope_id, bytes.fromhex(secret))
