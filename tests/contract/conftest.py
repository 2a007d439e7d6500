"""Each contract runs twice: on the fake stores and on PostgreSQL."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from storage.postgres import Database, Role
from tests.contract.labs import FakeLab, Lab, RealLab


@pytest.fixture
async def real_lab(database: str) -> AsyncIterator[RealLab]:
    owner = await asyncpg.connect(database)
    async with await Database.open(database, Role.ENGINE, "test") as engine, await Database.open(database, Role.API, "test") as api:
        yield RealLab(engine, api, owner)
    await owner.close()


@pytest.fixture(params=["fake", "postgres"])
def lab(request: pytest.FixtureRequest) -> Lab:
    if request.param == "fake":
        return FakeLab()
    found: RealLab = request.getfixturevalue("real_lab")
    return found
