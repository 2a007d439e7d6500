"""The fake model in a thread of its own: it must answer while a test waits for the browser."""

import asyncio
import threading
from typing import Self

from aiohttp import web

from tests.fakes.openai_api import Behaviour, FakeOpenAI, fake_openai, streams
from tests.fakes.openai_api import _chunk as chunk
from tests.fakes.openai_api import _open as begin
from tests.fakes.openai_api import _send as send

START_S = 10.0


class ModelThread:
    """Answers with what was scripted, else with a sentence."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), name="fake model", daemon=True)
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self.fake: FakeOpenAI

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(START_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(START_S)

    @property
    def base_url(self) -> str:
        return self.fake.base_url

    def will(self, behaviour: Behaviour) -> None:
        """Answer the next request like this."""
        self.fake.script.append(behaviour)

    def gate(self) -> "Gate":
        return Gate(self._loop)

    async def _serve(self) -> None:
        async with fake_openai() as fake:
            self.fake = fake
            fake.otherwise = streams("Так отвечает ", "модель.")
            self._ready.set()
            await self._over.wait()


class Gate:
    """A stream that says its first part and waits for `open` before the last one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._open = asyncio.Event()

    def open(self) -> None:
        self._loop.call_soon_threadsafe(self._open.set)

    @property
    def is_open(self) -> bool:
        return self._open.is_set()

    def between(self, first: str, last: str) -> Behaviour:
        async def behave(request: web.Request) -> web.StreamResponse:
            response = await begin(request)
            await send(response, chunk([{"index": 0, "delta": {"content": first}, "finish_reason": None}]))
            await self._open.wait()
            await send(response, chunk([{"index": 0, "delta": {"content": last}, "finish_reason": None}]))
            await send(response, chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
            await response.write(b"data: [DONE]\n\n")
            await response.write_eof()
            return response

        return behave
