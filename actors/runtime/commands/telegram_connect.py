"""`callboard telegram connect`: check a bot's token, store it encrypted, and start hearing the bot."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from actors.domain.errors import TerminalError
from actors.domain.troubles import MEANINGS, AccountTrouble, Trouble
from actors.services.connecting import Connected, Connecting
from config.settings import Settings
from integrations.telegram.bot_api import BotApi
from integrations.telegram.tokens import token_in
from storage.accounts.audit import COMMAND_LINE
from storage.catalogue import Agents
from storage.connections import Desk
from storage.crypto import SecretBox, load_or_create_key
from storage.postgres import Database, Role
from storage.tenants import Tenants

Say = Callable[[str], None]


def connect(dsn: str, chosen: Settings, tenant_slug: str, text: str, say: Say) -> None:
    """Connect the bot to the tenant's first agent: by webhook with CALLBOARD_PUBLIC_URL, else by polling.

    Raises:
        CallboardError: there is no such tenant, the token is wrong, or Telegram cannot be reached.
    """
    asyncio.run(_connect(dsn, chosen, tenant_slug, text, say))


async def _connect(dsn: str, chosen: Settings, tenant_slug: str, text: str, say: Say) -> None:
    token = token_in(text)
    if token is None:
        raise AccountTrouble(Trouble("token_malformed"))
    box = SecretBox(load_or_create_key(chosen.data_dir))
    async with (
        BotApi(chosen.telegram_api, chosen.telegram_timeout_s) as bots,
        await Database.open(dsn, Role.API, "callboard-cli", size=1) as api,
        await Database.open(dsn, Role.ENGINE, "callboard-cli", size=1) as engine,
    ):
        tenant_id, agent_id = await _owner(api, tenant_slug)
        desk, connecting = Desk(engine, box, tenant_id, COMMAND_LINE), Connecting(bots, chosen.public_url)
        checked = await connecting.check(desk, token)
        say(f"The token belongs to @{checked.bot.username}")
        if checked.foreign_host:
            say(f"Its messages went to {checked.foreign_host}; they come here from now on")
        connected = await connecting.connect(desk, agent_id, token)
        if connected is None:
            raise TerminalError("the agent is in the archive")
        _tell(connected, chosen.public_url, say)


async def _owner(database: Database, tenant_slug: str) -> tuple[UUID, UUID]:
    tenant = await Tenants(database).by_slug(tenant_slug)
    if tenant is None:
        raise TerminalError(f"there is no tenant {tenant_slug!r}")
    agents = await Agents(database).page(tenant.id, None, 1)
    if not agents:
        raise TerminalError(f"the tenant {tenant_slug!r} has no agent that could answer")
    return tenant.id, agents[0].id


def _tell(connected: Connected, public_url: str, say: Say) -> None:
    moved = connected.moved_from
    if moved is not None:
        say(f"It was moved here from the agent {moved.agent_name}" if moved.ours else "It was moved here from another company")
    if connected.trouble is not None:
        say(". ".join(MEANINGS[connected.trouble.code]) + f" ({connected.trouble.detail})")
    elif connected.integration.mode == "push":
        say(f"Telegram will send its updates to {public_url}")
    else:
        say("Polling starts within a few seconds: write to the bot")
