"""Makes the tenant, the agent and the bots of a run, through the product's own storage classes."""

import secrets
from pathlib import Path
from typing import Any

from storage.api_keys import ApiKeys
from storage.catalogue import Agents
from storage.crypto import SecretBox, load_or_create_key
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.postgres import Database, Role
from storage.tenants import Tenants
from tests.chaos.plan import Bot

CHAIN_AGENT: dict[str, Any] = {
    # A second of debounce keeps enough turns in hand for a kill to count.
    "persona": {"name": "Chain", "languages": ["en"], "responder": "chain", "debounce_s": 1.0},
    "scripts": [],
    "passages": [],
}


def token_of(account: str) -> str:
    """Return the token of a bot of the run."""
    return f"{account}:chaos-bot-token-{account}"


async def make_bots(
    dsn: str, data_dir: Path, count: int, definition: dict[str, Any] | None = None, first: int = 900_001
) -> tuple[str, str, list[Bot]]:
    """Return the tenant, an API key of its owner, and `count` live Telegram integrations of one agent."""
    box = SecretBox(load_or_create_key(data_dir))
    async with await Database.open(dsn, Role.API, "setup") as database:
        tenant = await Tenants(database).create(f"run-{secrets.token_hex(4)}", "Run")
        key = await ApiKeys(database).create(tenant, "run", "owner")
        agent = await Agents(database).create(tenant, "Run", definition or CHAIN_AGENT)
        bots = []
        for account in map(str, range(first, first + count)):
            secret = secrets.token_urlsafe(24)
            new = NewIntegration(agent, "telegram", account, token=token_of(account), secret=secret)
            bots.append(Bot(str(await IntegrationAdmin(database, box).create(tenant, new)), account, secret))
    return str(tenant), key, bots
