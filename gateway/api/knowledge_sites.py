"""Sites whose pages are documents: read by a job, page by page, and again when somebody asks for it."""

from typing import Any
from uuid import UUID

from actors.ports.jobs import NewJob
from actors.ports.signals import Signals
from actors.services.jobs.knowledge_site import KnowledgeSite, SitePayload
from gateway.api.authored import refusals
from gateway.api.jobs import accepted
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number
from gateway.schemas.bodies import ListQuery
from gateway.schemas.knowledge_incoming import SiteAccepted, SiteBody, SitePage, SiteView, site_view
from storage.authoring.drafts import Drafts
from storage.knowledge.sites import KnowledgeSites, SiteItem
from storage.postgres import Database

_ALL = "/api/agents/{id}/knowledge/sites"
_ONE = f"{_ALL}/{{site_id}}"


class KnowledgeSitesApi:
    """The sites of the agents of the caller's tenant."""

    def __init__(self, database: Database, signals: Signals) -> None:
        self._drafts = Drafts(database)
        self._sites = KnowledgeSites(database, _job_of)
        self._signals = signals

    def operations(self) -> list[Operation]:
        """Return the operations."""
        tag = "knowledge"
        taken: dict[str, Any] = {"level": "admin", "tag": tag, "answer": SiteAccepted, "status": 202}
        return [
            Operation("GET", _ALL, self.list_sites, level="viewer", tag=tag, query=ListQuery, answer=SitePage),
            Operation("POST", _ALL, self.add_site, body=SiteBody, idempotent=True, **taken),
            Operation("GET", _ONE, self.show_site, level="viewer", tag=tag, answer=SiteView),
            Operation("POST", f"{_ONE}/read", self.read_site, **taken),
            Operation("DELETE", _ONE, self.delete_site, level="admin", tag=tag, status=204, versioned=True),
            Operation("POST", f"{_ONE}/restore", self.restore_site, level="admin", tag=tag, answer=SiteView),
        ]

    async def list_sites(self, call: Call[None, ListQuery]) -> Answer:
        """List an agent's sites, oldest first."""
        if await self._drafts.find(call.tenant_id, call.uuid("id")) is None:
            raise call.missing("id")
        found = await self._sites.page(call.tenant_id, call.uuid("id"), after_number(call.page) or 0, call.page.limit + 1)
        return call.listed(SitePage, found, site_view, lambda last: last.position)

    async def add_site(self, call: Call[SiteBody]) -> Answer:
        """Add a small site. A job reads up to 200 pages of its host, as its robots.txt allows, and makes a document of each.

        It follows links and site maps, at most 100 MB and 25 minutes. Cancel the job to stop it; what was read stays.
        """
        site = await self._sites.add(call.tenant_id, call.caller.actor, call.uuid("id"), call.body.address)
        return self._taken(call, site, "id")

    async def show_site(self, call: Call) -> Answer:
        """Show a site, deleted or not."""
        return _shown(call, await self._sites.find(call.tenant_id, call.uuid("id"), call.uuid("site_id")))

    async def read_site(self, call: Call) -> Answer:
        """Read a site again: changed pages are replaced, new ones added, and what the site has no longer is deleted."""
        found = await self._sites.read_again(call.tenant_id, call.caller.actor, call.uuid("id"), call.uuid("site_id"))
        return self._taken(call, found)

    async def delete_site(self, call: Call) -> Answer:
        """Delete a site with its pages; it can be restored."""
        ids = (call.uuid("id"), call.uuid("site_id"))
        with refusals():
            gone = await self._sites.delete(call.tenant_id, call.caller.actor, *ids, call.if_match)
        if gone is None:
            raise call.missing()
        return Answer(status=204)

    async def restore_site(self, call: Call) -> Answer:
        """Bring a deleted site back with the pages that were deleted with it; one that is there stays as it is."""
        return _shown(call, await self._sites.restore(call.tenant_id, call.caller.actor, call.uuid("id"), call.uuid("site_id")))

    def _taken(self, call: Call[Any, Any], site: SiteItem | None, name: str | None = None) -> Answer:
        if site is None:
            raise call.missing(name)
        answer = accepted(site.job_id, self._signals)
        body = SiteAccepted(job_id=site.job_id, site_id=site.id)
        return Answer(body, headers=answer.headers, afterwards=answer.afterwards)


def _shown(call: Call, site: SiteItem | None) -> Answer:
    if site is None:
        raise call.missing()
    return Answer(site_view(site), etag=site.version)


def _job_of(site_id: UUID, by: str) -> NewJob[SitePayload]:
    return NewJob(KnowledgeSite, SitePayload(site_id=site_id), str(site_id), by=by)
