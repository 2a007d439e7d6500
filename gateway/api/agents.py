"""Agents as people edit them: drafts, passages, the archive. What customers get is a published version: agent_versions.py."""

from collections.abc import Mapping
from typing import Any

from actors.domain.agent.tools import read_tool
from actors.domain.errors import InvalidDefinition
from gateway.api.authored import refusals
from gateway.api.named import NamedThings
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_uuid
from gateway.schemas.agents import (
    AgentCopy,
    AgentCreate,
    AgentPage,
    AgentPatch,
    AgentQuery,
    AgentView,
    PassagesBody,
    PassagesView,
    agent_item,
    agent_view,
    passages_of,
    passages_view,
)
from storage.authoring.drafts import AgentDraft, Drafts
from storage.postgres import Database

_ALL, _ONE = "/api/agents", "/api/agents/{id}"


class AgentsApi:
    """The agents of the caller's tenant."""

    def __init__(self, database: Database) -> None:
        self._drafts = Drafts(database)
        self._named = NamedThings(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        passages = f"{_ONE}/passages"
        return [
            Operation("GET", _ALL, self.list, level="viewer", tag="agents", query=AgentQuery, answer=AgentPage),
            Operation(
                "POST", _ALL, self.create, level="admin", tag="agents", body=AgentCreate, answer=AgentView, status=201, idempotent=True
            ),
            Operation("GET", _ONE, self.one, level="viewer", tag="agents", answer=AgentView),
            Operation("PATCH", _ONE, self.change, level="admin", tag="agents", body=AgentPatch, answer=AgentView, versioned=True),
            Operation("DELETE", _ONE, self.archive, level="admin", tag="agents", status=204, versioned=True, also=(409,)),
            Operation("POST", f"{_ONE}/restore", self.restore, level="admin", tag="agents", answer=AgentView),
            Operation(
                "POST",
                f"{_ONE}/duplicate",
                self.duplicate,
                level="admin",
                tag="agents",
                body=AgentCopy,
                answer=AgentView,
                status=201,
                idempotent=True,
            ),
            Operation("GET", passages, self.passages, level="viewer", tag="agents", answer=PassagesView),
            Operation(
                "PUT", passages, self.set_passages, level="admin", tag="agents", body=PassagesBody, answer=PassagesView, versioned=True
            ),
        ]

    async def list(self, call: Call[None, AgentQuery]) -> Answer:
        """List agents, oldest first."""
        after = after_uuid(call.page)
        found = await self._drafts.page(call.tenant_id, after, call.page.limit + 1, archived=call.query.archived)
        return call.listed(AgentPage, found, agent_item, lambda last: str(last.id))

    async def create(self, call: Call[AgentCreate]) -> Answer:
        """Create an agent with a draft and a test chat; nothing is published yet."""
        persona = {"name": call.body.name, **{name: value for name, value in call.body.persona.given().items() if value is not None}}
        with refusals():
            return _created(await self._drafts.create(call.tenant_id, call.caller.actor, call.body.name, persona))

    async def one(self, call: Call) -> Answer:
        """Show an agent with its draft, archived or not."""
        return _shown(call, await self._drafts.find(call.tenant_id, call.uuid("id")))

    async def change(self, call: Call[AgentPatch]) -> Answer:
        """Change the draft of an agent. Its name changes at once, all else when the draft is published."""
        given = call.body.persona.given()
        with refusals():
            await self._check(call, given)
            changed = await self._drafts.change(call.tenant_id, call.caller.actor, call.uuid("id"), call.if_match, call.body.name, given)
        return _shown(call, changed)

    async def archive(self, call: Call) -> Answer:
        """Put an agent into the archive; `restore` undoes it. 409 while customers reach it over a channel."""
        with refusals():
            archived = await self._drafts.archive(call.tenant_id, call.caller.actor, call.uuid("id"), call.if_match)
        if archived is None:
            raise call.missing()
        return Answer()

    async def restore(self, call: Call) -> Answer:
        """Take an agent out of the archive; one that is in use stays as it is."""
        return _shown(call, await self._drafts.restore(call.tenant_id, call.caller.actor, call.uuid("id")))

    async def duplicate(self, call: Call[AgentCopy]) -> Answer:
        """Copy an agent: draft and scripts, without versions and channels."""
        copy = await self._drafts.duplicate(call.tenant_id, call.caller.actor, call.uuid("id"), call.body.name)
        if copy is None:
            raise call.missing()
        return _created(copy)

    async def passages(self, call: Call) -> Answer:
        """Show the passages of the draft: pieces of knowledge that answers may use."""
        found = await self._drafts.passages(call.tenant_id, call.uuid("id"))
        if found is None:
            raise call.missing()
        return Answer(passages_view(found), etag=found.version)

    async def set_passages(self, call: Call[PassagesBody]) -> Answer:
        """Replace the passages of the draft. The version is the agent's: changing its persona changes it, too."""
        agent_id = call.uuid("id")
        with refusals():
            stored = await self._drafts.set_passages(call.tenant_id, call.caller.actor, agent_id, call.if_match, passages_of(call.body))
        if stored is None:
            raise call.missing()
        return Answer(passages_view(stored), etag=stored.version)

    async def _check(self, call: Call[AgentPatch], given: Mapping[str, Any]) -> None:
        tools = [read_tool(raw, "", []) for raw in given.get("tools") or ()]
        acts = [(f"persona.tools[{n}].actions[{m}]", action) for n, tool in enumerate(tools) for m, action in enumerate(tool.actions)]
        if problems := await self._named.problems(call.tenant_id, call.uuid("id"), acts):
            raise InvalidDefinition(problems)


def _shown(call: Call[Any, Any], draft: AgentDraft | None) -> Answer:
    if draft is None:
        raise call.missing()
    # As a plain header: publishing and scripts change what is shown, but not the version, so nothing may answer 304 for it.
    return Answer(agent_view(draft), headers={"ETag": f'"{draft.version}"'})


def _created(draft: AgentDraft) -> Answer:
    return Answer(agent_view(draft), etag=draft.version, headers={"Location": f"/api/agents/{draft.id}"})
