"""Searching documents: the newest snapshot of each base, meaning and words together, by words alone while there is no embedder.

The same question compares the message with sentences of scripts, so that it is embedded once.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from actors.domain.knowledge.hybrid import Hit, best
from actors.domain.knowledge.likeness import NO_COMPARISON, Compared
from actors.ports.embedding import Embedder
from actors.ports.knowledge import Answered, BaseContent, BaseState, KnowledgeStore, Question, Snapshot
from actors.ports.time import Clock
from actors.services.comparing import Comparing
from actors.services.embedding import Embedding
from actors.services.snapshots import SnapshotCache

if TYPE_CHECKING:
    from actors.ports.embedding import Vectors

STALE_AFTER_S = 0.05  # a small base is rebuilt within it; a question about a large one is answered from the version before
Build: TypeAlias = Callable[[BaseContent, Embedder | None], Snapshot]


class KnowledgeService:
    """Answers searches of all tenants; a tenant's questions see that tenant's bases only, because the store does."""

    def __init__(
        self,
        store: KnowledgeStore,
        embedding: Embedding,
        comparing: Comparing,
        build: Build,
        cache: SnapshotCache,
        clock: Clock,
        stale_after_s: float = STALE_AFTER_S,
    ) -> None:
        self._store = store
        self._embedding = embedding
        self._comparing = comparing
        self._build = build
        self._cache = cache
        self._clock = clock
        self._stale_after_s = stale_after_s
        self._building: dict[UUID, asyncio.Task[Snapshot | None]] = {}

    async def search(self, question: Question) -> Answered:
        """Return what is found.

        Raises:
            TransientError: the store is away.
            TerminalError: what is stored is damaged.
        """
        began = self._clock.monotonic()
        snapshots = await self._snapshots(question)
        loaded = self._clock.monotonic()
        embedder = self._embedding.embedder if snapshots or question.sentences else None  # loaded only if somebody needs it
        why = self._why_not(snapshots, embedder)
        vector = await self._embedding.query(question.text) if embedder and (question.sentences or not why) else None
        embedded = self._clock.monotonic()
        compared = await self._compared(question, vector, embedder)
        used = embedder.id if embedder and not why else ""
        hits = await asyncio.to_thread(_searched, snapshots, vector if used else None, used, question)
        stages = {"load": began, "embed": loaded, "search": embedded, "end": self._clock.monotonic()}
        return Answered(hits[0].verdict if hits else "no", hits, used, why, _durations(stages), compared)

    async def _snapshots(self, question: Question) -> list[Snapshot]:
        if not question.bases:
            return []
        states = await self._store.states(question.tenant_id, [UUID(base) for base in question.bases])
        found = await asyncio.gather(*(self._snapshot(state) for state in states))
        return [snapshot for snapshot in found if snapshot is not None]

    def _why_not(self, snapshots: Sequence[Snapshot], embedder: Embedder | None) -> str:
        """Return why documents are searched by words alone; empty if by meaning, too."""
        if not snapshots:
            return "there are no documents"
        if embedder is None:
            return self._embedding.why
        if any(snapshot.base.embedder == embedder.id for snapshot in snapshots):
            return ""
        if any(snapshot.base.embedder for snapshot in snapshots):
            return "the documents were indexed with another embedder"
        return "the documents are still being indexed"

    async def _compared(self, question: Question, vector: "Vectors | None", embedder: Embedder | None) -> Compared:
        if not question.sentences:
            return NO_COMPARISON
        if vector is None or embedder is None:
            return Compared(why=self._embedding.why)
        return await self._comparing.compare(question.sentences, vector, embedder)

    async def _snapshot(self, state: BaseState) -> Snapshot | None:
        known = self._cache.find(state.id)
        if known is not None and known.base.version >= state.version:
            self._cache.counts.hits += 1
            return known
        if (task := self._building.get(state.id)) is None:
            task = self._building[state.id] = asyncio.create_task(self._built(state), name=f"index base {state.id}")
            task.add_done_callback(lambda done: self._forget(state.id, done))
        if known is None:
            self._cache.counts.misses += 1
            return await asyncio.shield(task)
        await asyncio.wait([task], timeout=self._stale_after_s)
        if task.done():
            return task.result()
        self._cache.counts.stale += 1
        return known

    async def _built(self, state: BaseState) -> Snapshot | None:
        content = await self._store.content(state.tenant_id, state.id)
        if content is None:
            self._cache.drop(state.id)
            return None
        embedder = self._embedding.embedder
        own = embedder if embedder is not None and embedder.id == content.base.embedder else None
        snapshot = await asyncio.to_thread(self._build, content, own)
        # Without its embedder a snapshot serves one question: the next one may come when the embedder is there.
        if own is not None or not content.base.embedder:
            self._cache.put(snapshot)
        return snapshot

    def _forget(self, base_id: UUID, task: "asyncio.Task[Snapshot | None]") -> None:
        self._building.pop(base_id, None)
        if not task.cancelled():
            task.exception()  # whoever waited was told


def _searched(snapshots: Sequence[Snapshot], vector: "Vectors | None", embedder: str, question: Question) -> tuple[Hit, ...]:
    hits: list[Hit] = []
    for snapshot in snapshots:
        if vector is not None and snapshot.base.embedder != embedder:
            continue  # what words alone score cannot be compared with cosines
        hits += snapshot.search(vector, question.text, question.limit)
    return best(hits, question.limit)


def _durations(stages: dict[str, float]) -> dict[str, float]:
    return {name: round((stages[after] - stages[name]) * 1e3, 2) for name, after in pairwise(stages)}


def needs(base: BaseState, embedder: Embedder, *, explicit: bool) -> bool:
    """Return whether a base is to get vectors of this embedder: only an explicit choice replaces another one's."""
    if base.embedder in ("", embedder.id):
        return base.embedded != base.version or not base.embedder
    return explicit
