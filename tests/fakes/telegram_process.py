"""The strict fake Bot API as a child process of a test."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.forked import Forked, serve


class TelegramProcess:
    """Start it, script it, read its ledger."""

    def __init__(self, ledger: Path) -> None:
        self.ledger = ledger
        self.url = ""
        self._process: Forked | None = None

    def start(self, port: int = 0) -> "TelegramProcess":
        """Start; a second start continues the same ledger."""
        self._process, said = serve("tests.fakes.telegram_api", "--port", str(port), "--ledger", str(self.ledger))
        self.url = said["url"]
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    async def control(self, what: str, **body: Any) -> Any:
        """Call the control endpoint."""
        async with aiohttp.ClientSession() as http, http.post(f"{self.url}/control/{what}", json=body) as answer:
            return await answer.json()

    async def add_bot(self, token: str) -> None:
        await self.control("bots", token=token)

    async def fault(self, kind: str, **body: Any) -> None:
        await self.control("faults", kind=kind, **body)

    async def push(self, token: str, *updates: Any) -> None:
        await self.control("updates", token=token, updates=list(updates))

    def accepted(self) -> list[Mapping[str, Any]]:
        """Return what customers got, in order."""
        if not self.ledger.exists():
            return []
        written, _, _ = self.ledger.read_bytes().rpartition(b"\n")  # the last line may be half-written
        return [orjson.loads(line) for line in written.splitlines()]

    async def wait_accepted(self, count: int, timeout_s: float = 20.0) -> list[Mapping[str, Any]]:
        """Wait until at least `count` messages were accepted."""
        async with asyncio.timeout(timeout_s):
            while len(entries := self.accepted()) < count:
                await asyncio.sleep(0.02)
        return entries
