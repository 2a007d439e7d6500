"""Live events: one Redis subscription shared by all who watch conversations in this process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from redis.asyncio.client import PubSub

_BASE = "callboard:live"  # a subscription without channels cannot wait
_SILENCE_S = 5.0  # after this long without a message a ping; after twice as long the connection counts as dead
_QUEUE = 1000  # events a slow watcher may lag behind before it loses the oldest
_ATTENDED_S = 0.3  # how long a watcher waits for its subscription before it relies on polling alone

Events = asyncio.Queue[dict[str, Any]]


async def messages(pubsub: PubSub) -> AsyncIterator[tuple[str, bytes]]:
    """Yield (channel, payload) for ever.

    Raises:
        ConnectionError: the server does not answer pings any more.
    """
    pinged = False
    while True:
        message = await pubsub.get_message(timeout=_SILENCE_S)
        if message is not None:
            pinged = False
            if message["type"] == "message":
                yield message["channel"].decode(), message["data"]
        elif pinged:
            raise ConnectionError("Redis does not answer")
        else:
            pinged = True
            await pubsub.ping()


class LiveEvents:
    """Delivers events to local watchers; forgets everything else."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[Events]] = {}
        self._pubsub: PubSub | None = None
        self._attended = asyncio.Event()
        self._lock = asyncio.Lock()  # commands of several watchers on one connection

    async def attend(self, pubsub: PubSub) -> None:
        """Deliver until the connection fails; every watched channel is subscribed anew first."""
        try:
            async with self._lock:
                await pubsub.subscribe(_BASE, *self._watchers)
                self._pubsub = pubsub
                self._attended.set()
            async for channel, payload in messages(pubsub):
                self._deliver(channel, payload)
        finally:
            self._pubsub = None
            self._attended.clear()

    @asynccontextmanager
    async def watch(self, channel: str) -> AsyncIterator[Events]:
        """Yield a queue of the channel's events; events before the subscription, or while Redis is away, are missed."""
        queue: Events = asyncio.Queue(_QUEUE)
        first = channel not in self._watchers
        self._watchers.setdefault(channel, set()).add(queue)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ATTENDED_S):
                    await self._attended.wait()
            if first:
                await self._command("subscribe", channel)
            yield queue
        finally:
            self._watchers[channel].discard(queue)
            if not self._watchers[channel]:
                del self._watchers[channel]
                await self._command("unsubscribe", channel)

    async def _command(self, name: str, channel: str) -> None:
        """Hints only: if it fails, the reader fails as well and subscribes anew."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_ATTENDED_S), self._lock:
                if self._pubsub is not None:
                    await getattr(self._pubsub, name)(channel)

    def _deliver(self, channel: str, payload: bytes) -> None:
        watchers = self._watchers.get(channel)
        if not watchers:
            return
        try:
            event = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return
        for queue in watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)
