"""`callboard telegram connect`: check a bot's token, store it encrypted, and start hearing the bot."""

import asyncio
from collections.abc import Callable
from typing import Literal
from uuid import UUID

from actors.domain.errors import CallboardError, TerminalError
from actors.runtime.clock import SystemClock
from config.settings import Settings
from integrations.telegram.client import TelegramClient
from integrations.telegram.updates import ALLOWED_UPDATES
from storage.catalogue import Agents
from storage.crypto import SecretBox, load_or_create_key
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.postgres import Database, Role
from storage.tenants import Tenants

Say = Callable[[str], None]


def connect(dsn: str, chosen: Settings, tenant_slug: str, token: str, say: Say) -> None:
    """Connect the bot to the tenant's first agent: by webhook with CALLBOARD_PUBLIC_URL, else by polling.

    Raises:
        CallboardError: there is no such tenant, the token is wrong, the bot is connected already, or Telegram refuses the webhook.
    """
    asyncio.run(_connect(dsn, chosen, tenant_slug, token, say))


async def _connect(dsn: str, chosen: Settings, tenant_slug: str, token: str, say: Say) -> None:
    client = TelegramClient(chosen.telegram_api, SystemClock(), chosen.telegram_timeout_s)
    try:
        async with await Database.open(dsn, Role.API, "callboard-cli", size=1) as database:
            tenant_id, agent_id = await _owner(database, tenant_slug)
            me = await client.get_me(token)
            say(f"The token belongs to @{me.get('username', '?')}")
            admin = IntegrationAdmin(database, SecretBox(load_or_create_key(chosen.data_dir)))
            mode: Literal["push", "poll"] = "push" if chosen.public_url else "poll"
            bot = NewIntegration(agent_id, "telegram", str(me["id"]), mode, token=token, username=str(me.get("username", "")))
            if chosen.public_url:
                await _by_webhook(client, admin, chosen, tenant_id, bot)
                say(f"Telegram will send its updates to {chosen.public_url}")
            else:
                await client.delete_webhook(token)
                await admin.create(tenant_id, bot)
                say("Polling starts within a few seconds: write to the bot")
    finally:
        await client.close()


async def _owner(database: Database, tenant_slug: str) -> tuple[UUID, UUID]:
    tenant = await Tenants(database).by_slug(tenant_slug)
    if tenant is None:
        raise TerminalError(f"there is no tenant {tenant_slug!r}")
    agents = await Agents(database).page(tenant.id, None, 1)
    if not agents:
        raise TerminalError(f"the tenant {tenant_slug!r} has no agent that could answer")
    return tenant.id, agents[0].id


async def _by_webhook(client: TelegramClient, admin: IntegrationAdmin, chosen: Settings, tenant_id: UUID, new: NewIntegration) -> None:
    integration_id = await admin.create(tenant_id, new)
    secret = await admin.new_secret(tenant_id, integration_id)
    url = f"{chosen.public_url.rstrip('/')}/webhooks/telegram/{integration_id}"
    try:
        await client.set_webhook(new.token or "", url, secret, list(ALLOWED_UPDATES))
    except CallboardError:
        await admin.set_status(tenant_id, integration_id, "disconnected")
        raise
