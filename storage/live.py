"""Live events: one Redis connection shared by all who watch in this process; a channel is subscribed while somebody does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import UUID

import orjson
from redis.asyncio.client import PubSub

from actors.domain.ids import ConversationId

_BASE = "callboard:live"  # a subscription without channels cannot wait
_SILENCE_S = 5.0  # after this long without a message a ping; after twice as long the connection counts as dead
_QUEUE = 1000  # events a slow watcher may lag behind before it loses the oldest
_ATTENDED_S = 0.3  # how long a watcher waits for its subscription before it relies on polling alone
_AT_ONCE = 50  # events delivered before watchers get a turn: a burst must not look like a slow reader
_LISTED = 100  # conversations named in one event of a tenant

Event = Mapping[str, Any]
Events = asyncio.Queue[dict[str, Any]]


class Sink(Protocol):
    """Takes events and never waits."""

    def deliver(self, channel: str, event: Event) -> None:
        """Take one event."""

    def missed(self) -> None:
        """Hear that events may be missing between the last one and the next: Redis was away."""


def conversation_channel(conversation_id: int) -> str:
    """Return where events of a conversation are published."""
    return f"{_BASE}:{conversation_id}"


def tenant_channel(tenant_id: UUID) -> str:
    """Return where it is published which conversations of a tenant changed."""
    return f"{_BASE}:tenant:{tenant_id}"


def updates_channel(tenant_id: UUID) -> str:
    """Return where the facts of a tenant's activity log are published."""
    return f"{_BASE}:updates:{tenant_id}"


def tenant_events(messages: Sequence[ConversationId], changed: Sequence[ConversationId]) -> list[dict[str, Any]]:
    """Return the events that say which conversations have new messages, and which changed otherwise."""
    named = [(str(c), True) for c in dict.fromkeys(messages)] + [(str(c), False) for c in dict.fromkeys(changed)]
    portions = [named[n : n + _LISTED] for n in range(0, len(named), _LISTED)]
    return [
        {"type": "conversations", "messages": [c for c, new in part if new], "changed": [c for c, new in part if not new]}
        for part in portions
    ]


async def arrivals(pubsub: PubSub) -> AsyncIterator[tuple[str, str, bytes]]:
    """Yield (type, channel, payload) of messages and of confirmed subscriptions for ever.

    Raises:
        ConnectionError: the server does not answer pings any more.
    """
    pinged = False
    while True:
        message = await pubsub.get_message(timeout=_SILENCE_S)
        if message is not None:
            pinged = False
            if message["type"] in {"message", "subscribe"}:
                yield message["type"], message["channel"].decode(), message["data"]
        elif pinged:
            raise ConnectionError("Redis does not answer")
        else:
            pinged = True
            await pubsub.ping()


async def messages(pubsub: PubSub) -> AsyncIterator[tuple[str, bytes]]:
    """Yield (channel, payload) for ever.

    Raises:
        ConnectionError: the server does not answer pings any more.
    """
    async for kind, channel, payload in arrivals(pubsub):
        if kind == "message":
            yield channel, payload


class LiveEvents:
    """Delivers events to local sinks; forgets everything else."""

    def __init__(self) -> None:
        self._sinks: dict[str, set[Sink]] = {}
        self._pubsub: PubSub | None = None
        self._asked: set[str] = set()  # channels that Redis was asked for on this connection
        self._awaited: dict[str, int] = {}  # confirmations on the way: whoever leaves and comes back waits for the last one
        self._confirmed: set[str] = set()
        self._news = asyncio.Event()  # set and replaced whenever a subscription is confirmed
        self._missing: set[Sink] = set()  # those who may have missed events, to be told once everything is subscribed again
        self._lock = asyncio.Lock()  # commands of several watchers on one connection

    @property
    def channels(self) -> int:
        """Return how many channels somebody watches."""
        return len(self._sinks)

    async def attend(self, pubsub: PubSub) -> None:
        """Deliver until the connection fails; every watched channel is subscribed anew first."""
        try:
            await pubsub.subscribe(_BASE)
            self._pubsub = pubsub
            await self._settle()
            number = 0
            async for kind, channel, payload in arrivals(pubsub):
                if kind == "message":
                    self._deliver(channel, payload)
                else:
                    self._confirm(channel)
                number += 1
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
        finally:
            self._pubsub = None
            self._asked.clear()
            self._awaited.clear()
            self._confirmed.clear()
            self._missing.update(sink for sinks in self._sinks.values() for sink in sinks)

    async def join(self, channels: Collection[str], sink: Sink) -> None:
        """Deliver the channels' events from now on; returns when Redis has confirmed them.

        While Redis does not, it returns after a moment all the same, and `missed` is called later on.
        """
        for channel in channels:
            self._sinks.setdefault(channel, set()).add(sink)
        try:
            async with asyncio.timeout(_ATTENDED_S):
                await self._settle()
                while not self._confirmed.issuperset(channels):
                    await self._news.wait()
        except TimeoutError:
            self._missing.add(sink)

    async def leave(self, channels: Iterable[str], sink: Sink) -> None:
        """Deliver no more; a channel that nobody watches is given up. May be called for channels that were not joined."""
        for channel in channels:
            if sinks := self._sinks.get(channel):
                sinks.discard(sink)
                if not sinks:
                    del self._sinks[channel]
        if sink in self._missing and not any(sink in sinks for sinks in self._sinks.values()):
            self._missing.discard(sink)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ATTENDED_S):
                await self._settle()

    @asynccontextmanager
    async def watch(self, channel: str) -> AsyncIterator[Events]:
        """Yield a queue of the channel's events; events before the subscription, or while Redis is away, are missed."""
        watcher = _Watcher()
        try:
            await self.join([channel], watcher)
            yield watcher.queue
        finally:
            await self.leave([channel], watcher)

    async def _settle(self) -> None:
        """Ask Redis for what is watched and is not asked for, and give up what is not watched any more."""
        async with self._lock:
            if self._pubsub is None:
                return
            try:
                if wanted := self._sinks.keys() - self._asked:
                    self._asked |= wanted
                    self._awaited |= {channel: self._awaited.get(channel, 0) + 1 for channel in wanted}
                    await self._pubsub.subscribe(*wanted)
                if idle := self._asked - self._sinks.keys():
                    self._asked -= idle
                    self._confirmed -= idle
                    await self._pubsub.unsubscribe(*idle)
            except Exception:  # the reader fails as well, and subscribes anew
                await self._break()

    async def _break(self) -> None:
        if pubsub := self._pubsub:
            self._pubsub = None
            with contextlib.suppress(Exception):
                await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _confirm(self, channel: str) -> None:
        left = self._awaited.pop(channel, 0) - 1
        if left > 0:
            self._awaited[channel] = left
        elif channel in self._asked:
            self._confirmed.add(channel)
        self._news.set()
        self._news = asyncio.Event()
        if self._missing and self._sinks.keys() <= self._confirmed:
            missing, self._missing = self._missing, set()
            for sink in missing:
                sink.missed()

    def _deliver(self, channel: str, payload: bytes) -> None:
        sinks = self._sinks.get(channel)
        if not sinks:
            return
        try:
            event = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return
        if not isinstance(event, dict):
            return
        for sink in tuple(sinks):
            sink.deliver(channel, event)


class _Watcher:
    """A queue that loses the oldest events when nobody takes them."""

    def __init__(self) -> None:
        self.queue: Events = asyncio.Queue(_QUEUE)

    def deliver(self, _: str, event: Event) -> None:
        if self.queue.full():
            self.queue.get_nowait()
        self.queue.put_nowait(dict(event))

    def missed(self) -> None:
        """Whoever waits polls anyway."""
