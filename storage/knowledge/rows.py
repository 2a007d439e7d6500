"""Documents and chunks as rows: what is shown of them, and how the chunks of a document are replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from actors.ports.documents import Piece
from storage.postgres import Connection

Origin = Literal["typed", "file", "page"]
State = Literal["reading", "ready", "failed"]

# A job that ended without a word in the document, because it was cancelled, or died, or is forgotten, has failed, too.
STATE = """
case when {0}.state <> 'reading' then {0}.state
  when j.id is null or j.state in ('failed', 'dead', 'cancelled') then 'failed' when j.state = 'done' then 'ready' else 'reading' end"""
PROBLEM_CODE = """
case when {0}.problem_code <> '' then {0}.problem_code when j.state = 'cancelled' then 'cancelled'
  when j.state in ('failed', 'dead') then 'interrupted' else '' end"""
PROBLEM = "case when {0}.problem <> '' then {0}.problem when j.state in ('failed', 'dead') then coalesce(j.error, '') else '' end"
COLUMNS = f"""
d.id, d.base_id, d.position, d.title, d.kind, length(d.source) as characters, d.version, d.created_at, d.changed_at, d.changed_by,
d.deleted_at, (select count(*) from chunks c where c.document_id = d.id)::int as chunks,
(select count(*) from chunks c where c.document_id = d.id
   and exists (select from chunk_vectors v where v.chunk_id = c.id and v.embedder = b.embedder))::int as embedded,
d.origin, d.file_name, d.address, d.site_id, d.size, d.read_at, d.job_id, {STATE.format("d")} as state,
{PROBLEM_CODE.format("d")} as problem_code, {PROBLEM.format("d")} as problem,
coalesce(j.progress_done, 0) as done, j.progress_total as total"""  # noqa: S608
FROM = """
from documents d join knowledge_bases b on b.id = d.base_id
join knowledge_bindings k on k.base_id = d.base_id and k.agent_id = $1
left join jobs j on j.id = d.job_id and d.state = 'reading'"""
_FIND = f"select {COLUMNS} {FROM} where d.id = $2"
CHANGED = "update knowledge_bases set version = version + 1 where id = $1"  # first: it is the lock of the base
_WANTED = """
(select distinct on (heading, text) heading, text, page, table_row, n
 from unnest({0}::text[], {1}::text[], {2}::int[], {3}::int[]) with ordinality x (heading, text, page, table_row, n)
 order by heading, text, n) u"""
_DROP = """
delete from chunks c where c.document_id = $1
and not exists (select from unnest($2::text[], $3::text[]) u (heading, text) where u.heading = c.heading and u.text = c.text)"""
_KEEP = f"""
update chunks c set position = u.n, page = u.page, table_row = u.table_row from {_WANTED.format("$2", "$3", "$4", "$5")}
where c.document_id = $1 and c.heading = u.heading and c.text = u.text"""  # noqa: S608
_ADD = f"""
insert into chunks (tenant_id, base_id, document_id, position, heading, text, page, table_row)
select $1, $2, $3, u.n, u.heading, u.text, u.page, u.table_row from {_WANTED.format("$4", "$5", "$6", "$7")}
where not exists (select from chunks c where c.document_id = $3 and c.heading = u.heading and c.text = u.text) order by u.n"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class DocumentItem:
    """A document without its text. `embedded` of its `chunks` are found by meaning; all are found by their words.

    While a job reads it, `done` of `total` is how far that is. One that failed keeps the chunks of its last good reading.
    """

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
    origin: Origin
    file_name: str
    address: str
    site_id: UUID | None
    size: int
    read_at: datetime | None
    job_id: UUID | None
    state: State
    problem_code: str
    problem: str
    done: int
    total: int | None


async def find(connection: Connection, agent_id: UUID, document_id: UUID) -> DocumentItem | None:
    """Return a document of an agent, deleted or not."""
    r = await connection.fetchrow(_FIND, agent_id, document_id)
    return DocumentItem(*r.values()) if r else None


async def put_chunks(connection: Connection, tenant_id: UUID, base_id: UUID, document_id: UUID, pieces: Sequence[Piece]) -> None:
    """Let a document have these chunks. One that stays the same keeps its vectors; one that occurs twice is there once.

    The base must have been locked by `CHANGED`.
    """
    texts, places = _columns(pieces)
    await connection.execute(_DROP, document_id, *texts)
    await connection.execute(_KEEP, document_id, *texts, *places)
    await connection.execute(_ADD, tenant_id, base_id, document_id, *texts, *places)


def _columns(pieces: Sequence[Piece]) -> tuple[tuple[list[str], list[str]], tuple[list[Any], list[Any]]]:
    texts = ([piece.heading for piece in pieces], [piece.text for piece in pieces])
    return texts, ([piece.page for piece in pieces], [piece.row for piece in pieces])
