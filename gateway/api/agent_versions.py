"""Versions of an agent: its history, publishing the draft, rolling back."""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

from actors.domain.configuration.history import differences
from gateway.api.authored import MOST_FLAWS, refusals
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number
from gateway.check_runs import CheckRuns
from gateway.problems import Flaw, Problem, invalid
from gateway.schemas.agents import (
    ChangesQuery,
    ChangesView,
    PublishBody,
    VersionItemView,
    VersionNote,
    VersionPage,
    VersionQuery,
    VersionView,
    changes_view,
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
            Operation("GET", f"{_AGENT}/changes", self.changes, level="viewer", tag="versions", query=ChangesQuery, answer=ChangesView),
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

    async def changes(self, call: Call[None, ChangesQuery]) -> Answer:
        """Compare two versions, or the draft with what is published: what customers would get otherwise.

        What is switched off counts as not there. Defaults are no differences, whether they are written down or not. Documents
        of knowledge count at once and belong to no version: only which base an agent answers from does.
        """
        agent = await self._agent(call)
        since, before = await self._numbered(call, agent, "since", call.query.since)
        until, after = await self._newer(call, agent)
        bases = await self._versions.bases(call.tenant_id, before, after)
        found = await asyncio.to_thread(differences, before, after, bases)  # thousands of scripts take a while
        return Answer(changes_view(since, until, found))

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

    async def _newer(self, call: Call[None, ChangesQuery], agent: AgentDraft) -> tuple[int | Literal["draft"], Mapping[str, Any]]:
        if call.query.until != "draft":
            return await self._numbered(call, agent, "until", call.query.until)
        draft = await self._versions.draft(call.tenant_id, agent.id)
        if draft is None:
            raise call.missing("id")
        return "draft", draft

    async def _numbered(
        self, call: Call[Any, Any], agent: AgentDraft, side: str, asked: Literal["published"] | int
    ) -> tuple[int, Mapping[str, Any]]:
        """Return a version's number and definition; 0 is what was before anything was published.

        Raises:
            Problem: 422: there is no such version.
        """
        version = agent.published_version if asked == "published" else asked
        if version == 0:
            return 0, {}
        found = await self._versions.find(call.tenant_id, agent.id, version)
        if found is None:
            raise invalid(f"there is no version {version}", "version", parameter=side)
        return version, found.definition

    async def _agent(self, call: Call[Any, Any]) -> AgentDraft:
        agent = await self._drafts.find(call.tenant_id, call.uuid("id"))
        if agent is None:
            raise call.missing("id")
        return agent
