"""The documents of an agent as people edit them; what is written counts at once for every version that answers from the base."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from storage.accounts.audit import Actor
from storage.authoring.changes import Change, check, lock, tell, touch
from storage.postgres import Connection, Database

_COLUMNS = """
d.id, d.base_id, d.position, d.title, d.kind, length(d.source) as characters, d.version, d.created_at, d.changed_at, d.changed_by,
d.deleted_at, (select count(*) from chunks c where c.document_id = d.id)::int as chunks,
(select count(*) from chunks c where c.document_id = d.id
   and exists (select from chunk_vectors v where v.chunk_id = c.id and v.embedder = b.embedder))::int as embedded"""
_FROM = """
from documents d join knowledge_bases b on b.id = d.base_id
join knowledge_bindings k on k.base_id = d.base_id and k.agent_id = $1"""
_PAGE = f"""
select {_COLUMNS} {_FROM}
where (d.deleted_at is not null) = $2 and d.position > $3 order by d.position limit $4"""
_FIND = f"select {_COLUMNS} {_FROM} where d.id = $2"
_SOURCE = f"select d.source {_FROM} where d.id = $2"
_CHUNKS = """
select c.id, c.position, c.heading, c.text,
  exists (select from chunk_vectors v where v.chunk_id = c.id and v.embedder = b.embedder) as embedded
from chunks c join knowledge_bases b on b.id = c.base_id
where c.document_id = $1 and c.position > $2 order by c.position limit $3"""
_BASES = """
select b.id, b.name, b.embedder, b.embedded = b.version,
  (select count(*) from documents d where d.base_id = b.id and d.deleted_at is null)::int,
  coalesce((select v.definition -> 'knowledge' ? b.id::text from agent_versions v join agents a on a.id = v.agent_id
            where a.id = k.agent_id and v.version = a.published_version), false)
from knowledge_bases b join knowledge_bindings k on k.base_id = b.id
where k.agent_id = $1 order by b.created_at, b.id"""
_BASE = "select base_id from knowledge_bindings where agent_id = $1 order by base_id limit 1"
_ADD_BASE = "insert into knowledge_bases (id, tenant_id, name) values (gen_random_uuid(), $1, $2) returning id"
_BIND = "insert into knowledge_bindings (tenant_id, agent_id, base_id) values ($1, $2, $3)"
_CHANGED = "update knowledge_bases set version = version + 1 where id = $1"  # first: it is the lock of the base
_ADD = """
insert into documents (id, tenant_id, base_id, title, kind, source, changed_by)
values (gen_random_uuid(), $1, $2, $3, $4, $5, $6) returning id"""
_REPLACE = """
update documents set title = $2, kind = $3, source = $4, version = version + 1, changed_at = now(), changed_by = $5 where id = $1"""
_DELETE = """
update documents set deleted_at = case when $2 then now() end, version = version + 1, changed_at = now(), changed_by = $3 where id = $1"""
# Chunks that stay as they are keep their vectors.
_DROP_CHUNKS = """
delete from chunks c where c.document_id = $1
and not exists (select from unnest($2::text[], $3::text[]) u (heading, text) where u.heading = c.heading and u.text = c.text)"""
_KEEP_CHUNKS = """
update chunks c set position = u.n
from (select heading, text, min(n)::int as n from unnest($2::text[], $3::text[]) with ordinality x (heading, text, n) group by 1, 2) u
where c.document_id = $1 and c.heading = u.heading and c.text = u.text"""
_ADD_CHUNKS = """
insert into chunks (tenant_id, base_id, document_id, position, heading, text)
select $1, $2, $3, u.n, u.heading, u.text
from (select heading, text, min(n)::int as n from unnest($4::text[], $5::text[]) with ordinality x (heading, text, n) group by 1, 2) u
where not exists (select from chunks c where c.document_id = $3 and c.heading = u.heading and c.text = u.text) order by u.n"""


@dataclass(frozen=True, slots=True)
class DocumentItem:
    """A document without its text. `embedded` of its `chunks` are found by meaning; all are found by their words."""

    id: UUID
    base_id: UUID
    position: int
    title: str
    kind: str
    characters: int
    version: int
    created_at: datetime
    changed_at: datetime
    changed_by: str
    deleted_at: datetime | None
    chunks: int
    embedded: int


@dataclass(frozen=True, slots=True)
class ChunkItem:
    """A chunk of a document."""

    id: int
    position: int
    heading: str
    text: str
    embedded: bool


@dataclass(frozen=True, slots=True)
class BaseItem:
    """A base an agent answers from; `published` says whether the published version does."""

    id: UUID
    name: str
    embedder: str
    complete: bool
    documents: int
    published: bool


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to be stored, cut into chunks of (heading, text)."""

    title: str
    kind: str
    source: str
    chunks: Sequence[tuple[str, str]]


class KnowledgeDocuments:
    """The documents of a tenant's agents; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bases(self, tenant_id: UUID, agent_id: UUID) -> list[BaseItem]:
        """Return the bases of an agent, oldest first."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [BaseItem(*r.values()) for r in await connection.fetch(_BASES, agent_id)]

    async def page(self, tenant_id: UUID, agent_id: UUID, after: int, limit: int, *, deleted: bool = False) -> list[DocumentItem]:
        """Return documents, oldest first, after the place `after` (0: from the start)."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [DocumentItem(*r.values()) for r in await connection.fetch(_PAGE, agent_id, deleted, after, limit)]

    async def find(self, tenant_id: UUID, agent_id: UUID, document_id: UUID) -> DocumentItem | None:
        """Return one document, deleted or not."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _find(connection, agent_id, document_id)

    async def source(self, tenant_id: UUID, agent_id: UUID, document_id: UUID) -> str | None:
        """Return the text of a document as it was given."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            source: str | None = await connection.fetchval(_SOURCE, agent_id, document_id)
        return source

    async def chunks(self, tenant_id: UUID, agent_id: UUID, document_id: UUID, after: int, limit: int) -> list[ChunkItem] | None:
        """Return chunks in their order, after the place `after` (0: from the start). None if there is no such document."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await _find(connection, agent_id, document_id) is None:
                return None
            return [ChunkItem(*r.values()) for r in await connection.fetch(_CHUNKS, document_id, after, limit)]

    async def add(self, tenant_id: UUID, by: Actor, agent_id: UUID, new: NewDocument) -> DocumentItem | None:
        """Add a document; an agent's first one makes its base, which the next publication brings into use. None: no such agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            draft = await lock(connection, agent_id)
            if draft is None:
                return None
            base_id: UUID | None = await connection.fetchval(_BASE, agent_id)
            if base_id is None:
                base_id = await connection.fetchval(_ADD_BASE, tenant_id, draft.name)
                await connection.execute(_BIND, tenant_id, agent_id, base_id)
                await touch(connection, agent_id, by)
            await connection.execute(_CHANGED, base_id)
            document_id = await connection.fetchval(_ADD, tenant_id, base_id, new.title, new.kind, new.source, by.name)
            headings, texts = _columns(new)
            await connection.execute(_ADD_CHUNKS, tenant_id, base_id, document_id, headings, texts)
            return await _told(connection, tenant_id, by, agent_id, document_id, "added")

    async def replace(
        self, tenant_id: UUID, by: Actor, agent_id: UUID, document_id: UUID, expected: int | None, new: NewDocument
    ) -> DocumentItem | None:
        """Replace a document as a whole; what stays the same needs no new vectors. None if there is no such document.

        Raises:
            Stale: somebody changed it.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await _locked(connection, agent_id, document_id, expected)
            if before is None:
                return None
            await connection.execute(_REPLACE, document_id, new.title, new.kind, new.source, by.name)
            headings, texts = _columns(new)
            await connection.execute(_DROP_CHUNKS, document_id, headings, texts)
            await connection.execute(_KEEP_CHUNKS, document_id, headings, texts)
            await connection.execute(_ADD_CHUNKS, tenant_id, before.base_id, document_id, headings, texts)
            return await _told(connection, tenant_id, by, agent_id, document_id, "replaced")

    async def delete(self, tenant_id: UUID, by: Actor, agent_id: UUID, document_id: UUID, expected: int | None) -> DocumentItem | None:
        """Delete a document; `restore` undoes it. None if there is no such document.

        Raises:
            Stale: somebody changed it.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await _locked(connection, agent_id, document_id, expected) is None:
                return None
            await connection.execute(_DELETE, document_id, True, by.name)
            return await _told(connection, tenant_id, by, agent_id, document_id, "deleted")

    async def restore(self, tenant_id: UUID, by: Actor, agent_id: UUID, document_id: UUID) -> DocumentItem | None:
        """Bring a deleted document back; one that is there stays as it is. None if there is no such document."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await _locked(connection, agent_id, document_id, None, deleted=True) is None:
                return await _find(connection, agent_id, document_id)
            await connection.execute(_DELETE, document_id, False, by.name)
            return await _told(connection, tenant_id, by, agent_id, document_id, "restored")


async def _locked(
    connection: Connection, agent_id: UUID, document_id: UUID, expected: int | None, *, deleted: bool = False
) -> DocumentItem | None:
    """Take the base of a document for a change and say that it changes."""
    if await lock(connection, agent_id) is None:
        return None
    seen = await _find(connection, agent_id, document_id)
    if seen is None:
        return None
    await connection.execute(_CHANGED, seen.base_id)
    found = await _find(connection, agent_id, document_id)  # again: what the lock waited for may have changed it
    if found is None or (found.deleted_at is not None) != deleted:
        return None
    check(found.version, expected)
    return found


async def _find(connection: Connection, agent_id: UUID, document_id: UUID) -> DocumentItem | None:
    r = await connection.fetchrow(_FIND, agent_id, document_id)
    return DocumentItem(*r.values()) if r else None


async def _told(connection: Connection, tenant_id: UUID, by: Actor, agent_id: UUID, document_id: UUID, done: str) -> DocumentItem:
    document = await _find(connection, agent_id, document_id)
    assert document is not None  # written in this transaction
    about: Mapping[str, Any] = {"document_id": str(document_id), "title": document.title, "chunks": document.chunks}
    await tell(connection, tenant_id, agent_id, by, Change(f"document.{done}", f"document:{document_id}", None, about, about))
    return document


def _columns(new: NewDocument) -> tuple[list[str], list[str]]:
    return [heading for heading, _ in new.chunks], [text for _, text in new.chunks]
