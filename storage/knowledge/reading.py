"""Documents as the jobs see them that read them: nothing is written without the job's lease."""

import hashlib
from uuid import UUID

import orjson

from actors.domain.jobs import Mark
from actors.ports.documents import Arrived, Reading, Unreadable, Waiting
from actors.ports.jobs import JobLease
from storage.jobs.fence import fenced
from storage.knowledge.rows import CHANGED, put_chunks
from storage.postgres import Connection, Database

_WAITING = """
select d.id, d.title, d.kind, f.content, d.address, d.digest from documents d left join document_files f on f.document_id = d.id
where d.id = $1"""
# The base is the first lock of whoever changes documents.
_BASE = "select b.id from knowledge_bases b where b.id = (select base_id from documents where id = $1) for update"
_DIGEST = "select digest from documents where id = $1"
# A page is called as it calls itself, until then by its address.
_KEEP = """
update documents set source = $2, kind = $3, size = $4, digest = $5, read_at = now(), state = 'ready', problem_code = '', problem = '',
  title = case when origin = 'page' and $6 <> '' then left($6, 200) else title end, version = version + 1, changed_at = now()
where id = $1"""
_SAME = """
update documents set size = $2, read_at = now(), state = 'ready', problem_code = '', problem = '', version = version + 1 where id = $1"""
_REFUSE = """
update documents set state = 'failed', problem_code = $2, problem = $3, version = version + 1 where id = $1"""


class DocumentReadings:
    """Implements IncomingStore; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self, lease: JobLease, document_id: UUID) -> Waiting | None:
        """Return a document; None if it is gone."""
        async with self._database.tenant_transaction(lease.tenant_id) as connection:
            r = await connection.fetchrow(_WAITING, document_id)
        return Waiting(*r.values()) if r else None

    async def keep(self, lease: JobLease, document_id: UUID, reading: Reading, arrived: Arrived, mark: Mark) -> bool:
        """Let a document hold what was read, and its base change with it; return whether anything changed."""
        async with fenced(self._database, lease) as writes:
            writes.mark = mark
            return await keep(writes.connection, lease.tenant_id, document_id, reading, arrived)

    async def refuse(self, lease: JobLease, document_id: UUID, error: Unreadable) -> None:
        """Note why a document cannot be read."""
        async with fenced(self._database, lease) as writes:
            await writes.connection.execute(_REFUSE, document_id, error.code, str(error))


async def keep(connection: Connection, tenant_id: UUID, document_id: UUID, reading: Reading, arrived: Arrived) -> bool:
    """Let a document hold what was read; return whether that is something else than before."""
    digest, base_id = digest_of(reading), await connection.fetchval(_BASE, document_id)
    if base_id is None:
        return False
    if await connection.fetchval(_DIGEST, document_id) == digest:
        await connection.execute(_SAME, document_id, arrived.size)
        return False
    await connection.execute(CHANGED, base_id)
    await connection.execute(_KEEP, document_id, reading.text, arrived.kind, arrived.size, digest, reading.title)
    await put_chunks(connection, tenant_id, base_id, document_id, reading.pieces)
    return True


def digest_of(reading: Reading) -> bytes:
    """Return what tells two readings apart: what is found in them, not what changes at every request of a page."""
    return hashlib.sha256(orjson.dumps([reading.title, list(reading.pieces)])).digest()
