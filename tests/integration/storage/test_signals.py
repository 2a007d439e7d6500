"""Signals: hints over a real Redis; nothing raises, nothing waits, everything heals."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
import redis.asyncio

from actors.domain.ids import ConversationId
from storage.signals import RedisSignals


async def eventually(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait for a condition by polling it."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def signals(redis_url: str) -> AsyncIterator[RedisSignals]:
    async with RedisSignals(redis_url) as found:
        await eventually(lambda: found.health().connected)
        yield found


async def subscribers(redis_url: str, channel: str) -> int:
    async with redis.asyncio.from_url(redis_url) as client:
        counts = await client.pubsub_numsub(channel)
    return int(counts[0][1])


async def subscribed(redis_url: str, channel: str) -> None:
    async with asyncio.timeout(30):
        while not await subscribers(redis_url, channel):
            await asyncio.sleep(0.01)


async def test_kicks_reach_their_topic(signals: RedisSignals, redis_url: str) -> None:
    heard: dict[str, list[int]] = {"partitions": [], "shards": [], "control": []}
    listening = [
        asyncio.create_task(signals.listen("partitions", heard["partitions"].extend)),
        asyncio.create_task(signals.listen("shards", heard["shards"].extend)),
        asyncio.create_task(signals.listen("control", heard["control"].extend)),
    ]
    for topic in heard:
        await subscribed(redis_url, f"callboard:{topic}")
    await signals.kick_partitions([1, 2, 2])
    await signals.kick_shards([3])
    await signals.kick_control([ConversationId(2**40)])
    await signals.kick_partitions([])
    await eventually(lambda: all(heard.values()))
    assert heard == {"partitions": [1, 2], "shards": [3], "control": [2**40]}
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)


async def test_a_watcher_gets_the_events_of_its_conversation(signals: RedisSignals) -> None:
    async with (
        signals.watch(ConversationId(1)) as first,
        signals.watch(ConversationId(2)) as second,
        signals.watch(ConversationId(1)) as third,
    ):
        await signals.publish(ConversationId(1), {"type": "delta", "text": "при"})
        assert await asyncio.wait_for(first.get(), 5) == {"type": "delta", "text": "при"}
        assert await asyncio.wait_for(third.get(), 5) == {"type": "delta", "text": "при"}
        assert second.empty()


async def test_watchers_come_and_go_without_a_trace(signals: RedisSignals, redis_url: str) -> None:
    for _ in range(3):
        async with signals.watch(ConversationId(7)) as queue:
            await signals.publish(ConversationId(7), {"type": "turn"})
            assert await asyncio.wait_for(queue.get(), 5) == {"type": "turn"}
    async with asyncio.timeout(30):
        while await subscribers(redis_url, "callboard:live:7"):
            await asyncio.sleep(0.01)


async def test_listeners_and_watchers_survive_a_lost_connection(signals: RedisSignals, redis_url: str) -> None:
    heard: list[int] = []
    listening = asyncio.create_task(signals.listen("partitions", heard.extend))
    await subscribed(redis_url, "callboard:partitions")
    async with signals.watch(ConversationId(1)) as queue:
        async with redis.asyncio.from_url(redis_url) as client:
            await client.client_kill_filter(_type="pubsub")
            await client.client_kill_filter(_type="normal", skipme=True)
        await subscribed(redis_url, "callboard:partitions")
        await subscribed(redis_url, "callboard:live:1")
        await signals.kick_partitions([5])
        await signals.publish(ConversationId(1), {"type": "turn"})
        await eventually(lambda: heard == [5])
        assert await asyncio.wait_for(queue.get(), 5) == {"type": "turn"}
    await eventually(lambda: signals.health().connected)
    assert signals.health().reconnect_attempts > 0
    assert signals.health().last_error
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_what_others_publish_does_not_stop_a_listener(signals: RedisSignals, redis_url: str) -> None:
    heard: list[int] = []
    listening = asyncio.create_task(signals.listen("shards", heard.extend))
    await subscribed(redis_url, "callboard:shards")
    async with signals.watch(ConversationId(1)) as queue, redis.asyncio.from_url(redis_url) as client:
        for nonsense in (b"", b"\xff\xfe", b"1,x", b"{"):
            await client.publish("callboard:shards", nonsense)
            await client.publish("callboard:live:1", nonsense)
        await signals.kick_shards([9])
        await signals.publish(ConversationId(1), {"type": "turn"})
        await eventually(lambda: heard == [9])
        assert await asyncio.wait_for(queue.get(), 5) == {"type": "turn"}
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_a_listener_that_raises_is_called_again(signals: RedisSignals, redis_url: str) -> None:
    calls: list[Sequence[int]] = []

    def on_signal(numbers: Sequence[int]) -> None:
        calls.append(numbers)
        if len(calls) == 1:
            raise ValueError("the first call fails")

    listening = asyncio.create_task(signals.listen("shards", on_signal))
    await subscribed(redis_url, "callboard:shards")
    await signals.kick_shards([1])
    await eventually(lambda: len(calls) == 1)
    async with asyncio.timeout(30):
        while len(calls) < 2:
            await signals.kick_shards([2])
            await asyncio.sleep(0.05)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_without_redis_nothing_raises_and_nothing_waits(tmp_path: Path) -> None:
    async with RedisSignals(f"unix://{tmp_path}/nothing.sock") as signals:
        listening = asyncio.create_task(signals.listen("partitions", lambda _: None))
        started = time.perf_counter()
        for n in range(20_000):
            await signals.kick_partitions([n % 256])
        assert time.perf_counter() - started < 2  # 20,000 waits for a server would take minutes
        async with signals.watch(ConversationId(1)) as queue:
            assert queue.empty()
        await eventually(lambda: signals.health().reconnect_attempts > 2)
        health = signals.health()
        assert not health.connected
        assert health.error
        assert not listening.done()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
