"""A model's server of the OpenAI protocol with scripted answers: a real HTTP server, so that the client's every layer is tested."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]
USAGE = {"prompt_tokens": 21, "completion_tokens": 4, "total_tokens": 25}


class FakeOpenAI:
    """Answers each request with the next scripted behaviour and keeps what it was asked."""

    def __init__(self) -> None:
        self.script: deque[Behaviour] = deque()
        self.otherwise: Behaviour | None = None  # when the script is at its end
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.left_early = asyncio.Event()  # a client went away while a stream was being written
        self.base_url = ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve POST /v1/chat/completions."""
        self.asked.append(await request.json())
        self.keys.append(request.headers.get("Authorization", ""))
        try:
            behave = self.otherwise if self.otherwise and not self.script else self.script.popleft()
            return await behave(request)
        except (asyncio.CancelledError, ConnectionResetError):
            self.left_early.set()
            raise


@asynccontextmanager
async def fake_openai() -> AsyncIterator[FakeOpenAI]:
    """Run the server on a free port of 127.0.0.1."""
    fake = FakeOpenAI()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", fake.serve)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield fake
    finally:
        await runner.cleanup()


def streams(*pieces: str, finish: str | None = "stop", usage: bool = True, done: bool = True) -> Behaviour:
    """Stream the pieces; without `finish` and `done` the stream ends in the middle, but the connection ends well."""

    async def behave(request: web.Request) -> web.StreamResponse:
        response = await _open(request)
        for piece in pieces:
            await _send(response, _chunk([{"index": 0, "delta": {"content": piece}, "finish_reason": None}]))
        if finish:
            await _send(response, _chunk([{"index": 0, "delta": {}, "finish_reason": finish}]))
        if usage:
            await _send(response, {**_chunk([]), "usage": USAGE})
        if done:
            await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    return behave


def calls(*asked: tuple[str, str], said: str = "") -> Behaviour:
    """Call tools, each as (name, arguments as JSON), in pieces as real servers do."""
    pieces: list[dict[str, Any]] = []
    for place, (name, arguments) in enumerate(asked):
        pieces.append({"index": place, "id": f"call-{place}", "type": "function", "function": {"name": name, "arguments": ""}})
        half = len(arguments) // 2
        pieces += [{"index": place, "function": {"arguments": part}} for part in (arguments[:half], arguments[half:])]
    deltas: list[dict[str, Any]] = [{"content": said}] if said else []
    deltas += [{"tool_calls": [piece]} for piece in pieces]
    ended = _chunk([{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])
    told = [_chunk([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    return sends(*told, ended, {**_chunk([]), "usage": USAGE})


def cut(*pieces: str) -> Behaviour:
    """Stream the pieces, then drop the connection in the middle of a chunk."""

    async def behave(request: web.Request) -> web.StreamResponse:
        response = await _open(request)
        for piece in pieces:
            await _send(response, _chunk([{"index": 0, "delta": {"content": piece}}]))
        await response.write(b'data: {"id": "x", "choi')
        assert request.transport is not None
        request.transport.abort()
        return response

    return behave


def hangs(*pieces: str) -> Behaviour:
    """Stream the pieces, then nothing; without pieces, not even headers."""

    async def behave(request: web.Request) -> web.StreamResponse:
        if pieces:
            response = await _open(request)
            for piece in pieces:
                await _send(response, _chunk([{"index": 0, "delta": {"content": piece}}]))
        return await asyncio.Future[web.StreamResponse]()

    return behave


def sends(*chunks: Mapping[str, Any] | str) -> Behaviour:
    """Stream these chunks as they are; a text goes out raw."""

    async def behave(request: web.Request) -> web.StreamResponse:
        response = await _open(request)
        for chunk in chunks:
            if isinstance(chunk, str):
                await response.write(chunk.encode())
            else:
                await _send(response, chunk)
        await response.write_eof()
        return response

    return behave


def endless(piece: str) -> Behaviour:
    """Stream the piece again and again until the client goes away."""

    async def behave(request: web.Request) -> web.StreamResponse:
        response = await _open(request)
        while True:
            await _send(response, _chunk([{"index": 0, "delta": {"content": piece}}]))

    return behave


def refuses(status: int, body: object = None, headers: Iterable[tuple[str, str]] = ()) -> Behaviour:
    """Answer with an error; a text goes out as HTML."""

    async def behave(request: web.Request) -> web.StreamResponse:
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type="text/html", headers=dict(headers))
        return web.json_response(body or {"error": {"message": "no", "code": None}}, status=status, headers=dict(headers))

    return behave


async def _open(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    return response


async def _send(response: web.StreamResponse, chunk: Mapping[str, Any]) -> None:
    await response.write(f"data: {json.dumps(chunk)}\n\n".encode())


def _chunk(choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "served-model", "choices": choices}
