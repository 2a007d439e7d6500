"""Signals over Redis: hints only. Nothing here ever raises or makes its caller wait for Redis."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self
from uuid import UUID

import orjson
import redis.asyncio as redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from actors.domain.ids import Address, ConversationId, IntegrationId, TenantId
from storage.live import Events, LiveEvents, Sink, conversation_channel, messages, tenant_channel, tenant_events, updates_channel

Topic = Literal["partitions", "shards", "control", "jobs"]

CHANNELS: Mapping[Topic, str] = {
    "partitions": "callboard:partitions",
    "shards": "callboard:shards",
    "control": "callboard:control",
    "jobs": "callboard:agent-jobs",
}
_TYPING = "callboard:typing"
_WAITING = 10_000  # hints kept while Redis is away; the oldest go first, pollers find the work anyway
_PORTION = 500  # hints written at once
_IDLE_PING_S = 2.0  # how soon /health notices that Redis went away
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 2.0)
_STABLE_S = 10.0  # a subscription that lasted this long starts over at the shortest wait
_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class RedisHealth:
    """What /health says about Redis."""

    connected: bool
    error: str | None
    last_error: str | None
    reconnect_attempts: int


class RedisSignals:
    """Kicks, live events and listening. Use as `async with RedisSignals(url) as signals`, or `start()` and `close()`."""

    def __init__(self, url: str) -> None:
        # Retries are ours: the driver's own would hide for seconds that Redis is away.
        self._redis = redis.Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=Retry(NoBackoff(), 0))
        self._queue: deque[tuple[str, bytes]] = deque(maxlen=_WAITING)
        self._awake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._live = LiveEvents()
        self._error: str | None = "not connected yet"
        self._last_error: str | None = None
        self._attempts = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Start writing in the background; returns at once, whether Redis is there or not."""
        if not self._tasks:
            self._tasks.append(asyncio.create_task(self._write_for_ever(), name="signals-writer"))

    async def close(self) -> None:
        """Stop; hints that were not written yet are dropped."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                await self._redis.aclose()

    def health(self) -> RedisHealth:
        """Return the state as of the last write or ping, at most a few seconds old."""
        return RedisHealth(self._error is None, self._error, self._last_error, self._attempts)

    async def kick_partitions(self, partitions: Sequence[int]) -> None:
        """Say that partitions have work."""
        self._hint_numbers("partitions", partitions)

    async def kick_shards(self, shards: Sequence[int]) -> None:
        """Say that shards have work."""
        self._hint_numbers("shards", shards)

    async def kick_control(self, conversations: Sequence[ConversationId]) -> None:
        """Say that the control of conversations changed: a running step is to be cancelled."""
        self._hint_numbers("control", conversations)

    async def kick_jobs(self) -> None:
        """Say that the queue of jobs has work."""
        self._hint_numbers("jobs", [1])

    async def publish(self, conversation_id: ConversationId, event: Mapping[str, Any]) -> None:
        """Tell whoever watches a conversation."""
        self._hint(conversation_channel(conversation_id), orjson.dumps(dict(event), default=str))

    async def publish_changes(
        self, tenant_id: TenantId, messages: Sequence[ConversationId] = (), changed: Sequence[ConversationId] = ()
    ) -> None:
        """Tell whoever watches a tenant which conversations have new messages, and which changed otherwise."""
        for event in tenant_events(messages, changed):
            self._hint(tenant_channel(tenant_id), orjson.dumps(event))

    async def publish_updates(self, tenant_id: TenantId, event: Mapping[str, Any]) -> None:
        """Tell whoever watches a tenant's activity what happened."""
        self._hint(updates_channel(tenant_id), orjson.dumps(dict(event)))

    async def typing(self, address: Address) -> None:
        """Say that an answer is being written at an address."""
        self._hint(_TYPING, f"{address.integration_id}:{address.key}".encode())

    async def listen_typing(self, on_typing: Callable[[Address], None]) -> None:
        """Call `on_typing` with addresses at which an answer is being written, until cancelled; reconnects by itself."""

        async def attend(pubsub: PubSub) -> None:
            await pubsub.subscribe(_TYPING)
            async for _, payload in messages(pubsub):
                if (address := _address(payload)) is not None:
                    on_typing(address)

        await self._reconnecting(attend)

    async def listen(self, topic: Topic, on_signal: Callable[[Sequence[int]], None]) -> None:
        """Call `on_signal` with partition, shard or conversation ids (jobs: 1) until cancelled; reconnects by itself."""
        channel = CHANNELS[topic]

        async def attend(pubsub: PubSub) -> None:
            await pubsub.subscribe(channel)
            async for _, payload in messages(pubsub):
                if numbers := _numbers(payload):
                    on_signal(numbers)

        await self._reconnecting(attend)

    @asynccontextmanager
    async def watch(self, conversation_id: ConversationId) -> AsyncIterator[Events]:
        """Yield a queue that receives the live events of a conversation while the block lasts."""
        self._attend()
        async with self._live.watch(conversation_channel(conversation_id)) as queue:
            yield queue

    async def join(self, channels: Collection[str], sink: Sink) -> None:
        """Deliver live events of channels to a sink from now on; returns when Redis has confirmed it, or does not answer.

        Args:
            channels: by `conversation_channel` and `tenant_channel`.
            sink: whoever takes them; `leave` must follow.
        """
        self._attend()
        await self._live.join(channels, sink)

    async def leave(self, channels: Collection[str], sink: Sink) -> None:
        """Deliver them no more."""
        await self._live.leave(channels, sink)

    def _attend(self) -> None:
        if len(self._tasks) < 2:  # the writer, and one subscription shared by all watchers
            self._tasks.append(asyncio.create_task(self._reconnecting(self._live.attend), name="signals-live"))

    def _hint_numbers(self, topic: Topic, numbers: Sequence[int]) -> None:
        if numbers:
            self._hint(CHANNELS[topic], ",".join(str(n) for n in dict.fromkeys(numbers)).encode())

    def _hint(self, channel: str, payload: bytes) -> None:
        self._queue.append((channel, payload))
        self._awake.set()

    async def _write_for_ever(self) -> None:
        failures = 0
        while True:
            try:
                await self._write()
                self._error, failures = None, 0
            except Exception as error:
                self._note(error)
                await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                failures += 1

    async def _write(self) -> None:
        """Write what waits, all in one go, or ping if nothing comes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_PING_S if self._error is None else 0.0):
                await self._awake.wait()
        self._awake.clear()
        portion = [self._queue.popleft() for _ in range(min(len(self._queue), _PORTION))]
        if self._queue:
            self._awake.set()
        if not portion:
            await self._redis.ping()
            return
        async with self._redis.pipeline(transaction=False) as pipeline:
            for channel, payload in portion:
                pipeline.publish(channel, payload)
            await pipeline.execute()

    async def _reconnecting(self, attend: Callable[[PubSub], Awaitable[None]]) -> None:
        failures, clock = 0, asyncio.get_running_loop().time
        while True:
            pubsub, started = self._redis.pubsub(), clock()
            try:
                await attend(pubsub)
            except Exception as error:
                self._note(error)
            finally:
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(1):
                        await pubsub.aclose()  # type: ignore[no-untyped-call]
            failures = 0 if clock() - started > _STABLE_S else failures + 1
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])

    def _note(self, error: Exception) -> None:
        self._error = self._last_error = f"{type(error).__name__}: {error}".rstrip(": ")
        self._attempts += 1


def _numbers(payload: bytes) -> list[int]:
    try:
        return [int(n) for n in payload.split(b",") if n]
    except ValueError:
        return []  # not ours: whoever can publish to Redis must not be able to stop a listener


def _address(payload: bytes) -> Address | None:
    integration, _, key = payload.decode("utf-8", "replace").partition(":")
    try:
        return Address(IntegrationId(UUID(integration)), key)
    except ValueError:
        return None  # not ours, see above
