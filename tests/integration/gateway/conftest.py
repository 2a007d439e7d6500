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
    async with GatewayProcess(database, redis_url, tmp_path, {"CALLBOARD_REPLY_WAIT_S": "4"}) as running:
        yield running


@pytest.fixture
def desk(gateway: GatewayProcess, company: Company) -> Desk:
    return Desk(gateway, company)
