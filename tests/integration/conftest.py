"""A shop and the strict fake Bot API, for tests of what goes between them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.telegram_process import TelegramProcess
from tests.integration.shop import Shop, open_shop


@pytest.fixture
def telegram(tmp_path: Path) -> Iterator[TelegramProcess]:
    process = TelegramProcess(tmp_path / "ledger.jsonl").start()
    yield process
    process.stop()


@pytest.fixture
async def shop(database: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(database, tmp_path) as opened:
        yield opened
