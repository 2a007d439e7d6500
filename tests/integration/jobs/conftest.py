"""A database with a ledger, both roles connected, and a company that asks for jobs."""

from collections.abc import AsyncIterator

import pytest

from storage.signals import RedisSignals
from tests.contract.labs import RealLab
from tests.integration.jobs.lab import LEDGER, Requests
from tests.integration.storage.conftest import real_lab

__all__ = ["real_lab"]


@pytest.fixture
async def lab(real_lab: RealLab) -> RealLab:
    await real_lab.owner.execute(LEDGER)
    return real_lab


@pytest.fixture
async def signals(redis_url: str) -> AsyncIterator[RedisSignals]:
    async with RedisSignals(redis_url) as opened:
        yield opened


@pytest.fixture
async def requests(lab: RealLab) -> Requests:
    return Requests(lab.api, (await lab.endpoint()).tenant_id)
