"""Scripts of an agent's draft: searched, written, tried, exported and imported."""

import asyncio
from collections.abc import Sequence
from typing import Any

from actors.domain.agent.models import read_persona
from actors.domain.errors import TerminalError, TransientError
from actors.domain.ids import TenantId
from actors.domain.knowledge.likeness import NOT_COMPARED, Likeness
from actors.domain.scripts.engine import ScriptIndex
from actors.domain.scripts.meaning import Meant, likeness_of, matched, may_mean
from actors.domain.scripts.models import ScriptMatch
from actors.domain.scripts.validation import check_script, check_scripts
from actors.domain.text import language_of, words
from actors.ports.knowledge import Knowledge, Question
from gateway import ids
from gateway.api.authored import refusals
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number
from gateway.schemas.scripts import (
    ImportView,
    ScriptBody,
    ScriptPage,
    ScriptQuery,
    ScriptsDocument,
    ScriptsImport,
    ScriptView,
    TryBody,
    TryView,
    definitions_of,
    script_of,
    script_view,
    scripts_document,
    try_view,
)
from storage.authoring.definitions import DefinitionItem
from storage.authoring.drafts import AgentDraft, Drafts
from storage.authoring.scripts import ScriptFilter, Scripts
from storage.postgres import Database

_ALL, _ONE = "/api/agents/{id}/scripts", "/api/agents/{id}/scripts/{script_id}"
TRIED = 1_000  # scripts listed with how they fared; the others are counted


class ScriptsApi:
    """The scripts of the agents of the caller's tenant."""

    def __init__(self, database: Database, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._drafts = Drafts(database)
        self._scripts = Scripts(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", _ALL, self.list, level="viewer", tag="scripts", query=ScriptQuery, answer=ScriptPage),
            Operation(
                "POST",
                _ALL,
                self.create,
                level="admin",
                tag="scripts",
                body=ScriptBody,
                answer=ScriptView,
                status=201,
                idempotent=True,
                also=(409,),
            ),
            Operation("POST", f"{_ALL}/try", self.try_out, level="viewer", tag="scripts", body=TryBody, answer=TryView),
            Operation("GET", f"{_ALL}/export", self.export, level="viewer", tag="scripts", answer=ScriptsDocument),
            Operation(
                "POST", f"{_ALL}/import", self.take_in, level="admin", tag="scripts", body=ScriptsImport, answer=ImportView, idempotent=True
            ),
            Operation("GET", _ONE, self.one, level="viewer", tag="scripts", answer=ScriptView),
            Operation(
                "PUT", _ONE, self.replace, level="admin", tag="scripts", body=ScriptBody, answer=ScriptView, versioned=True, also=(409,)
            ),
            Operation("DELETE", _ONE, self.delete, level="admin", tag="scripts", status=204, versioned=True),
            Operation("POST", f"{_ONE}/restore", self.restore, level="admin", tag="scripts", answer=ScriptView),
        ]

    async def list(self, call: Call[None, ScriptQuery]) -> Answer:
        """List scripts in the order in which equals match; `deleted` lists those that can be restored."""
        agent, query = await self._agent(call), call.query
        where = ScriptFilter(query.q, query.enabled, query.language, query.deleted)
        found = await self._scripts.search(call.tenant_id, agent.id, where, after_number(call.page) or 0, call.page.limit + 1)
        return call.listed(ScriptPage, found, script_view, lambda last: last.position)

    async def create(self, call: Call[ScriptBody]) -> Answer:
        """Add a script behind the others."""
        agent_id = call.uuid("id")
        definition = call.body.definition(_fresh_key())
        with refusals():
            check_script(definition)
            created = await self._scripts.create(call.tenant_id, call.caller.actor, agent_id, definition)
        if created is None:
            raise call.missing("id")
        headers = {"Location": f"/api/agents/{agent_id}/scripts/{created.id}"}
        return Answer(script_view(created), etag=created.version, headers=headers)

    async def one(self, call: Call) -> Answer:
        """Show a script, deleted or not."""
        return _shown(call, await self._scripts.find(call.tenant_id, call.uuid("id"), call.uuid("script_id")))

    async def replace(self, call: Call[ScriptBody]) -> Answer:
        """Replace a script as a whole; customers get it when the draft is published."""
        agent_id, script_id = call.uuid("id"), call.uuid("script_id")
        known = await self._scripts.find(call.tenant_id, agent_id, script_id)
        if known is None:
            raise call.missing()
        definition = call.body.definition(known.key)
        with refusals():
            check_script(definition)
            replaced = await self._scripts.replace(call.tenant_id, call.caller.actor, agent_id, script_id, call.if_match, definition)
        return _shown(call, replaced)

    async def delete(self, call: Call) -> Answer:
        """Delete a script; `restore` undoes it."""
        agent_id, script_id = call.uuid("id"), call.uuid("script_id")
        with refusals():
            deleted = await self._scripts.delete(call.tenant_id, call.caller.actor, agent_id, script_id, call.if_match)
        if deleted is None:
            raise call.missing()
        return Answer(etag=deleted.version)

    async def restore(self, call: Call) -> Answer:
        """Bring a deleted script back to its place; one that is there stays as it is."""
        agent_id, script_id = call.uuid("id"), call.uuid("script_id")
        return _shown(call, await self._scripts.restore(call.tenant_id, call.caller.actor, agent_id, script_id))

    async def try_out(self, call: Call[TryBody]) -> Answer:
        """Try a text against the scripts of the draft: which one answers, and why the others do not. Nothing is stored."""
        agent, body = await self._agent(call), call.body
        items = await self._scripts.all(call.tenant_id, agent.id)
        language = body.language or language_of(words(body.text).folded, "", read_persona(agent.persona, "", []).languages)
        match, meant = await asyncio.to_thread(_match, items, body.text, language)  # thousands of scripts take a while
        likeness = await self._likeness(call.tenant_id, body.text, meant) if meant else NOT_COMPARED
        return Answer(try_view(items, matched(match, meant, likeness), likeness, language))

    async def _likeness(self, tenant_id: TenantId, text: str, meant: Meant) -> Likeness:
        """Compare with the sentences of all scripts, also where words match already: who tries wants to see how near they are."""
        try:
            answer = await self._knowledge.search(Question(tenant_id, (), text, sentences=meant.sentences))
        except (TransientError, TerminalError) as error:
            return Likeness(why=str(error))
        return likeness_of(meant, answer.compared)

    async def export(self, call: Call) -> Answer:
        """Return all scripts as one document, which `import` takes in as it is."""
        agent = await self._agent(call)
        return Answer(scripts_document(await self._scripts.all(call.tenant_id, agent.id)))

    async def take_in(self, call: Call[ScriptsImport]) -> Answer:
        """Import scripts by their keys: new ones are added, known ones replaced, deleted ones brought back."""
        definitions = definitions_of(call.body)
        with refusals():
            await asyncio.to_thread(check_scripts, definitions)  # thousands of scripts take a while
        agent_id = call.uuid("id")
        if not await self._scripts.put(call.tenant_id, call.caller.actor, agent_id, definitions, replace=call.body.replace):
            raise call.missing()
        return Answer(ImportView(imported=len(definitions)))

    async def _agent(self, call: Call[Any, Any]) -> AgentDraft:
        agent = await self._drafts.find(call.tenant_id, call.uuid("id"))
        if agent is None:
            raise call.missing("id")
        return agent


def _shown(call: Call[Any, Any], script: DefinitionItem | None) -> Answer:
    if script is None:
        raise call.missing()
    return Answer(script_view(script), etag=script.version)


def _match(items: Sequence[DefinitionItem], text: str, language: str) -> tuple[ScriptMatch, Meant | None]:
    index = ScriptIndex(script_of(item) for item in items)
    return index.match(text, language, listed=TRIED), may_mean(index, language, None)


def _fresh_key() -> str:
    return f"s-{ids.request_id()[:8]}"
