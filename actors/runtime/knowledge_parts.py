"""The composition root of a KnowledgeActor: imported by no other process, because it loads FAISS."""

from contextlib import AsyncExitStack
from functools import partial

from actors.domain.ids import TenantId, owned, shard_of
from actors.runtime.clock import SystemClock
from actors.runtime.composition import Composed
from actors.runtime.knowledge_actor import KnowledgeActor
from actors.runtime.members import Body, Member
from actors.services.comparing import Comparing
from actors.services.embedding import Embedding
from actors.services.indexing import Indexing
from actors.services.knowledge import KnowledgeService
from actors.services.snapshots import SnapshotCache
from config.settings import settings
from integrations.embeddings.process import EmbedderProcess
from storage.knowledge.answering import KnowledgeAnswers
from storage.knowledge.snapshots import FaissSnapshot
from storage.knowledge.vectors import PostgresKnowledge
from storage.postgres import Database, Role

CONNECTIONS = 4  # two searches, one index, one set of vectors at once
MEBIBYTE = 1024 * 1024


async def build_knowledge(member: Member) -> Body:
    """Return a KnowledgeActor that works on the real servers; its embedder is loaded when the first document needs it."""
    known, clock, part = settings(), SystemClock(), member.part
    shards = owned(part.number, part.of)
    mine = frozenset(shards)

    def owns(tenant_id: TenantId) -> bool:
        return shard_of(tenant_id) in mine

    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            await Database.open(known.database_url, Role.ENGINE, f"callboard {part}", size=CONNECTIONS)
        )
        store = PostgresKnowledge(database)
        embedding = Embedding(partial(EmbedderProcess, known.embedder, known.embedder_model, known.data_dir), clock)
        cache = SnapshotCache(known.knowledge_memory_mb * MEBIBYTE)
        comparing = Comparing(embedding)
        stack.push_async_callback(comparing.close)
        service = KnowledgeService(store, embedding, comparing, FaissSnapshot, cache, clock)
        answers = await stack.enter_async_context(KnowledgeAnswers(known.redis_url, shards, service.search))
        indexing = Indexing(store, embedding, owns, explicit=known.embedder != "auto")
        return Composed(KnowledgeActor(answers, indexing, embedding, cache), stack.pop_all())
