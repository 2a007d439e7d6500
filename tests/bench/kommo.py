"""How long Kommo waits for the answer to a webhook, at a steady rate."""

import asyncio
import time
from pathlib import Path

import aiohttp

from storage.catalogue import Agents
from storage.crypto import SecretBox, load_or_create_key
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.postgres import Database, Role
from storage.tenants import Tenants
from tests.unit.kommo.samples import form, message

ACCOUNT, SECRET = "31337", "bench-secret-of-kommo"
RATE = 100.0
WARM_UP, MESSAGES = 100, 1_000
HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "amoCRM-Webhooks/3.0"}


async def paced(url: str, first: int, messages: int, rate: float, text: str) -> list[float]:
    """Post one message per webhook at the rate, each from a chat of its own; return the seconds until each 200, sorted."""
    took: list[float] = []

    async def one(session: aiohttp.ClientSession, n: int, due: float) -> None:
        body = form(message(n, text=text, chat_id=f"chat-{n}", created_at=int(time.time())))
        async with session.post(url, data=body, headers=HEADERS) as response:
            await response.read()
            assert response.status == 200
        took.append(time.perf_counter() - due)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session, asyncio.TaskGroup() as group:
        started = time.perf_counter()
        for n in range(messages):
            await asyncio.sleep(max(started + n / rate - time.perf_counter(), 0))
            group.create_task(one(session, first + n, started + n / rate))
    return sorted(took)


def p99_ms(took: list[float]) -> float:
    """Return the 99th percentile in ms."""
    return 1e3 * took[int(len(took) * 0.99)]


async def kommo_ack(url: str, database_url: str, data_dir: Path, text: str) -> dict[str, float]:
    """Connect an account to the demo shop's agent and measure."""
    async with await Database.open(database_url, Role.API, "bench") as database:
        tenant = await Tenants(database).by_slug("demo")
        assert tenant is not None
        (agent, *_) = await Agents(database).page(tenant.id, None, 1)
        new = NewIntegration(agent.id, "kommo", ACCOUNT, reply_policy="once", secret=SECRET)
        integration = await IntegrationAdmin(database, SecretBox(load_or_create_key(data_dir))).create(tenant.id, new)
    hook = f"{url}/webhooks/kommo/{integration}/{SECRET}"
    await paced(hook, 0, WARM_UP, RATE, text)
    took = await paced(hook, WARM_UP, MESSAGES, RATE, text)
    return {"kommo_ack_p50_ms": 1e3 * took[len(took) // 2], "kommo_ack_p99_ms": p99_ms(took)}
