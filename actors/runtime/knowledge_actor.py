"""KnowledgeActor: answers searches in documents, and gives vectors to what has none."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from actors.domain.errors import CallboardError
from actors.runtime.bell import Bell
from actors.services.embedding import Embedding
from actors.services.indexing import Indexing
from actors.services.snapshots import SnapshotCache

log = logging.getLogger(__name__)

EVERY_S = 1.0  # how soon a new document begins to be embedded; it is found by its words at once


class Answers(Protocol):
    """Where questions arrive."""

    counts: dict[str, int]

    async def serve(self) -> None: ...


class KnowledgeActor:
    """Two of it do no harm: both answer the same, and vectors are stored once."""

    def __init__(self, answers: Answers, indexing: Indexing, embedding: Embedding, cache: SnapshotCache) -> None:
        self._answers = answers
        self._indexing = indexing
        self._embedding = embedding
        self._cache = cache
        self._draining = Bell()
        self._stopping = False
        self._ended = asyncio.Event()
        self._completed = 0
        self._failures = 0

    async def run(self) -> None:
        """Answer and index until drained."""
        serving = asyncio.create_task(self._answers.serve(), name="answer about knowledge")
        try:
            while not self._stopping:
                await self._index()
                if serving.done():
                    serving.result()
                await self._draining.wait(EVERY_S)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await self._embedding.close()
            self._ended.set()

    async def drain(self) -> None:
        """Store what is being embedded, then end `run`."""
        self._stopping = True
        self._draining.ring()
        await self._ended.wait()

    async def ping(self) -> Mapping[str, Any]:
        """Return what was done in this life."""
        counts = self._cache.counts
        return {
            **self._answers.counts,
            "embedded": self._embedding.embedded,
            "completed": self._completed,
            "failures": self._failures,
            "foreign": self._indexing.foreign,
            "snapshots": len(self._cache),
            "snapshot_bytes": self._cache.bytes,
            "hits": counts.hits,
            "misses": counts.misses,
            "stale": counts.stale,
            "evictions": counts.evictions,
        }

    async def _index(self) -> None:
        try:
            self._completed += await self._indexing.round(lambda: not self._stopping)
        except (CallboardError, OSError, TimeoutError) as error:
            self._failures += 1
            log.warning("knowledge: %s", error)
        except Exception:  # a text a model cannot take must not end the answers to all others
            self._failures += 1
            log.exception("knowledge: indexing failed")
