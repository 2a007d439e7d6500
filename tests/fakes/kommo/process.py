"""The fake Kommo as a child process of a test."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.forked import Forked, serve


class KommoProcess:
    """Start it, script it, read its ledger."""

    def __init__(self, ledger: Path) -> None:
        self.ledger = ledger
        self.url = ""
        self._process: Forked | None = None

    def start(self, port: int = 0) -> "KommoProcess":
        self._process, said = serve("tests.fakes.kommo", "--port", str(port), "--ledger", str(self.ledger))
        self.url = said["url"]
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    async def control(self, what: str, **body: Any) -> Any:
        """Call the control endpoint."""
        async with aiohttp.ClientSession() as http, http.post(f"{self.url}/control/{what}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def talk(self, chat_id: str, account: int = 1, *, lead: bool = True) -> dict[str, Any]:
        """Open a talk; older ones of the chat are closed."""
        return dict(await self.control("talk", account=account, chat_id=chat_id, lead=lead))

    async def fault(self, kind: str, **body: Any) -> None:
        await self.control("faults", kind=kind, **body)

    def entries(self, what: str) -> list[Mapping[str, Any]]:
        """Return what happened, in order."""
        if not self.ledger.exists():
            return []
        return [entry for line in self.ledger.read_bytes().splitlines() if (entry := orjson.loads(line))["what"] == what]

    def requests(self, path: str = "") -> list[Mapping[str, Any]]:
        """Return the requests whose path ends so."""
        return [entry for entry in self.entries("request") if entry["path"].endswith(path)]

    def copies(self) -> Counter[str]:
        """Return how often each text went out to a customer."""
        return Counter(entry["text"] for entry in self.entries("message"))

    def most_in_a_second(self) -> int:
        """Return the most requests within any second, refreshes of tokens and refused ones included, by the fake's clock.

        A fake that stands still writes later that something came: the second is shorter by what it was late at worst there.
        """
        times = sorted(entry["at"] for entry in self.requests() if entry["path"] != "/oauth")
        late = [(entry["t"], entry["late_s"]) for entry in self.entries("late")]
        return max((_within(times, start, max((s for t, s in late if start < t < start + 1.1), default=0.0)) for start in times), default=0)

    async def until(self, path: str, count: int, timeout_s: float = 20.0) -> None:
        """Wait until that many requests came."""
        async with asyncio.timeout(timeout_s):
            while len(self.requests(path)) < count:
                await asyncio.sleep(0.02)


def _within(times: list[float], start: float, late_s: float) -> int:
    return sum(1 for t in times if start <= t < start + 1.0 - late_s)
