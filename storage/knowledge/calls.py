"""Asking KnowledgeActors over Redis: the gateway does not know Ray, hosts may be on other machines, and nothing is to be looked up.

A question is published to the channel of its tenant's shard. Redis says how many heard it: if nobody did, the asker knows at once.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Coroutine
from typing import Any, Self
from uuid import UUID

import orjson
import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from actors.domain.errors import InvalidInput, TransientError
from actors.domain.ids import TenantId, shard_of
from actors.domain.knowledge.hybrid import Hit
from actors.ports.knowledge import Answered, Question
from storage.knowledge.codec import answer_from_json, question_to_json
from storage.knowledge.vectors import PostgresKnowledge
from storage.live import arrivals
from storage.postgres import Database

SEARCH_S = 0.15  # of waiting, transport and search
EMBED_S = 0.35  # of a question's embedding on a busy machine; an idle one takes 15 ms
_PAUSE_S = 1.0  # after silence nobody is asked for so long: a customer does not wait for a dead process again and again
_REDIS_S = 2.0
CONNECTIONS = 4


def channel_of(shard: int) -> str:
    """Return where the questions of a shard are published."""
    return f"callboard:knowledge:{shard}"


def connected(redis_url: str) -> redis.Redis:
    """Return a client with few connections, one of which is a subscription: hundreds of questions at once wait for a free one."""
    pool = redis.BlockingConnectionPool.from_url(
        redis_url,
        max_connections=CONNECTIONS,
        timeout=_REDIS_S,
        socket_timeout=_REDIS_S,
        socket_connect_timeout=_REDIS_S,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis.from_pool(pool)


class KnowledgeCalls:
    """Implements Knowledge for hosts and the gateway. Use as `async with`; connects at the first question."""

    def __init__(self, redis_url: str, database: Database, timeout_s: float = SEARCH_S + EMBED_S) -> None:
        self._redis = connected(redis_url)
        self._chunks = PostgresKnowledge(database)
        self._timeout_s = timeout_s
        self._replies = f"callboard:knowledge:replies:{secrets.token_hex(8)}"
        self._asked: dict[str, asyncio.Future[Any]] = {}
        self._number = 0
        self._listening: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()
        self._silent_until = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                await self._redis.aclose()

    async def search(self, question: Question) -> Answered:
        """Return what is found.

        Raises:
            TransientError: nobody answers, not in time, or with an error.
        """
        clock = asyncio.get_running_loop().time
        if clock() < self._silent_until:
            raise TransientError("nobody answered questions about knowledge a moment ago")
        try:
            return await self._within(self._exchange(question))
        except TimeoutError as error:
            self._silent_until = clock() + _PAUSE_S
            raise TransientError(f"no answer about knowledge within {self._timeout_s:g} s") from error
        except (RedisError, OSError, InvalidInput) as error:
            raise TransientError(f"knowledge cannot be asked: {error}") from error

    async def chunk(self, tenant_id: TenantId, chunk_id: int) -> Hit | None:
        """Return one chunk, read from PostgreSQL."""
        return await self._chunks.chunk(tenant_id, chunk_id)

    async def _within(self, call: Coroutine[Any, Any, Answered]) -> Answered:
        async with asyncio.timeout(self._timeout_s):
            return await call

    async def _exchange(self, question: Question) -> Answered:
        await self._attend()
        self._number += 1
        key, future = str(self._number), asyncio.get_running_loop().create_future()
        self._asked[key] = future
        sent = {"id": key, "to": self._replies, "within_s": self._timeout_s, "question": question_to_json(question)}
        try:
            heard = await self._redis.publish(channel_of(shard_of(UUID(str(question.tenant_id)))), orjson.dumps(sent))
            if not heard:
                raise TransientError("nobody answers questions about knowledge")
            return answer_from_json(await future)
        finally:
            self._asked.pop(key, None)

    async def _attend(self) -> None:
        if self._listening is None or self._listening.done():
            self._heard.clear()
            self._listening = asyncio.create_task(self._listen(), name="knowledge replies")
        await self._heard.wait()
        if self._listening.done():
            raise TransientError(f"Redis is away: {self._listening.exception()}")

    async def _listen(self) -> None:
        pubsub = self._redis.pubsub()
        try:
            await pubsub.subscribe(self._replies)
            async for kind, _, payload in arrivals(pubsub):
                if kind == "subscribe":
                    self._heard.set()
                else:
                    self._take(payload)
        finally:
            asyncio.get_running_loop().call_soon(self._heard.set)  # whoever waits for the first word looks at this task then
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _take(self, payload: bytes) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # not ours: whoever can publish must not stop a listener
            reply = orjson.loads(payload)
            future = self._asked.get(reply["id"])
            if future is None or future.done():
                return
            if reply.get("error"):
                future.set_exception(TransientError(str(reply["error"])))
            else:
                future.set_result(reply["answer"])
