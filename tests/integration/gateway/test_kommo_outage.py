"""PostgreSQL goes away under Kommo's webhooks: every one is answered 2xx within a second, and stored in order afterwards."""

import asyncio
import json
import time
from pathlib import Path

import asyncpg
import pytest

from storage.embedded_postgres import EmbeddedPostgres
from tests.integration.gateway.company import Company
from tests.integration.gateway.kommo_hook import Hook, connect, post
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.gateway.test_database_away import (  # noqa: F401  # fixtures of the same story
    eventually,
    own_company,
    server,
)
from tests.unit.kommo.samples import form, message

pytestmark = pytest.mark.alone

LATEST_S = 1.0
MACHINE_S = 0.3  # what a machine shared with other tests may take


@pytest.fixture
async def hook(server: EmbeddedPostgres, own_company: Company) -> Hook:  # noqa: F811
    return await connect(server.dsn, own_company, "42")


def body(n: int) -> bytes:
    """Return a body with one message of each of two chats."""
    return form(message(2 * n, text=str(n), chat_id="a") | message(2 * n + 1, text=str(n), chat_id="b"))


async def send(gateway: GatewayProcess, hook: Hook, numbers: range) -> None:
    """Post one after another: what was acknowledged earlier is earlier."""
    for n in numbers:
        status, seconds = await post(gateway, hook.path, body(n))
        assert status == 200
        assert seconds < LATEST_S + MACHINE_S, seconds


async def stored(dsn: str, chat: str) -> list[int]:
    connection = await asyncpg.connect(dsn)
    raws = await connection.fetch("select raw from inbox where key = $1 order by id", chat)
    await connection.close()
    return [int(json.loads(row["raw"])["item"]["text"]) for row in raws]


async def test_nothing_is_refused_or_lost_while_postgresql_is_stopped(
    server: EmbeddedPostgres,  # noqa: F811
    hook: Hook,
    redis_url: str,
    tmp_path: Path,
) -> None:
    async with GatewayProcess(server.dsn, redis_url, tmp_path) as gateway:
        await send(gateway, hook, range(3))
        await asyncio.to_thread(server.stop)
        await send(gateway, hook, range(3, 40))
        answers = await asyncio.gather(*(post(gateway, hook.path, body(n)) for n in range(3, 40)))  # repeated, all at once
        assert {status for status, _ in answers} == {200}
        slowest = max(seconds for _, seconds in answers)
        print(f"PostgreSQL is stopped: {len(answers)} at once, the slowest after {slowest:.2f} s")  # with -s
        assert slowest < LATEST_S + MACHINE_S
        assert (await post(gateway, hook.path + "x", body(0)))[0] == 401  # known beside the spool
        async with gateway.session.get(hook.path) as response:
            assert response.status == 200
    async with GatewayProcess(server.dsn, redis_url, tmp_path) as gateway:  # started while it is away
        started = time.monotonic()
        await send(gateway, hook, range(40, 50))
        assert time.monotonic() - started < 10 * LATEST_S
        await asyncio.to_thread(server.start)
        await send(gateway, hook, range(50, 60))

        async def is_empty() -> bool:
            async with gateway.session.get("/metrics") as response:
                return "callboard_spool_depth 0.0" in await response.text()

        await eventually(is_empty, 30)
        await send(gateway, hook, range(60, 63))
    assert await stored(server.dsn, "a") == list(range(63))
    assert await stored(server.dsn, "b") == list(range(63))
