"""A shop with a host."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.host_lab import HostLab
from tests.integration.shop import open_shop


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    async with open_shop(database, tmp_path) as shop:
        yield HostLab(shop)
