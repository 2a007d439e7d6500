"""The test chat: a customer's message in, the agent's answer out, as JSON or as a stream."""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import orjson
from aiohttp import web

from gateway.api.conversing import NoAnswerYet, Question, TestChatService
from gateway.api.operation import Answer, Call, Operation
from gateway.middleware import REQUEST_ID
from gateway.problems import Problem
from gateway.schemas.chat import ChatAnswer, ChatRequest

STREAM = "text/event-stream"
KEEP_OPEN_S = 15.0  # proxies close streams that are silent for 30 to 60 s


class ChatApi:
    """POST /api/chat."""

    def __init__(self, service: TestChatService) -> None:
        self._service = service

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(
                "POST",
                "/api/chat",
                self.chat,
                level="operator",
                tag="chat",
                body=ChatRequest,
                answer=ChatAnswer,
                media={
                    STREAM: "events `accepted` (`conversation_id`, `message_id`), `delta` (`text`, `turn_id`), "
                    "`message` (the answer) or `error` (a problem), `done`"
                },
                also=(404, 504),
            )
        ]

    async def chat(self, call: Call[ChatRequest]) -> Answer | web.StreamResponse:
        """Say something to an agent, as a customer, and wait for its answer.

        With `Accept: text/event-stream` parts of the answer come while it is made. After a 504, or when the connection
        broke, the same request with the same `message_id` gets the answer.
        """
        question = await self._service.open(call.caller, call.body)
        if STREAM in call.request.headers.get("Accept", ""):
            return await self._stream(call.request, question)
        async with self._service.watching(question) as events:
            await self._service.submit(question)
            try:
                return Answer(await self._service.answer(question, events, _ignore))
            except NoAnswerYet:
                raise _too_late(question) from None

    async def _stream(self, request: web.Request, question: Question) -> web.StreamResponse:
        async with self._service.watching(question) as events:
            await self._service.submit(question)  # its problems are answered as such: the stream has not begun
            async with _Stream(request) as stream:
                await stream.send("accepted", {"conversation_id": str(question.conversation_id), "message_id": question.message_id})
                try:
                    answer = await self._service.answer(question, events, stream.delta)
                    await stream.send("message", answer.model_dump(mode="json"))
                except NoAnswerYet:
                    await stream.send("error", _too_late(question).to_json(request[REQUEST_ID]))
                await stream.send("done", {})
            return stream.response


class _Stream:
    """Server-sent events with a sign of life while nothing is said."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        headers = {"Content-Type": STREAM, "Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Request-ID": request[REQUEST_ID]}
        self.response = web.StreamResponse(headers=headers)
        self._alive: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.response.prepare(self._request)
        self._alive = asyncio.create_task(self._keep_open())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._alive:
            self._alive.cancel()
            await asyncio.gather(self._alive, return_exceptions=True)
        if kind is None:
            await self.response.write_eof()

    async def delta(self, event: Mapping[str, Any]) -> None:
        await self.send("delta", {"text": event.get("text", ""), "turn_id": event.get("turn_id")})

    async def send(self, name: str, data: Mapping[str, Any]) -> None:
        await self.response.write(b"event: " + name.encode() + b"\ndata: " + orjson.dumps(dict(data)) + b"\n\n")

    async def _keep_open(self) -> None:
        while True:
            await asyncio.sleep(KEEP_OPEN_S)
            await self.response.write(b": waiting\n\n")


async def _ignore(_: Mapping[str, Any]) -> None:
    """A JSON answer has no use for parts of it."""


def _too_late(question: Question) -> Problem:
    return Problem(
        504,
        "the message is stored and will be answered; repeat the request with the same message_id to get the answer",
        extra={"repeat_with": {"conversation_id": str(question.conversation_id), "message_id": question.message_id}},
    )
