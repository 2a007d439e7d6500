"""The pages of a site as the job writes them that reads it."""

from uuid import UUID

from actors.domain.jobs import Mark
from actors.ports.documents import Arrived, Reading, Unreadable
from actors.ports.jobs import JobLease
from actors.ports.sites import Kept, Site
from storage.jobs.fence import fenced
from storage.knowledge.reading import digest_of, keep
from storage.knowledge.rows import CHANGED
from storage.postgres import Connection, Database

_SITE = "select id, address from knowledge_sites where id = $1 and deleted_at is null"
_PAGES = """
select address from documents where site_id = $1 and (deleted_at is null or problem_code = 'gone') order by position"""
# The base is the first lock of whoever changes documents. A site that was deleted meanwhile gets no pages any more.
_BASE = """
select b.id from knowledge_bases b where b.id = (select base_id from knowledge_sites where id = $1 and deleted_at is null) for update"""
_PAGE = (
    "select id, deleted_at is not null and problem_code <> 'gone' as deleted, deleted_at from documents where site_id = $1 and address = $2"
)
_TWICE = "select exists (select from documents where site_id = $1 and address <> $2 and digest = $3 and deleted_at is null)"
_ADD = """
insert into documents (id, tenant_id, base_id, title, kind, source, origin, address, site_id)
values (gen_random_uuid(), $1, $2, left($4, 200), 'html', '', 'page', $4, $3) returning id"""
_BACK = "update documents set deleted_at = null, problem_code = '', problem = '', version = version + 1 where id = $1"
_GONE = """
update documents set deleted_at = now(), problem_code = 'gone', problem = 'the site has this page no longer', version = version + 1
where site_id = $1 and address = $2 and deleted_at is null"""
_READ = "update knowledge_sites set read_at = now(), problem_code = '', problem = '', version = version + 1 where id = $1"
_REFUSE = "update knowledge_sites set problem_code = $2, problem = $3, version = version + 1 where id = $1"


class SitePages:
    """Implements SiteStore; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def site(self, lease: JobLease, site_id: UUID) -> Site | None:
        """Return a site; None if it is gone."""
        async with self._database.tenant_transaction(lease.tenant_id) as connection:
            r = await connection.fetchrow(_SITE, site_id)
            pages = await connection.fetch(_PAGES, site_id)
        return Site(r["id"], r["address"], [page["address"] for page in pages]) if r else None

    async def keep_page(self, lease: JobLease, site: Site, address: str, reading: Reading, arrived: Arrived, mark: Mark) -> Kept:
        """Let a page hold what was read."""
        async with fenced(self._database, lease) as writes:
            writes.mark = mark
            return await _keep_page(writes.connection, lease, site, address, reading, arrived)

    async def page_gone(self, lease: JobLease, site: Site, address: str, mark: Mark) -> bool:
        """Delete a page that the site has no longer; return whether it was there."""
        async with fenced(self._database, lease) as writes:
            writes.mark = mark
            base_id = await writes.connection.fetchval(_BASE, site.id)
            if base_id is None or await writes.connection.execute(_GONE, site.id, address) == "UPDATE 0":
                return False
            await writes.connection.execute(CHANGED, base_id)
            return True

    async def finish(self, lease: JobLease, site: Site, mark: Mark) -> None:
        """Note that all of it was read."""
        async with fenced(self._database, lease) as writes:
            writes.mark = mark
            await writes.connection.execute(_READ, site.id)

    async def refuse(self, lease: JobLease, site: Site, error: Unreadable) -> None:
        """Note why it cannot be read."""
        async with fenced(self._database, lease) as writes:
            await writes.connection.execute(_REFUSE, site.id, error.code, str(error))


async def _keep_page(connection: Connection, lease: JobLease, site: Site, address: str, reading: Reading, arrived: Arrived) -> Kept:
    base_id = await connection.fetchval(_BASE, site.id)
    if base_id is None:
        return "deleted"
    page = await connection.fetchrow(_PAGE, site.id, address)
    if page is not None and page["deleted"]:
        return "deleted"
    if await connection.fetchval(_TWICE, site.id, address, digest_of(reading)):
        if page is not None and page["deleted_at"] is None:  # it shows now what another page shows
            await connection.execute(CHANGED, base_id)
            await connection.execute(_GONE, site.id, address)
        return "twice"
    if page is None:
        document_id = await connection.fetchval(_ADD, lease.tenant_id, base_id, site.id, address)
        await keep(connection, lease.tenant_id, document_id, reading, arrived)
        return "added"
    changed = await keep(connection, lease.tenant_id, page["id"], reading, arrived)
    if page["deleted_at"] is None:
        return "changed" if changed else "same"
    await connection.execute(CHANGED, base_id)
    await connection.execute(_BACK, page["id"])
    return "added"
