"""The documents of an agent as people edit them; what is written counts at once for every version that answers from the base."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from actors.domain.errors import TerminalError
from actors.ports.documents import Piece
from storage.accounts.audit import Actor
from storage.authoring.changes import Change, check, lock, tell, touch
from storage.knowledge.rows import CHANGED, COLUMNS, FROM, DocumentItem, find, put_chunks
from storage.postgres import Connection, Database

_PAGE = f"""
select {COLUMNS} {FROM}
where (d.deleted_at is not null) = $2 and d.position > $3 and ($5::uuid is null or d.site_id = $5) and (not $6 or d.site_id is null)
order by d.position limit $4"""
_SOURCE = f"select d.source {FROM} where d.id = $2"
_CHUNKS = """
select c.id, c.position, c.heading, c.text, c.page, c.table_row,
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
_ADD = """
insert into documents (id, tenant_id, base_id, title, kind, source, changed_by)
values (gen_random_uuid(), $1, $2, $3, $4, $5, $6) returning id"""
_REPLACE = """
update documents set title = $2, kind = $3, source = $4, version = version + 1, changed_at = now(), changed_by = $5 where id = $1"""
_DELETE = """
update documents set deleted_at = case when $2 then now() end, version = version + 1, changed_at = now(), changed_by = $3,
  problem = case when problem_code = 'gone' then '' else problem end,
  problem_code = case when problem_code = 'gone' then '' else problem_code end
where id = $1"""


@dataclass(frozen=True, slots=True)
class ChunkItem:
    """A chunk of a document."""

    id: int
    position: int
    heading: str
    text: str
    page: int | None
    row: int | None
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
    """A document that somebody wrote, cut into chunks."""

    title: str
    kind: str
    source: str
    chunks: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Which:
    """Which documents: deleted ones or not, of a site only, or of no site."""

    deleted: bool = False
    site_id: UUID | None = None
    single: bool = False


class NotTyped(TerminalError):
    """What was read cannot be edited, and what was typed cannot be read again."""


class KnowledgeDocuments:
    """The documents of a tenant's agents; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bases(self, tenant_id: UUID, agent_id: UUID) -> list[BaseItem]:
        """Return the bases of an agent, oldest first."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [BaseItem(*r.values()) for r in await connection.fetch(_BASES, agent_id)]

    async def page(self, tenant_id: UUID, agent_id: UUID, after: int, limit: int, which: Which) -> list[DocumentItem]:
        """Return documents, oldest first, after the place `after` (0: from the start)."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_PAGE, agent_id, which.deleted, after, limit, which.site_id, which.single)
        return [DocumentItem(*r.values()) for r in rows]

    async def find(self, tenant_id: UUID, agent_id: UUID, document_id: UUID) -> DocumentItem | None:
        """Return one document, deleted or not."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await find(connection, agent_id, document_id)

    async def source(self, tenant_id: UUID, agent_id: UUID, document_id: UUID) -> str | None:
        """Return the text of a document as it was given."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            source: str | None = await connection.fetchval(_SOURCE, agent_id, document_id)
        return source

    async def chunks(self, tenant_id: UUID, agent_id: UUID, document_id: UUID, after: int, limit: int) -> list[ChunkItem] | None:
        """Return chunks in their order, after the place `after` (0: from the start). None if there is no such document."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await find(connection, agent_id, document_id) is None:
                return None
            return [ChunkItem(*r.values()) for r in await connection.fetch(_CHUNKS, document_id, after, limit)]

    async def add(self, tenant_id: UUID, by: Actor, agent_id: UUID, new: NewDocument) -> DocumentItem | None:
        """Add a document; an agent's first one makes its base, which the next publication brings into use. None: no such agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            base_id = await base_of(connection, tenant_id, by, agent_id)
            if base_id is None:
                return None
            await connection.execute(CHANGED, base_id)
            document_id = await connection.fetchval(_ADD, tenant_id, base_id, new.title, new.kind, new.source, by.name)
            await put_chunks(connection, tenant_id, base_id, document_id, new.chunks)
            return await told(connection, tenant_id, by, agent_id, document_id, "added")

    async def replace(
        self, tenant_id: UUID, by: Actor, agent_id: UUID, document_id: UUID, expected: int | None, new: NewDocument
    ) -> DocumentItem | None:
        """Replace a document as a whole; what stays the same needs no new vectors. None if there is no such document.

        Raises:
            Stale: somebody changed it.
            NotTyped: it came as a file or from the web.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await locked(connection, agent_id, document_id, expected)
            if before is None:
                return None
            if before.origin != "typed":
                raise NotTyped("this document is read from where it came from: change it there and read it again")
            await connection.execute(_REPLACE, document_id, new.title, new.kind, new.source, by.name)
            await put_chunks(connection, tenant_id, before.base_id, document_id, new.chunks)
            return await told(connection, tenant_id, by, agent_id, document_id, "replaced")

    async def delete(self, tenant_id: UUID, by: Actor, agent_id: UUID, document_id: UUID, expected: int | None) -> DocumentItem | None:
        """Delete a document; `restore` undoes it. None if there is no such document.

        Raises:
            Stale: somebody changed it.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await locked(connection, agent_id, document_id, expected) is None:
                return None
            await connection.execute(_DELETE, document_id, True, by.name)
            return await told(connection, tenant_id, by, agent_id, document_id, "deleted")

    async def restore(self, tenant_id: UUID, by: Actor, agent_id: UUID, document_id: UUID) -> DocumentItem | None:
        """Bring a deleted document back; one that is there stays as it is. None if there is no such document."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await locked(connection, agent_id, document_id, None, deleted=True) is None:
                return await find(connection, agent_id, document_id)
            await connection.execute(_DELETE, document_id, False, by.name)
            return await told(connection, tenant_id, by, agent_id, document_id, "restored")


async def base_of(connection: Connection, tenant_id: UUID, by: Actor, agent_id: UUID) -> UUID | None:
    """Return the base that an agent's documents go to, with the agent locked; its first one makes it. None: no such agent."""
    draft = await lock(connection, agent_id)
    if draft is None:
        return None
    base_id: UUID | None = await connection.fetchval(_BASE, agent_id)
    if base_id is None:
        base_id = await connection.fetchval(_ADD_BASE, tenant_id, draft.name)
        await connection.execute(_BIND, tenant_id, agent_id, base_id)
        await touch(connection, agent_id, by)
    return base_id


async def locked(
    connection: Connection, agent_id: UUID, document_id: UUID, expected: int | None, *, deleted: bool = False
) -> DocumentItem | None:
    """Take the base of a document for a change and say that it changes; None if there is no such document, or not in this state."""
    if await lock(connection, agent_id) is None:
        return None
    seen = await find(connection, agent_id, document_id)
    if seen is None:
        return None
    await connection.execute(CHANGED, seen.base_id)
    found = await find(connection, agent_id, document_id)  # again: what the lock waited for may have changed it
    if found is None or (found.deleted_at is not None) != deleted:
        return None
    check(found.version, expected)
    return found


async def told(connection: Connection, tenant_id: UUID, by: Actor, agent_id: UUID, document_id: UUID, done: str) -> DocumentItem:
    """Write the audit row and the activity of a change of a document, and return it."""
    document = await find(connection, agent_id, document_id)
    assert document is not None  # written in this transaction
    about: Mapping[str, Any] = {"document_id": str(document_id), "title": document.title, "chunks": document.chunks}
    await tell(connection, tenant_id, agent_id, by, Change(f"document.{done}", f"document:{document_id}", None, about, about))
    return document
