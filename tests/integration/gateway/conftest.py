"""A running gateway over real servers, and a company that uses it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.gateway.company import Company, found
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
