"""Bases as KnowledgeActors read and complete them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from actors.domain.ids import TenantId
from actors.domain.knowledge.hybrid import Hit
from actors.ports.knowledge import BaseContent, BaseState, Chunk
from storage.postgres import Database

if TYPE_CHECKING:
    from actors.ports.embedding import Vectors

_STATE = "id, tenant_id, version, embedded, embedder"
_STATES = f"select {_STATE} from knowledge_bases where id = any($1) order by id"  # noqa: S608
_ALL = f"select {_STATE} from knowledge_bases where version > 1 order by id"  # noqa: S608
_BEHIND = f"select {_STATE} from knowledge_bases where embedded <> version order by id limit 1000"  # noqa: S608
_BASE = f"select {_STATE} from knowledge_bases where id = $1 for share"  # noqa: S608
_CHUNK = "c.id, c.document_id, d.title, c.heading, c.text, c.page, c.table_row"
_CONTENT = f"""
select {_CHUNK}, v.vector from chunks c
join documents d on d.id = c.document_id and d.deleted_at is null
left join chunk_vectors v on v.chunk_id = c.id and v.embedder = $2
where c.base_id = $1 order by c.id"""  # noqa: S608
_WITHOUT = f"""
select {_CHUNK} from chunks c join documents d on d.id = c.document_id
where c.base_id = $1 and not exists (select from chunk_vectors v where v.chunk_id = c.id and v.embedder = $2)
order by c.id limit $3"""  # noqa: S608
# A chunk that was replaced meanwhile is not locked and takes no vector.
_ADD = """
insert into chunk_vectors (chunk_id, tenant_id, base_id, embedder, dimension, vector)
select c.id, c.tenant_id, c.base_id, $2, $3, u.vector
from unnest($1::bigint[], $4::bytea[]) u (id, vector)
cross join lateral (select x.* from chunks x where x.id = u.id for key share) c
on conflict do nothing"""
_COMPLETE = """
update knowledge_bases set version = version + 1, embedded = version + 1, embedder = $3
where id = $1 and version = $2 and (embedded <> version or embedder <> $3) returning id"""
_DROP_OTHERS = "delete from chunk_vectors where base_id = $1 and embedder <> $2"
_ONE = f"select {_CHUNK} from chunks c join documents d on d.id = c.document_id and d.deleted_at is null where c.id = $1"  # noqa: S608


class PostgresKnowledge:
    """Implements KnowledgeStore; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def states(self, tenant_id: TenantId, bases: Sequence[UUID]) -> Sequence[BaseState]:
        """Return those of the bases that the tenant has."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_state(r) for r in await connection.fetch(_STATES, list(bases))]

    async def all_states(self) -> Sequence[BaseState]:
        """Return every base that ever had a document."""
        async with self._database.dispatch_transaction() as connection:
            return [_state(r) for r in await connection.fetch(_ALL)]

    async def behind(self) -> Sequence[BaseState]:
        """Return the bases whose chunks may lack vectors."""
        async with self._database.dispatch_transaction() as connection:
            return [_state(r) for r in await connection.fetch(_BEHIND)]

    async def content(self, tenant_id: TenantId, base_id: UUID) -> BaseContent | None:
        """Return a base with the vectors of its embedder; no writer changes it while it is read."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            base = await connection.fetchrow(_BASE, base_id)
            if base is None:
                return None
            rows = await connection.fetch(_CONTENT, base_id, base["embedder"])
        return BaseContent(_state(base), [_chunk(r) for r in rows], [r["vector"] for r in rows])

    async def without_vector(self, base: BaseState, embedder: str, limit: int) -> Sequence[Chunk]:
        """Return chunks that have no vector of this embedder yet, those of deleted documents too: they may come back."""
        async with self._database.tenant_transaction(base.tenant_id) as connection:
            return [_chunk(r) for r in await connection.fetch(_WITHOUT, base.id, embedder, limit)]

    async def add_vectors(self, base: BaseState, embedder: str, chunks: Sequence[int], vectors: "Vectors") -> None:
        """Store vectors as little-endian float32."""
        stored = [vector.astype("<f4").tobytes() for vector in vectors]
        async with self._database.tenant_transaction(base.tenant_id) as connection:
            await connection.execute(_ADD, list(chunks), embedder, vectors.shape[1], stored)

    async def complete(self, base: BaseState, embedder: str) -> bool:
        """Switch the base to this embedder and drop the vectors of others; False if it changed since it was read."""
        async with self._database.tenant_transaction(base.tenant_id) as connection:
            if await connection.fetchval(_COMPLETE, base.id, base.version, embedder) is None:
                return False
            await connection.execute(_DROP_OTHERS, base.id, embedder)
        return True

    async def chunk(self, tenant_id: TenantId, chunk_id: int) -> Hit | None:
        """Return one chunk of a document that is not deleted."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_ONE, chunk_id)
        if r is None:
            return None
        place = (r["id"], str(r["document_id"]), r["title"], r["heading"], r["text"])
        return Hit(*place, 1.0, 0.0, 0.0, "sure", r["page"], r["table_row"])


def _state(r: Any) -> BaseState:
    return BaseState(r["id"], TenantId(r["tenant_id"]), r["version"], r["embedded"], r["embedder"])


def _chunk(r: Any) -> Chunk:
    return Chunk(r["id"], r["document_id"], r["title"], r["heading"], r["text"], r["page"], r["table_row"])
