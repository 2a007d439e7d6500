"""The load: raw HTTP/1.1 over kept connections, cheap enough not to be what is measured.

Its own process: python -m tests.bench.load PLAN.json prints one JSON object.
"""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import uvloop

REPEAT_S = 0.05
GIVE_UP_S = 120.0


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook: where, and as which bot."""

    path: str
    secret: str


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to send. `rate` 0 means as fast as answers come."""

    port: int
    targets: list[Target]
    first: int  # number of the first message; decides chat, update id and message id
    messages: int
    chats: int  # over all targets
    connections: int
    text: str
    rate: float = 0.0

    def write(self, path: Path) -> None:
        """Store the plan."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "LoadPlan":
        """Load a plan."""
        raw: dict[str, Any] = json.loads(path.read_text())
        return cls(**{**raw, "targets": [Target(**t) for t in raw["targets"]]})

    def request(self, number: int) -> bytes:
        """Return the request of one message: the same bytes for everyone who is compared."""
        chat = number % self.chats
        target = self.targets[chat % len(self.targets)]
        body = (
            b'{"update_id":%d,"message":{"message_id":%d,"date":%d,"from":{"id":%d,"is_bot":false,"first_name":"Bench","language_code":"ru"},'
            b'"chat":{"id":%d,"type":"private","first_name":"Bench"},"text":"%b"}}'
        ) % (10_000_000 + number, number + 1, int(time.time()), 70_000 + chat, 70_000 + chat, self.text.encode())
        head = f"POST {target.path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        secret = f"X-Telegram-Bot-Api-Secret-Token: {target.secret}\r\n"
        return f"{head}{secret}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One kept connection; requests are answered in order."""

    def __init__(self, on_answer: "Callable[[Connection, int, int, float], None]") -> None:
        self._on_answer = on_answer
        self._waiting: deque[tuple[int, float]] = deque()
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass

    def connection_lost(self, exc: Exception | None) -> None:
        """Answer what waits with status 0."""
        self._transport = None
        while self._waiting:
            number, since = self._waiting.popleft()
            self._on_answer(self, 0, number, since)

    @property
    def open(self) -> bool:
        """Return whether it can be written."""
        return self._transport is not None

    def send(self, number: int, request: bytes, since: float) -> None:
        """Write a request; latency counts from `since`."""
        assert self._transport is not None
        self._waiting.append((number, since))
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read whole answers."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            status, self._buffer = int(self._buffer[9:12]), self._buffer[end + 4 + length :]
            number, since = self._waiting.popleft()
            self._on_answer(self, status, number, since)


class Load:
    """Sends all messages of a plan, each until it is answered 2xx."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._todo = deque(range(plan.first, plan.first + plan.messages))
        self._free: list[Connection] = []
        self._due: deque[tuple[int, float]] = deque()
        self._latencies: list[float] = []
        self._refused = 0
        self._done = asyncio.Event()

    async def run(self) -> dict[str, Any]:
        """Return what was measured."""
        self._free = [await self._connect() for _ in range(self._plan.connections)]
        start, wall = time.perf_counter(), time.time()
        pacing = asyncio.create_task(self._pace()) if self._plan.rate else None
        while self._free and self._todo and not pacing:
            self._next(self._free.pop())
        async with asyncio.timeout(GIVE_UP_S):
            await self._done.wait()
        if pacing:
            await pacing
        elapsed = time.perf_counter() - start
        ordered = sorted(self._latencies)
        return {
            "messages": len(ordered), "seconds": elapsed, "rps": len(ordered) / elapsed, "refused": self._refused,
            "started_at": wall, "began": start,
            "p50_ms": 1e3 * ordered[len(ordered) // 2], "p99_ms": 1e3 * ordered[int(len(ordered) * 0.99)], "max_ms": 1e3 * ordered[-1],
        }  # fmt: skip

    async def _connect(self) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(self._answered), "127.0.0.1", self._plan.port)
        return connection

    async def _pace(self) -> None:
        start, sent = time.perf_counter(), 0
        while not self._done.is_set():  # a refused one becomes due again
            while self._todo and sent < (time.perf_counter() - start) * self._plan.rate:
                self._due.append((self._todo.popleft(), start + sent / self._plan.rate))
                sent += 1
            while self._due and self._free:
                connection = self._free.pop()
                if not connection.open:  # it rested longer than the server keeps one
                    connection = await self._connect()
                number, since = self._due.popleft()
                connection.send(number, self._plan.request(number), since)
            await asyncio.sleep(0.001)

    def _next(self, connection: Connection) -> None:
        if self._due:
            number, since = self._due.popleft()
            connection.send(number, self._plan.request(number), since)
        elif self._todo and not self._plan.rate:
            number = self._todo.popleft()
            connection.send(number, self._plan.request(number), time.perf_counter())
        else:
            self._free.append(connection)

    def _answered(self, connection: Connection, status: int, number: int, since: float) -> None:
        if 200 <= status < 300:
            self._latencies.append(time.perf_counter() - since)
            if len(self._latencies) == self._plan.messages:
                self._done.set()
        else:
            self._refused += 1
            asyncio.get_running_loop().call_later(REPEAT_S, self._repeat, number, since)
        if connection.open:
            self._next(connection)

    def _repeat(self, number: int, since: float) -> None:
        self._due.append((number, since))
        if self._free and not self._plan.rate:
            self._next(self._free.pop())


if __name__ == "__main__":
    print(json.dumps(uvloop.run(Load(LoadPlan.read(Path(sys.argv[1]))).run())))
