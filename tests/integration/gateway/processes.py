"""Gateways as the supervisor starts them: processes on inherited sockets."""

import asyncio
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from tests.forked import Forked


class GatewayProcess:
    """One gateway and a client session for it."""

    def __init__(self, dsn: str, redis_url: str, data_dir: Path, env: Mapping[str, str] | None = None, module: str = "gateway") -> None:
        self.log = data_dir / f"gateway-{id(self)}.log"
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("CALLBOARD_")},
            "DATABASE_URL": dsn,
            "REDIS_URL": redis_url,
            "CALLBOARD_DATA_DIR": str(data_dir),
            "CALLBOARD_SPOOL_MB": "8",
            "CALLBOARD_KOMMO_API": "http://127.0.0.1:9",  # nobody: no test reaches a provider that it did not start
            **(env or {}),
        }
        self._module = module
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: Forked | None = None
        self.session: aiohttp.ClientSession

    def spawn(self) -> None:
        with self.log.open("ab") as log:
            out = log.fileno()
            self.process = Forked(self._module, "--fd", env=self.env, out=out, errors=out, listening=self._socket.fileno())

    async def __aenter__(self) -> "GatewayProcess":
        self.spawn()
        connector = aiohttp.TCPConnector(limit=0)
        self.session = aiohttp.ClientSession(self.url, connector=connector, timeout=aiohttp.ClientTimeout(total=60))
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await self.stop()
        self._socket.close()

    async def up(self) -> None:
        async with asyncio.timeout(60):  # a busy machine takes its time to start a process
            async with self.session.get("/health") as response:
                assert response.status == 200, await response.text()

    async def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, 15)

    def logged(self) -> str:
        return self.log.read_text()


async def raw_request(port: int, *pieces: bytes, pause_s: float = 0.0, timeout_s: float = 20.0) -> bytes:
    """Send bytes as they are and return everything that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(timeout_s):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
            return await reader.read(-1)
    finally:
        writer.close()
