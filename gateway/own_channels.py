"""Whose a hook of Kommo's Chats API is."""

from collections.abc import Callable
from uuid import UUID

import orjson

from actors.domain.ids import TenantId
from gateway.ids import derived
from gateway.patience import Patience
from gateway.remembered import Remembered
from storage.crypto import SecretBox
from storage.kommo_scopes import KommoScopes, Scope
from storage.spool import Spool


class OwnChannels(Remembered[str, Scope]):
    """Finds channels of our own by the scope in a hook's path."""

    def __init__(self, scopes: KommoScopes, spool: Spool | None, patience: Patience, box: Callable[[], SecretBox]) -> None:
        super().__init__(scopes.find, patience, spool, _place, _to_bytes, _from_bytes)
        self._box = box

    def secret(self, scope: Scope) -> str:
        """Return what Kommo signs this channel's hooks with."""
        return self._box().decrypt(scope.secret, str(scope.id))

    def mark(self, purpose: str) -> str:
        """Return what nobody else can make of a text; it proves that an id is one of ours."""
        return self._box().derive(purpose)


def _place(scope_id: str) -> UUID:
    return derived("kommo-chats", scope_id)


def _to_bytes(scope: Scope) -> bytes:
    return orjson.dumps([str(scope.id), str(scope.tenant_id), str(scope.integration_id), scope.scope_id, scope.secret.hex()])


def _from_bytes(record: bytes) -> Scope:
    channel, tenant, integration, scope_id, secret = orjson.loads(record)
    return Scope(UUID(channel), TenantId(UUID(tenant)), UUID(integration), scope_id, bytes.fromhex(secret))
