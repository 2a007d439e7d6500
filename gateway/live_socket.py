"""One WebSocket of the live stream: what a tab asked for comes as small hints; a tab that does not read is let go."""

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from enum import IntEnum
from typing import Any
from uuid import UUID

import orjson
from aiohttp import WSMsgType, web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from actors.domain.errors import TransientError
from storage.live import Event, conversation_channel, tenant_channel, updates_channel
from storage.signals import RedisSignals

log = logging.getLogger(__name__)

MAX_FRAME = 4096
MAX_SUBSCRIPTIONS = 32
HEARTBEAT_S = 20.0  # proxies close connections that are silent for 30 to 60 s
CHECK_S = 2.0  # how often it is asked whether the login still stands; callers are remembered for 5 s
QUEUE = 1000  # events that wait for a slow reader before it is let go
CLOSE_S = 2.0  # for the other side's answer to our closing frame
LINGER_S = 10.0  # then its connection is cut, whatever it has not read
_BAD_MESSAGES = 3
_CONVERSATION = re.compile(r"conversation:([1-9][0-9]{0,18})")
_INT64 = 2**63
_RECONNECTED = orjson.dumps({"type": "reconnected"})
_OF_TENANT: Mapping[str, Callable[[UUID], str]] = {"conversations": tenant_channel, "updates": updates_channel}
# Hints only: what was said is read through the API. Deltas are the exception, they are nowhere else.
_SHOWN: Mapping[str, Sequence[str]] = {
    "turn": ("turn_id",),
    "delta": ("turn_id", "text"),
    "message": ("id", "role"),
    "control": ("control", "version"),
    "conversations": ("messages", "changed"),
    "updates": ("items", "left_out"),
}


class Code(IntEnum):
    """Why we close, beside what RFC 6455 has."""

    RESTART = 1012
    BAD_MESSAGES = 4400
    LOGIN_ENDED = 4401
    SLOW = 4408


class Command(BaseModel):
    """What a client may send: topics are `conversations`, `updates` and `conversation:ID`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subscribe: list[str] = Field(default=[], max_length=MAX_SUBSCRIPTIONS)
    unsubscribe: list[str] = Field(default=[], max_length=MAX_SUBSCRIPTIONS)


Existing = Callable[[Collection[int]], Awaitable[Collection[int]]]


class LiveSocket:
    """Carries events to one client until either side ends it; deliveries never wait for the client."""

    def __init__(self, socket: web.WebSocketResponse, signals: RedisSignals, tenant_id: UUID, existing: Existing) -> None:
        self._socket = socket
        self._signals = signals
        self._tenant_id = tenant_id
        self._existing = existing
        self._topics: dict[str, str] = {}  # Redis channel -> topic as the client wrote it
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE)
        self._told_missed = False
        self._bad = 0
        self._code: Code | None = None
        self._ending = asyncio.Event()

    async def run(self, stands: Callable[[], Awaitable[bool]], transport: asyncio.Transport | None) -> None:
        """Serve until the client leaves, `stands` denies the login, or `end` is called."""
        self._push({"type": "hello", "heartbeat_s": HEARTBEAT_S})
        ended = asyncio.create_task(self._ended())
        work = [asyncio.create_task(part) for part in (self._read(), self._write(), self._guard(stands), self._beat())]
        try:
            await asyncio.wait({*work, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (ended, *work):
                task.cancel()
            for result in await asyncio.gather(ended, *work, return_exceptions=True):
                if isinstance(result, Exception):
                    log.error("a live socket failed", exc_info=result)
            await self._signals.leave(tuple(self._topics), self)
            await self._close(transport)

    def end(self, code: Code) -> None:
        """Close it soon; the first reason counts."""
        self._code = self._code or code
        self._ending.set()

    def deliver(self, channel: str, event: Event) -> None:
        """Take one event; too many that wait end the socket."""
        kind = event.get("type")
        if (topic := self._topics.get(channel)) and isinstance(kind, str) and kind in _SHOWN:
            self._push({"type": kind, "topic": topic, **{name: event[name] for name in _SHOWN[kind] if name in event}})

    def missed(self) -> None:
        """Tell the client to read anew what it shows."""
        if not self._told_missed:
            self._told_missed = True
            self._put(_RECONNECTED)

    def _push(self, event: Mapping[str, Any]) -> None:
        self._put(orjson.dumps(dict(event)))

    def _put(self, frame: bytes) -> None:
        try:
            self._queue.put_nowait(frame)
        except asyncio.QueueFull:
            self.end(Code.SLOW)

    async def _ended(self) -> None:
        await self._ending.wait()

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self._send(await self._queue.get())

    async def _send(self, frame: bytes) -> None:
        if frame is _RECONNECTED:
            self._told_missed = False
        await self._socket.send_frame(frame, WSMsgType.TEXT)

    async def _read(self) -> None:
        async for message in self._socket:
            command = _command(message.data) if message.type is WSMsgType.TEXT else None
            if command is None:
                self._refuse_message()
            else:
                await self._obey(command)

    async def _guard(self, stands: Callable[[], Awaitable[bool]]) -> None:
        while True:
            if not await stands():
                self.end(Code.LOGIN_ENDED)
                return
            await asyncio.sleep(CHECK_S)

    async def _beat(self) -> None:
        """Say something now and then: pages do not see pings, and want to know whether the line is dead."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self._push({"type": "alive"})

    async def _obey(self, command: Command) -> None:
        await self._unsubscribe([topic for topic in command.unsubscribe if topic in self._topics.values()])
        if wanted := [topic for topic in dict.fromkeys(command.subscribe) if topic not in self._topics.values()]:
            try:
                await self._subscribe(wanted)
            except TransientError:
                self._error("unavailable", "the database is away; subscribe again in a moment")

    async def _unsubscribe(self, topics: Sequence[str]) -> None:
        channels = [channel for channel, topic in self._topics.items() if topic in topics]
        for channel in channels:
            del self._topics[channel]
        if channels:
            await self._signals.leave(channels, self)
        for topic in topics:
            self._push({"type": "unsubscribed", "topic": topic})

    async def _subscribe(self, topics: Sequence[str]) -> None:
        numbers = {topic: number for topic in topics if (number := _number(topic)) is not None}
        existing = await self._existing(numbers.values()) if numbers else ()
        channels: dict[str, str] = {}
        for topic in topics:
            if topic not in _OF_TENANT and numbers.get(topic) not in existing:
                self._error("not-found", "there is no such topic", topic)
            elif len(self._topics) + len(channels) >= MAX_SUBSCRIPTIONS:
                self._error("too-many", f"{MAX_SUBSCRIPTIONS} topics at the most", topic)
            else:
                of_tenant = _OF_TENANT.get(topic)
                channels[of_tenant(self._tenant_id) if of_tenant else conversation_channel(numbers[topic])] = topic
        self._topics |= channels
        await self._signals.join(tuple(channels), self)
        for topic in channels.values():
            self._push({"type": "subscribed", "topic": topic})

    def _refuse_message(self) -> None:
        self._bad += 1
        self._error("bad-message", 'not of the form {"subscribe": [...], "unsubscribe": [...]}')
        if self._bad >= _BAD_MESSAGES:
            self.end(Code.BAD_MESSAGES)

    def _error(self, code: str, detail: str, topic: str | None = None) -> None:
        self._push({"type": "error", "code": code, "detail": detail, **({"topic": topic} if topic is not None else {})})

    async def _close(self, transport: asyncio.Transport | None) -> None:
        code = self._code
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(CLOSE_S):
                while code is not Code.SLOW and not self._queue.empty():
                    await self._send(self._queue.get_nowait())
                await self._socket.close(code=code or 1000, message=code.name.lower().replace("_", " ").encode() if code else b"")
        if transport and not transport.is_closing():
            transport.close()
        if transport:
            asyncio.get_running_loop().call_later(LINGER_S, transport.abort)


def _command(text: str) -> Command | None:
    try:
        return Command.model_validate_json(text)
    except ValidationError:
        return None


def _number(topic: str) -> int | None:
    found = _CONVERSATION.fullmatch(topic)
    return number if found and (number := int(found.group(1))) < _INT64 else None
