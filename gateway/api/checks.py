"""Checks of an agent: listed, written, deleted, run; and corrections, which change the draft and add a check."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from actors.domain.agent.models import read_persona
from actors.domain.text import language_of, words
from actors.ports.checks import Case, Expectation, NewCase
from gateway import ids
from gateway.api.authored import refusals
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number
from gateway.api.versions_asked import version_asked
from gateway.check_runs import CheckRuns
from gateway.problems import Problem, invalid
from gateway.schemas.checks import (
    CheckBody,
    CheckPage,
    CheckQuery,
    ChecksRunBody,
    ChecksRunView,
    CheckView,
    CorrectionBody,
    RightHandoff,
    RightNewPassage,
    RightNewScript,
    RightPassage,
    RightScript,
    check_view,
    new_case,
    run_view,
)
from storage.authoring.cases import Cases, TooMany
from storage.authoring.corrections import (
    Corrections,
    NotThere,
    PassageChosen,
    PassageWritten,
    Right,
    ScriptChosen,
    ScriptWritten,
    phrase_of,
)
from storage.authoring.drafts import AgentDraft, Drafts
from storage.authoring.versions import Versions
from storage.postgres import Database

_AGENT = "/api/agents/{id}"
_ALL, _ONE = f"{_AGENT}/checks", f"{_AGENT}/checks/{{check_id}}"
_TITLE = 200  # characters of a name


class ChecksApi:
    """The checks of the agents of the caller's tenant."""

    def __init__(self, database: Database, runs: CheckRuns) -> None:
        self._drafts = Drafts(database)
        self._versions = Versions(database)
        self._cases = Cases(database)
        self._corrections = Corrections(database)
        self._runs = runs

    def operations(self) -> list[Operation]:
        """Return the operations."""
        tag = "checks"
        adds: dict[str, Any] = {"level": "admin", "tag": tag, "answer": CheckView, "status": 201, "idempotent": True, "also": (409,)}
        return [
            Operation("GET", _ALL, self.list, level="viewer", tag=tag, query=CheckQuery, answer=CheckPage),
            Operation("POST", _ALL, self.add, body=CheckBody, **adds),
            Operation("POST", f"{_ALL}/run", self.run, level="admin", tag=tag, body=ChecksRunBody, answer=ChecksRunView),
            Operation("DELETE", _ONE, self.delete, level="admin", tag=tag, status=204),
            Operation("POST", f"{_ONE}/restore", self.restore, level="admin", tag=tag, answer=CheckView),
            Operation("POST", f"{_AGENT}/corrections", self.correct, body=CorrectionBody, **adds),
        ]

    async def list(self, call: Call[None, CheckQuery]) -> Answer:
        """List checks with their last outcomes; `deleted` lists those that can be restored."""
        agent = await self._agent(call)
        after = after_number(call.page) or 0
        found = await self._cases.page(call.tenant_id, agent.id, after, call.page.limit + 1, deleted=call.query.deleted)
        return call.listed(CheckPage, found, check_view, lambda last: last.position)

    async def add(self, call: Call[CheckBody]) -> Answer:
        """Add a check; the draft stays as it is."""
        agent = await self._agent(call)
        with _refusals():
            case = await self._cases.add(call.tenant_id, call.caller.actor, agent.id, new_case(call.body))
        if case is None:
            raise call.missing()
        return Answer(check_view(case))

    async def run(self, call: Call[ChecksRunBody]) -> Answer:
        """Run all checks on a version, beside what is published. No model is asked, nothing but the outcomes is stored."""
        agent = await self._agent(call)
        version = await version_asked(self._versions, call, agent, call.body.version)
        return Answer(run_view(await self._runs.run(call.tenant_id, agent, version)))

    async def delete(self, call: Call) -> Answer:
        """Delete a check; `restore` undoes it."""
        await self._set_deleted(call, deleted=True)
        return Answer()

    async def restore(self, call: Call) -> Answer:
        """Bring a deleted check back; one that is there stays as it is."""
        return Answer(check_view(await self._set_deleted(call, deleted=False)))

    async def correct(self, call: Call[CorrectionBody]) -> Answer:
        """Say what would have been the right answer: the draft changes so that it gives it, and a check is added.

        The check is run on the draft at once: its outcome says whether the correction does what it should. Customers get it when the
        draft is published.
        """
        agent, body = await self._agent(call), call.body
        language = body.language or language_of(words(body.question).folded, "", read_persona(agent.persona, "", []).languages)
        expectation = Expectation("handoff") if isinstance(body.right, RightHandoff) else Expectation("text")
        new = NewCase(body.question, body.language, expectation, _message_id(body))
        with refusals(), _refusals():
            case = await self._corrections.correct(call.tenant_id, call.caller.actor, agent.id, _right(body, language), new)
        if case is None:
            raise call.missing()
        try:
            version = await version_asked(self._versions, call, agent, "draft")
        except Problem:  # the draft has other faults; the correction is stored all the same
            return Answer(check_view(case))
        run = await self._runs.run_one(call.tenant_id, agent, version, case)
        return Answer(check_view(case, run, version))

    async def _set_deleted(self, call: Call[Any, Any], *, deleted: bool) -> Case:
        agent_id, case_id = call.uuid("id"), call.uuid("check_id")
        case = await self._cases.set_deleted(call.tenant_id, call.caller.actor, agent_id, case_id, deleted=deleted)
        if case is None:
            raise call.missing()
        return case

    async def _agent(self, call: Call[Any, Any]) -> AgentDraft:
        agent = await self._drafts.find(call.tenant_id, call.uuid("id"))
        if agent is None:
            raise call.missing("id")
        return agent


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except TooMany as error:
        raise Problem(409, str(error), reason="too-many") from None
    except NotThere as error:
        raise invalid(str(error), "not_there", pointer="/right") from None


def _right(body: CorrectionBody, language: str) -> Right:
    """Return what the draft is to become."""
    name = body.question[:_TITLE].strip()
    match body.right:
        case RightScript(script_id=script_id):
            return ScriptChosen(UUID(str(script_id)))
        case RightNewScript(text=text, name=given):
            return ScriptWritten(_script(body, given or name, answer={language: text}))
        case RightHandoff():
            return ScriptWritten(_script(body, name, handoff=True))
        case RightPassage(passage_id=passage_id):
            return PassageChosen(passage_id)
        case RightNewPassage(text=text, title=given):
            passage = {"id": f"p-{ids.request_id()[:8]}", "title": given or name, "text": text, "language": body.language}
            return PassageWritten({**passage, "questions": [phrase_of(body.question)]})


def _script(body: CorrectionBody, name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"s-{ids.request_id()[:8]}", "name": name, "phrases": [phrase_of(body.question)], **more}


def _message_id(body: CorrectionBody) -> int | None:
    number = int(body.message_id) if body.message_id else None
    return number if number is None or number < 2**63 else None
