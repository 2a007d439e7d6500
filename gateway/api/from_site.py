"""From the address of a site to an agent: begun, proposed, made of what its owner accepts."""

from typing import Any
from uuid import UUID

from actors.ports.jobs import NewJob
from actors.ports.signals import Signals
from actors.services.jobs.agent_from_site import AgentFromSite, FromSitePayload
from gateway.api.authored import refusals
from gateway.api.jobs import accepted
from gateway.api.operation import Answer, Call, Operation
from gateway.problems import Problem
from gateway.schemas.agents import AgentView, agent_view
from gateway.schemas.from_site import (
    AcceptBody,
    FromSiteAccepted,
    FromSiteBody,
    FromSiteView,
    WaitingList,
    accepted_scripts,
    from_site_view,
    waiting_view,
)
from storage.knowledge.from_site import AgentsFromSites, NotNow
from storage.postgres import Database

_ALL, _ONE = "/api/agents/from-site", "/api/agents/{id}/from-site"
_MOST_WAITING = 50


class FromSiteApi:
    """The agents of the caller's tenant that begin with a site."""

    def __init__(self, database: Database, signals: Signals) -> None:
        self._agents = AgentsFromSites(database, _job_of)
        self._signals = signals

    def operations(self) -> list[Operation]:
        """Return the operations."""
        written: dict[str, Any] = {"level": "admin", "tag": "agents", "idempotent": True}
        return [
            Operation("GET", _ALL, self.waiting_agents, level="viewer", tag="agents", answer=WaitingList),
            Operation("POST", _ALL, self.begin_from_site, body=FromSiteBody, answer=FromSiteAccepted, status=202, **written),
            Operation("GET", _ONE, self.show_from_site, level="viewer", tag="agents", answer=FromSiteView),
            Operation("POST", f"{_ONE}/accept", self.accept_proposals, body=AcceptBody, answer=AgentView, also=(409,), **written),
        ]

    async def waiting_agents(self, call: Call) -> Answer:
        """List agents that were begun from a site and are not created yet, the newest 50."""
        found = await self._agents.waiting(call.tenant_id, _MOST_WAITING)
        return Answer(WaitingList(items=[waiting_view(item) for item in found]))

    async def begin_from_site(self, call: Call[FromSiteBody]) -> Answer:
        """Begin an agent with the address of a site: a draft, and a job that reads the site into its knowledge and proposes scripts.

        The site is read as `/knowledge/sites` reads it, within the same limits. Cancel or retry the job as any other;
        archive the agent to give it up.
        """
        begun = await self._agents.begin(call.tenant_id, call.caller.actor, call.body.host, call.body.address)
        taken = accepted(begun.site.job_id, self._signals)
        body = FromSiteAccepted(job_id=begun.site.job_id, agent_id=begun.draft.id, site_id=begun.site.id)
        return Answer(body, headers={"Location": f"/api/agents/{begun.draft.id}/from-site"}, afterwards=taken.afterwards)

    async def show_from_site(self, call: Call) -> Answer:
        """Show how far an agent is that was begun from a site: progress, what was found, what is proposed and what is open."""
        begun = await self._agents.find(call.tenant_id, call.uuid("id"))
        if begun is None:
            raise call.missing("id")
        return Answer(from_site_view(begun))

    async def accept_proposals(self, call: Call[AcceptBody]) -> Answer:
        """Create the agent of what was accepted: its name, the site's language, and scripts; once. Then it is an agent as any other.

        A proposal that is not sent is declined. The answer to an open question is sent like a proposal. Publishing is a step of its own.
        """
        agent_id, body = call.uuid("id"), call.body
        try:
            with refusals():
                draft = await self._agents.accept(call.tenant_id, call.caller.actor, agent_id, body.name, accepted_scripts(body))
        except NotNow as error:
            raise Problem(409, str(error), reason=f"from-site-{error.why}") from None
        if draft is None:
            raise call.missing("id")
        return Answer(agent_view(draft), headers={"ETag": f'"{draft.version}"'})


def _job_of(agent_id: UUID, site_id: UUID, by: str) -> NewJob[FromSitePayload]:
    return NewJob(AgentFromSite, FromSitePayload(site_id=site_id, agent_id=agent_id), str(site_id), by=by)
