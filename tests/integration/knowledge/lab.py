"""A company with documents, and a KnowledgeActor's parts over real servers. The embedder is a small real one of our own: hashed words."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from actors.domain.ids import TenantId
from actors.domain.knowledge.hybrid import Thresholds
from actors.domain.knowledge.likeness import Levels
from actors.domain.text import words
from actors.ports.documents import Piece
from actors.ports.embedding import Embedder
from actors.runtime.clock import SystemClock
from actors.services.comparing import Comparing
from actors.services.embedding import Embedding
from actors.services.indexing import Indexing
from actors.services.knowledge import KnowledgeService
from actors.services.snapshots import SnapshotCache
from integrations.embeddings.manner import CommonManner
from storage.accounts.audit import Actor
from storage.knowledge.documents import KnowledgeDocuments, NewDocument
from storage.knowledge.rows import DocumentItem
from storage.knowledge.snapshots import FaissSnapshot
from storage.knowledge.vectors import PostgresKnowledge
from tests.contract.labs import Endpoint, RealLab

OLGA = Actor("olga")


class WordVectors:
    """Texts with the same stems are alike: enough of a meaning to tell chunks apart, in microseconds."""

    thresholds = Thresholds(0.3, 0.6)
    levels = Levels(loose=0.4, normal=0.6, strict=0.8)

    def __init__(self, name: str = "words", dimension: int = 64) -> None:
        self.id = f"{name}/{dimension}"
        self.dimension = dimension
        self.manner = CommonManner.none(dimension)
        self.texts = 0

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += len(texts)
        return self.queries(texts)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for stem in words(text, len(text)).stems:
                row[crc32(stem.encode()) % self.dimension] += 1.0
        unit: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-9))
        return unit


@dataclass
class KnowledgeLab:
    """Documents of companies and what answers from them."""

    lab: RealLab
    embedder: Embedder
    budget: int = 1 << 30
    explicit: bool = False
    shops: list[Endpoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = SystemClock()
        self.store = PostgresKnowledge(self.lab.engine)
        self.documents = KnowledgeDocuments(self.lab.api)
        self.embedding = Embedding(lambda: self.embedder, clock)
        self.comparing = Comparing(self.embedding)
        self.cache = SnapshotCache(self.budget)
        self.service = KnowledgeService(
            self.store, self.embedding, self.comparing, FaissSnapshot, self.cache, clock, 10.0
        )  # a busy machine serves nothing stale
        self.indexing = Indexing(self.store, self.embedding, lambda _: True, explicit=self.explicit)

    async def add(self, shop: Endpoint, title: str, *texts: str) -> DocumentItem:
        new = NewDocument(title, "text", "\n".join(texts), [Piece("", text) for text in texts])
        added = await self.documents.add(shop.tenant_id, OLGA, shop.agent_id, new)
        assert added is not None
        return added

    async def index(self) -> int:
        """Load the embedder if need be and complete every base."""
        async with asyncio.timeout(20):
            while self.embedding.embedder is None:
                await asyncio.sleep(0.01)
        return await self.indexing.round(lambda: True)

    async def bases(self, shop: Endpoint) -> tuple[str, ...]:
        return tuple([str(base.id) for base in await self.documents.bases(shop.tenant_id, shop.agent_id)])


@asynccontextmanager
async def knowledge_lab(lab: RealLab, embedder: Embedder, *, explicit: bool = False) -> AsyncIterator[KnowledgeLab]:
    """Yield a lab and end its embedder."""
    made = KnowledgeLab(lab, embedder, explicit=explicit)
    try:
        yield made
    finally:
        await made.comparing.close()
        await made.embedding.close()


def tenant(shop: Endpoint) -> TenantId:
    return TenantId(UUID(str(shop.tenant_id)))
