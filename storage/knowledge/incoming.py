"""Documents as they are handed in: stored as they came, with the job that reads them, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from actors.ports.jobs import NewJob
from storage.accounts.audit import Actor
from storage.jobs.queue import enqueue
from storage.knowledge.documents import NotTyped, base_of, told
from storage.knowledge.rows import DocumentItem, find
from storage.postgres import Connection, Database

JobOf: TypeAlias = Callable[[UUID, str], NewJob[Any]]  # of what is to be read, and who asked
_ADD = """
insert into documents (id, tenant_id, base_id, title, kind, source, origin, file_name, address, size, state, changed_by)
values (gen_random_uuid(), $1, $2, $3, $4, '', $5, $6, $7, $8, 'reading', $9) returning id"""
_CONTENT = "insert into document_files (document_id, tenant_id, content) values ($1, $2, $3)"
_READING = """
update documents set state = 'reading', problem_code = '', problem = '', job_id = $2, version = version + 1 where id = $1"""
_JOB = "update documents set job_id = $2 where id = $1"
_FILE = """
select d.file_name, f.content from documents d join document_files f on f.document_id = d.id
join knowledge_bindings k on k.base_id = d.base_id and k.agent_id = $1 where d.id = $2"""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file as it came."""

    title: str
    kind: str
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Incoming:
    """A document that will be read, and the job that does it."""

    document: DocumentItem
    job_id: UUID


class KnowledgeIncoming:
    """Takes documents for a tenant's agents; either role."""

    def __init__(self, database: Database, job_of: JobOf) -> None:
        self._database = database
        self._job_of = job_of

    async def add_file(self, tenant_id: UUID, by: Actor, agent_id: UUID, new: NewFile) -> Incoming | None:
        """Keep a file and queue its reading. None: no such agent."""
        about = (new.title, new.kind, "file", new.name, "", len(new.content))
        async with self._database.tenant_transaction(tenant_id) as connection:
            document_id = await _add(connection, tenant_id, by, agent_id, *about)
            if document_id is None:
                return None
            await connection.execute(_CONTENT, document_id, tenant_id, new.content)
            return await self._queued(connection, tenant_id, by, agent_id, document_id)

    async def add_page(self, tenant_id: UUID, by: Actor, agent_id: UUID, address: str) -> Incoming | None:
        """Note the address of a page and queue its reading; until then the address is its title. None: no such agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            document_id = await _add(connection, tenant_id, by, agent_id, address[:200], "html", "page", "", address, 0)
            return None if document_id is None else await self._queued(connection, tenant_id, by, agent_id, document_id)

    async def read_again(self, tenant_id: UUID, by: Actor, agent_id: UUID, document_id: UUID) -> Incoming | None:
        """Queue another reading; one that is on its way is that. None: no such document, or it is deleted.

        Raises:
            NotTyped: nothing can be read again, somebody typed it.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            seen = await find(connection, agent_id, document_id)
            if seen is None or seen.deleted_at is not None:
                return None
            if seen.origin == "typed":
                raise NotTyped("somebody typed this document: there is nothing to read again")
            job_id = await enqueue(connection, tenant_id, self._job_of(document_id, by.name))
            await connection.execute(_READING, document_id, job_id)
            return Incoming(await told(connection, tenant_id, by, agent_id, document_id, "reread"), job_id)

    async def file(self, tenant_id: UUID, agent_id: UUID, document_id: UUID) -> tuple[str, bytes] | None:
        """Return a file's name and content as it came. None: no such document, or it did not come as a file."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_FILE, agent_id, document_id)
        return (r["file_name"], r["content"]) if r else None

    async def _queued(self, connection: Connection, tenant_id: UUID, by: Actor, agent_id: UUID, document_id: UUID) -> Incoming:
        job_id = await enqueue(connection, tenant_id, self._job_of(document_id, by.name))
        await connection.execute(_JOB, document_id, job_id)
        return Incoming(await told(connection, tenant_id, by, agent_id, document_id, "added"), job_id)


async def _add(connection: Connection, tenant_id: UUID, by: Actor, agent_id: UUID, *about: Any) -> UUID | None:
    base_id = await base_of(connection, tenant_id, by, agent_id)
    if base_id is None:
        return None
    document_id: UUID = await connection.fetchval(_ADD, tenant_id, base_id, *about, by.name)
    return document_id
