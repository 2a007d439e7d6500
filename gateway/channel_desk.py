"""Connecting channels of our own at Kommo: Kommo is asked first, and only what it accepted is kept."""

import logging
from functools import cached_property
from uuid import UUID

from actors.domain.errors import CallboardError, TerminalError
from actors.domain.ids import IntegrationId, TenantId
from actors.ports.kommo import KommoAccount
from gateway.kommo_desk import KommoDesk
from integrations.kommo.chats_api import ChannelKeys, ChatsApi
from storage.accounts.audit import Actor
from storage.kommo_channels import ChannelState, KommoChannels, NewChannel

log = logging.getLogger(__name__)

HOOKS = "/webhooks/kommo-chats"
TITLE = "Callboard"


class ChannelDesk:
    """What the operations on channels do, with the connections and the key of the desk for accounts."""

    def __init__(self, kommo: KommoDesk) -> None:
        self._kommo = kommo

    @property
    def reachable(self) -> bool:
        """Whether Kommo can send here what managers write."""
        return self._kommo.reachable

    @property
    def hook_url(self) -> str:
        """Return what Kommo's support registers; Kommo puts the scope's id in."""
        return f"{self._kommo.public_url}{HOOKS}/:scope_id"

    @cached_property
    def channels(self) -> KommoChannels:
        """Return the stored channels."""
        return KommoChannels(self._kommo.database, self._kommo.box)

    @cached_property
    def _api(self) -> ChatsApi:
        return ChatsApi(self._kommo.wire)

    async def connect(
        self, tenant_id: UUID, by: Actor, ids: tuple[UUID, UUID], host: str, channel_id: str, secret: str, bot_id: str, title: str
    ) -> ChannelState:
        """Connect the account to the channel and keep it.

        Raises:
            ConnectedElsewhere: the channel, or the agent's chats.
            CallboardError: see integrations/kommo/chats_api.py.
        """
        agent_id, integration_id = ids
        amojo_id = await self._kommo.amojo_id(KommoAccount(TenantId(tenant_id), IntegrationId(integration_id)))
        keys = ChannelKeys(channel_id, host, secret)
        scope_id = await self._api.connect(keys, amojo_id, title or TITLE)
        if scope_id != f"{channel_id}_{amojo_id}":
            raise TerminalError("the answer names another scope")
        new = NewChannel(channel_id, amojo_id, scope_id, bot_id, title, secret)
        return await self.channels.connect(tenant_id, by, agent_id, integration_id, new)

    async def disconnect(self, tenant_id: UUID, by: Actor, agent_id: UUID, integration_id: UUID) -> ChannelState | None:
        """Give the channel up here, whatever Kommo says to it. None if there was none."""
        gone = await self.channels.disconnect(tenant_id, by, agent_id, integration_id)
        if gone is None:
            return None
        try:
            await self._api.disconnect(ChannelKeys(gone.channel_id, gone.host, gone.secret), gone.amojo_id)
        except CallboardError as error:
            log.warning("kommo: the channel of integration %s is given up here only: %s", integration_id, error)
        return gone
