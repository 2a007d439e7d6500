"""Versions of an agent: its history, publishing the draft, rolling back."""

from typing import Any

from gateway.api.authored import MOST_FLAWS, refusals
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number
from gateway.check_runs import CheckRuns
from gateway.problems import Flaw, Problem
from gateway.schemas.agents import (
    PublishBody,
    VersionItemView,
    VersionNote,
    VersionPage,
    VersionQuery,
    VersionView,
    version_item,
    version_view,
)
from gateway.schemas.checks import run_view
from storage.authoring.drafts import AgentDraft, Drafts
from storage.authoring.versions import Versions
from storage.postgres import Database

_AGENT = "/api/agents/{id}"
_ALL, _ONE = f"{_AGENT}/versions", f"{_AGENT}/versions/{{version}}"


class AgentVersionsApi:
    """The versions of the agents of the caller's tenant."""

    def __init__(self, database: Database, runs: CheckRuns) -> None:
        self._runs = runs
        self._drafts = Drafts(database)
        self._versions = Versions(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        numbers = {"version"}
        return [
            Operation("GET", _ALL, self.list, level="viewer", tag="versions", query=VersionQuery, answer=VersionPage),
            Operation("GET", _ONE, self.one, level="viewer", tag="versions", answer=VersionView, numbers=numbers),
            Operation(
                "POST",
                f"{_AGENT}/publish",
                self.publish,
                level="admin",
                tag="versions",
                body=PublishBody,
                answer=VersionItemView,
                idempotent=True,
                prepare=self._check,
                also=(409,),
            ),
            Operation(
                "POST",
                f"{_ONE}/roll-back",
                self.roll_back,
                level="admin",
                tag="versions",
                body=VersionNote,
                answer=VersionItemView,
                numbers=numbers,
                idempotent=True,
            ),
        ]

    async def list(self, call: Call[None, VersionQuery]) -> Answer:
        """List versions, the newest first."""
        agent, before = await self._agent(call), after_number(call.page)
        found = await self._versions.page(call.tenant_id, agent.id, before, call.page.limit + 1, tried=call.query.tried)
        return call.listed(VersionPage, found, lambda item: version_item(item, agent.published_version), lambda last: last.version)

    async def one(self, call: Call) -> Answer:
        """Show a version with its whole document."""
        agent = await self._agent(call)
        found = await self._versions.find(call.tenant_id, agent.id, call.number("version"))
        if found is None:
            raise call.missing()
        return Answer(version_view(found, agent.published_version))

    async def publish(self, call: Call[PublishBody]) -> Answer:
        """Publish the draft with its enabled scripts. Customers get it within seconds.

        A draft that equals what is published publishes nothing. 422 points to every fault in the document that would be
        published: persona, scripts that are enabled in their order, passages. The agent's checks are run first: 409 names those
        that fail now and pass on what is published, unless `despite_checks` is set.
        """
        agent_id = call.uuid("id")
        with refusals():
            published = await self._versions.publish(call.tenant_id, call.caller.actor, agent_id, call.body.note)
        if published is None:
            raise call.missing()
        return Answer(version_item(published, published.version))

    async def roll_back(self, call: Call[VersionNote]) -> Answer:
        """Publish an older version's content again, as a new version. The draft stays as it is."""
        agent_id, version = call.uuid("id"), call.number("version")
        with refusals():
            published = await self._versions.roll_back(call.tenant_id, call.caller.actor, agent_id, version, call.body.note)
        if published is None:
            raise call.missing()
        return Answer(version_item(published, published.version))

    async def _check(self, call: Call[PublishBody]) -> None:
        """Run the checks on the draft, in transactions of their own: they take a while, and their outcomes stay.

        Raises:
            Problem: 409: some fail that passed before.
        """
        if call.body.despite_checks:
            return
        agent = await self._agent(call)
        if not await self._runs.any(call.tenant_id, agent):
            return
        with refusals():
            version = await self._versions.snapshot(call.tenant_id, call.caller.actor, agent.id)
        run = await self._runs.run(call.tenant_id, agent, version) if version is not None else None
        if run and run.broken:
            flaws = [Flaw(f"{case.question} -> {run.now[case.id].said.text}"[:300], "check") for case in run.broken[:MOST_FLAWS]]
            detail = f"{len(run.broken)} checks fail that pass on what is published"
            raise Problem(409, detail, reason="checks", errors=flaws, extra={"run": run_view(run).model_dump(mode="json")})

    async def _agent(self, call: Call[Any, Any]) -> AgentDraft:
        agent = await self._drafts.find(call.tenant_id, call.uuid("id"))
        if agent is None:
            raise call.missing("id")
        return agent
