"""Raw updates of one bot by `getUpdates`."""

from collections.abc import Sequence
from typing import Any

from actors.domain.ids import Address
from actors.ports.channels import UpdateBatch
from actors.ports.inbox import NewInput
from actors.ports.integrations import IntegrationRecord
from integrations.telegram.client import TelegramClient
from integrations.telegram.codec import encode
from integrations.telegram.routing import dedupe_key, route

POLL_S = 25  # below the 30 s after which proxies cut an idle request


class TelegramUpdateSource:
    """Polls the Bot API; keeps nothing between two polls."""

    def __init__(self, client: TelegramClient, poll_s: int = POLL_S) -> None:
        self._client = client
        self._poll_s = poll_s

    async def prepare(self, integration: IntegrationRecord) -> None:
        """Take a webhook away: with one set, polling is refused. What waits at Telegram is kept."""
        await self._client.delete_webhook(integration.token)

    async def fetch(self, integration: IntegrationRecord, offset: int | None) -> UpdateBatch:
        """Return the next updates, each with its key; one that cannot be read is stored like any other and judged later."""
        updates = await self._client.get_updates(integration.token, offset, self._poll_s)
        inputs = [new for update in updates if (new := new_input(integration, update)) is not None]
        return UpdateBatch(inputs, _next_offset(updates), len(updates) - len(inputs))


def new_input(integration: IntegrationRecord, update: Any) -> NewInput | None:
    """Return the update as an input to be stored, or None if it has no usable id."""
    if (where := route(update)) is None:
        return None
    address = Address(integration.id, where.key)
    return NewInput(integration.tenant_id, address, "message", dedupe_key(integration.account, where.update_id), encode(update))


def _next_offset(updates: Sequence[Any]) -> int | None:
    """Exactly this batch is confirmed: ids jump to a random number after a quiet week, so no offset is ever remembered."""
    ids = [where.update_id for update in updates if (where := route(update)) is not None]
    return max(ids) + 1 if ids else None
