"""A running gateway over real servers, and a company that uses it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.runtime.carry import member
from actors.runtime.composition import build_sync
from config.settings import Settings, settings
from storage.carriers import PostgresPlacement
from storage.postgres import Database, Role
from tests.integration.gateway.company import INSTALLATION, Company, found
from tests.integration.gateway.desk import Desk
from tests.integration.gateway.processes import GatewayProcess


@pytest.fixture
async def company(database: str) -> Company:
    return await found(database, "acme")


@pytest.fixture
async def gateway(database: str, redis_url: str, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    # Nobody listens there: no test reaches a provider that it did not start.
    env = {"CALLBOARD_REPLY_WAIT_S": "4", "CALLBOARD_TELEGRAM_API": "http://127.0.0.1:9"}
    async with GatewayProcess(database, redis_url, tmp_path, env) as running:
        yield running


@pytest.fixture
def desk(gateway: GatewayProcess, company: Company) -> Desk:
    return Desk(gateway, company)


@pytest.fixture
async def sync(database: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """A worker beside the gateway, with the same data directory."""
    for name, value in {"DATABASE_URL": database, "REDIS_URL": redis_url, "CALLBOARD_DATA_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    async with await Database.open(database, Role.ENGINE, "test", size=1) as opened:
        assert await PostgresPlacement(opened).claim(INSTALLATION, 1, 1)
    body = await build_sync(await member("sync", 0, Settings()))
    task = asyncio.create_task(body.run())
    yield
    await body.drain()
    await task
    settings.cache_clear()
