"""Hearing questions about knowledge over Redis and answering them: the other end of calls.py."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

import orjson
from redis.exceptions import RedisError

from actors.domain.errors import CallboardError
from actors.ports.knowledge import Answered, Question
from storage.knowledge.calls import channel_of, connected
from storage.knowledge.codec import question_from_json
from storage.live import messages

log = logging.getLogger(__name__)

MOST = 200  # questions at once; more would all be late
_BACKOFF_S = 0.5
Search = Callable[[Question], Awaitable[Answered]]


class KnowledgeAnswers:
    """Subscribes to shards and answers what is asked there. Use as `async with`."""

    def __init__(self, redis_url: str, shards: Sequence[int], search: Search) -> None:
        self._redis = connected(redis_url)
        self._channels = [channel_of(shard) for shard in shards]
        self._search = search
        self._working: set[asyncio.Task[None]] = set()
        self.counts = {"answered": 0, "late": 0, "failed": 0, "refused": 0}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                await self._redis.aclose()

    async def serve(self) -> None:
        """Answer until cancelled; reconnects by itself."""
        while True:
            pubsub = self._redis.pubsub()
            try:
                await pubsub.subscribe(*self._channels)
                async for _, payload in messages(pubsub):
                    self._begin(payload)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("knowledge cannot be asked: %s", error)
            finally:
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(1):
                        await pubsub.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(_BACKOFF_S)

    def _begin(self, payload: bytes) -> None:
        if len(self._working) >= MOST:
            self.counts["refused"] += 1
            return
        task = asyncio.create_task(self._answer(payload), name="answer about knowledge")
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _answer(self, payload: bytes) -> None:
        try:
            asked = orjson.loads(payload)
            question, within_s = question_from_json(asked["question"]), float(asked["within_s"])
            to, key = str(asked["to"]), str(asked["id"])
        except (CallboardError, ValueError, KeyError, TypeError):
            return  # not ours: whoever can publish to Redis must not be able to stop a listener
        reply = {"id": key, **await self._found(question, within_s)}
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await self._redis.publish(to, orjson.dumps(reply))

    async def _found(self, question: Question, within_s: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(within_s):
                answered = await self._search(question)
        except TimeoutError:
            self.counts["late"] += 1
            return {"error": "it took too long"}
        except Exception as error:  # whatever is wrong with one question or base: the asker learns it, others are answered
            log.exception("a question about knowledge failed")
            self.counts["failed"] += 1
            return {"error": f"{type(error).__name__}: {error}"}
        self.counts["answered"] += 1
        return {"answer": answered}
