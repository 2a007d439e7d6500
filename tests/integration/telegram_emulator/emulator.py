"""The npm package `telegram-test-api`, installed once into the user's cache, with a small proxy of ours in front.

The proxy makes up for what the emulator lacks: it sends no secret header with updates, its process ends when a webhook does
not answer 2xx, and `getUpdates` does not wait. Everything else passes through as it is, errors of unknown methods included.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.packages import node_home

PACKAGE = "telegram-test-api@4.2.1"
START_S = 20
POLL_S = 0.3  # how long an empty getUpdates waits here
SERVE = """
const Server = require('telegram-test-api');
new Server({port: Number(process.argv[1]), host: '127.0.0.1', storeTimeout: 600}).start();
"""


class Emulator:
    """A bot at the emulator, seen from both sides: `url` is the Bot API's, the methods are a customer's."""

    def __init__(self, emulator_url: str, token: str, http: aiohttp.ClientSession) -> None:
        self._emulator_url, self._token, self._http = emulator_url, token, http
        self.url = ""  # of the proxy
        self.hook: tuple[str, str] | None = None
        self.calls: list[str] = []

    async def write(self, chat: int, text: str) -> None:
        """A customer writes to the bot; the emulator sends it on, or keeps it for getUpdates."""
        person = {"id": chat, "first_name": "Olga", "is_bot": False}
        message = {"from": person, "chat": {"id": chat, "type": "private", "first_name": "Olga"}, "date": int(time.time()), "text": text}
        async with self._http.post(f"{self._emulator_url}/sendMessage", json={"botToken": self._token, **message}) as answer:
            assert (await answer.json())["ok"]

    async def read(self, chat: int, count: int, timeout_s: float = 40.0) -> list[str]:
        """Wait until the customer got `count` messages more and return them."""
        texts: list[str] = []
        async with asyncio.timeout(timeout_s):
            while len(texts) < count:
                async with self._http.post(f"{self._emulator_url}/getUpdates", json={"token": self._token, "chatId": chat}) as answer:
                    texts += [entry["message"]["text"] for entry in (await answer.json())["result"]]
                await asyncio.sleep(0.1)
        return texts

    async def proxy(self, request: web.BaseRequest) -> web.StreamResponse:
        """Both directions: calls of the Bot API, and the emulator's calls of the webhook."""
        body = await request.read()
        if request.path == "/hook":
            await self._deliver(body)
            return web.Response()
        method = request.path.rpartition("/")[2]
        self.calls.append(method)
        if method == "setWebhook":
            wanted = await request.json()
            self.hook = (wanted["url"], wanted["secret_token"])
            body = b'{"url": "%s/hook"}' % self.url.encode()
        return await self._forward(request, method, body)

    async def _forward(self, request: web.BaseRequest, method: str, body: bytes) -> web.Response:
        headers = {"Content-Type": "application/json"}
        async with self._http.post(f"{self._emulator_url}{request.path}", data=body, headers=headers) as answer:
            said = await answer.read()
        if method == "getUpdates" and said.endswith(b'"result":[]}'):
            await asyncio.sleep(POLL_S)
        return web.Response(status=answer.status, body=said, content_type="application/json")

    async def _deliver(self, body: bytes) -> None:
        """Until it is taken, as Telegram does."""
        assert self.hook is not None
        url, secret = self.hook
        headers = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": secret}
        while True:
            with suppress(aiohttp.ClientError):
                async with self._http.post(url, data=body, headers=headers) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.2)


@asynccontextmanager
async def emulated(directory: Path, token: str) -> AsyncIterator[Emulator]:
    """Run the emulator and the proxy while the block lasts."""
    port = free_port()
    process = subprocess.Popen([str(node_home() / "bin" / "node"), "-e", SERVE, str(port)], cwd=directory, stdout=sys.stderr)
    runner: web.ServerRunner | None = None
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
            emulator = Emulator(f"http://127.0.0.1:{port}", token, http)
            await _listening(port)
            runner = web.ServerRunner(web.Server(emulator.proxy))
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, bound = _address(runner)
            emulator.url = f"http://{host}:{bound}"
            yield emulator
            assert process.poll() is None, "the emulator's process ended"
    finally:
        if runner is not None:
            await runner.cleanup()
        process.kill()
        process.wait(10)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _address(runner: web.ServerRunner) -> tuple[Any, Any]:
    address = runner.addresses[0]
    return address[0], address[1]


async def _listening(port: int) -> None:
    async with asyncio.timeout(START_S):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.1)
