"""A shop with a connected Kommo account, and the fake Kommo."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.kommo.process import KommoProcess
from tests.fakes.telegram_process import TelegramProcess
from tests.integration.kommo.office import Office
from tests.integration.kommo.showing import Stage
from tests.integration.shop import Shop


@pytest.fixture
def kommo(tmp_path: Path) -> Iterator[KommoProcess]:
    process = KommoProcess(tmp_path / "kommo.jsonl").start()
    yield process
    process.stop()


@pytest.fixture
async def office(shop: Shop, kommo: KommoProcess) -> AsyncIterator[Office]:
    async with Office(shop, kommo) as opened:
        yield opened


@pytest.fixture
async def stage(database: str, redis_url: str, tmp_path: Path, kommo: KommoProcess, telegram: TelegramProcess) -> AsyncIterator[Stage]:
    async with Stage(database, redis_url, tmp_path, kommo, telegram) as opened:
        yield opened
