"""Sites as people see and change them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from storage.accounts.audit import Actor
from storage.authoring.changes import Change, check, lock, tell
from storage.jobs.queue import enqueue
from storage.knowledge.documents import base_of
from storage.knowledge.incoming import JobOf
from storage.knowledge.rows import CHANGED, PROBLEM, PROBLEM_CODE
from storage.postgres import Connection, Database

_SITE = f"""
select s.id, s.base_id, s.position, s.address, s.version, s.created_at, s.read_at, s.changed_by, s.deleted_at, s.job_id,
  case when j.state in ('queued', 'running') then 'reading' when j.state in ('failed', 'dead', 'cancelled') or s.problem_code <> ''
    or s.read_at is null then 'failed' else 'ready' end as state,
  {PROBLEM_CODE.format("s")} as problem_code, {PROBLEM.format("s")} as problem,
  coalesce(j.progress_done, 0) as done, j.progress_total as total, coalesce(j.progress_note, '') as note,
  (select count(*) from documents d where d.site_id = s.id and d.deleted_at is null)::int as pages
from knowledge_sites s
join knowledge_bindings k on k.base_id = s.base_id and k.agent_id = $1
left join jobs j on j.id = s.job_id"""  # noqa: S608
_PAGE = f"{_SITE} where s.deleted_at is null and s.position > $2 order by s.position limit $3"
_FIND = f"{_SITE} where s.id = $2"
_ADD = "insert into knowledge_sites (tenant_id, base_id, address, changed_by) values ($1, $2, $3, $4) returning id"
_QUEUED = "update knowledge_sites set job_id = $2, problem_code = '', problem = '', version = version + 1 where id = $1"
_DELETE = "update knowledge_sites set deleted_at = now(), version = version + 1, changed_by = $2 where id = $1"
_DELETE_PAGES = """
update documents set deleted_at = now(), version = version + 1, changed_by = $2 where site_id = $1 and deleted_at is null"""
# Pages that were deleted with the site: not those that somebody had deleted before.
_RESTORE_PAGES = """
update documents d set deleted_at = null, version = d.version + 1, changed_by = $2
from knowledge_sites s where s.id = $1 and d.site_id = s.id and d.deleted_at = s.deleted_at"""
_RESTORE = "update knowledge_sites set deleted_at = null, version = version + 1, changed_by = $2 where id = $1"


@dataclass(frozen=True, slots=True)
class SiteItem:
    """A site. While a job reads it, `done` of `total` pages are read, and `note` is the path of the last one."""

    id: UUID
    base_id: UUID
    position: int
    address: str
    version: int
    created_at: datetime
    read_at: datetime | None
    changed_by: str
    deleted_at: datetime | None
    job_id: UUID
    state: Literal["reading", "ready", "failed"]
    problem_code: str
    problem: str
    done: int
    total: int | None
    note: str
    pages: int


class KnowledgeSites:
    """The sites of a tenant's agents; either role."""

    def __init__(self, database: Database, job_of: JobOf) -> None:
        self._database = database
        self._job_of = job_of

    async def page(self, tenant_id: UUID, agent_id: UUID, after: int, limit: int) -> list[SiteItem]:
        """Return sites, oldest first, after the place `after` (0: from the start)."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [SiteItem(*r.values()) for r in await connection.fetch(_PAGE, agent_id, after, limit)]

    async def find(self, tenant_id: UUID, agent_id: UUID, site_id: UUID) -> SiteItem | None:
        """Return a site, deleted or not."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _find(connection, agent_id, site_id)

    async def add(self, tenant_id: UUID, by: Actor, agent_id: UUID, address: str) -> SiteItem | None:
        """Note a site and queue its reading. None: no such agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            base_id = await base_of(connection, tenant_id, by, agent_id)
            if base_id is None:
                return None
            site_id: UUID = await connection.fetchval(_ADD, tenant_id, base_id, address, by.name)
            await self._queue(connection, tenant_id, by, site_id)
            return await _told(connection, tenant_id, by, agent_id, site_id, "added")

    async def read_again(self, tenant_id: UUID, by: Actor, agent_id: UUID, site_id: UUID) -> SiteItem | None:
        """Queue another reading; one that is on its way is that. None: no such site, or it is deleted."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await _locked(connection, agent_id, site_id, deleted=False) is None:
                return None
            await self._queue(connection, tenant_id, by, site_id)
            return await _told(connection, tenant_id, by, agent_id, site_id, "reread")

    async def delete(self, tenant_id: UUID, by: Actor, agent_id: UUID, site_id: UUID, expected: int) -> SiteItem | None:
        """Delete a site with its pages; `restore` undoes it. None: no such site.

        Raises:
            Stale: somebody changed it.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            site = await _locked(connection, agent_id, site_id, deleted=False)
            if site is None:
                return None
            check(site.version, expected)
            await connection.execute(_DELETE, site_id, by.name)
            await connection.execute(_DELETE_PAGES, site_id, by.name)
            return await _told(connection, tenant_id, by, agent_id, site_id, "deleted")

    async def restore(self, tenant_id: UUID, by: Actor, agent_id: UUID, site_id: UUID) -> SiteItem | None:
        """Bring a deleted site back with the pages that went with it. None: no such site."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await _locked(connection, agent_id, site_id, deleted=True) is None:
                return await _find(connection, agent_id, site_id)
            await connection.execute(_RESTORE_PAGES, site_id, by.name)
            await connection.execute(_RESTORE, site_id, by.name)
            return await _told(connection, tenant_id, by, agent_id, site_id, "restored")

    async def _queue(self, connection: Connection, tenant_id: UUID, by: Actor, site_id: UUID) -> None:
        await connection.execute(_QUEUED, site_id, await enqueue(connection, tenant_id, self._job_of(site_id, by.name)))


async def _find(connection: Connection, agent_id: UUID, site_id: UUID) -> SiteItem | None:
    r = await connection.fetchrow(_FIND, agent_id, site_id)
    return SiteItem(*r.values()) if r else None


async def _locked(connection: Connection, agent_id: UUID, site_id: UUID, *, deleted: bool) -> SiteItem | None:
    """Take the base of a site for a change; None if there is no such site, or not in this state."""
    if await lock(connection, agent_id) is None:
        return None
    seen = await _find(connection, agent_id, site_id)
    if seen is None:
        return None
    await connection.execute(CHANGED, seen.base_id)
    found = await _find(connection, agent_id, site_id)  # again: what the lock waited for may have changed it
    return found if found is not None and (found.deleted_at is not None) == deleted else None


async def _told(connection: Connection, tenant_id: UUID, by: Actor, agent_id: UUID, site_id: UUID, done: str) -> SiteItem:
    site = await _find(connection, agent_id, site_id)
    assert site is not None  # written in this transaction
    about = {"site_id": str(site_id), "title": site.address, "pages": site.pages}
    await tell(connection, tenant_id, agent_id, by, Change(f"site.{done}", f"site:{site_id}", None, about, about))
    return site
