"""A wrong answer made right: the draft changes and a regression case is added, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias
from uuid import UUID

from actors.domain.errors import TerminalError
from actors.domain.scripts.correcting import first_of_all, with_answer, written_before
from actors.domain.scripts.validation import LONGEST_PHRASE, check_script
from actors.ports.checks import Case, Expectation, NewCase
from storage.accounts.audit import Actor
from storage.authoring.cases import Cases
from storage.authoring.changes import LockedDraft, lock
from storage.authoring.definitions import DefinitionItem
from storage.authoring.drafts import Drafts
from storage.authoring.scripts import Scripts
from storage.authoring.shelves import SCRIPTS, definitions
from storage.postgres import Database


@dataclass(frozen=True, slots=True)
class ScriptChosen:
    """A script of the draft is right: the question becomes one of its phrases."""

    script_id: UUID


@dataclass(frozen=True, slots=True)
class ScriptWritten:
    """A new script is right."""

    definition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PassageChosen:
    """A passage of the draft is right: the question becomes one of those it answers."""

    passage_id: str


@dataclass(frozen=True, slots=True)
class PassageWritten:
    """A new passage is right."""

    passage: Mapping[str, Any]


_BY_KEY = "select id from scripts where agent_id = $1 and key = $2 and deleted_at is null"
MOST_QUESTIONS = 50  # of one passage
Right: TypeAlias = ScriptChosen | ScriptWritten | PassageChosen | PassageWritten


class NotThere(TerminalError):
    """What was chosen is not in the draft, or is switched off."""


class Corrections:
    """Corrections of a tenant's agents; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._scripts = Scripts(database)
        self._drafts = Drafts(database)
        self._cases = Cases(database)

    async def correct(self, tenant_id: UUID, by: Actor, agent_id: UUID, right: Right, new: NewCase) -> Case | None:
        """Change the draft so that it answers rightly, and store the case; its expectation follows from `right` but for handoffs.

        Who corrects the same question again changes what was written, and the case takes the place of the older one.

        None if there is no such agent.

        Raises:
            InvalidDefinition: what was written may not be saved.
            NotThere: what was chosen is not there.
            TooMany: there are as many cases as there may be.
        """
        async with self._database.joined_transaction(tenant_id) as connection:
            draft = await lock(connection, agent_id)
            if draft is None:
                return None
            expected = await self._change(tenant_id, by, draft, right, new.question)
            for older in await self._cases.of_question(tenant_id, agent_id, new.question, new.language):
                await self._cases.set_deleted(tenant_id, by, agent_id, older, deleted=True)
            kept = new.expectation if new.expectation.expects == "handoff" else expected
            return await self._cases.add(tenant_id, by, agent_id, replace(new, expectation=kept))

    async def _change(self, tenant_id: UUID, by: Actor, draft: LockedDraft, right: Right, question: str) -> Expectation:
        match right:
            case ScriptChosen(script_id):
                return await self._listen(tenant_id, by, draft, script_id, question)
            case ScriptWritten(definition):
                return await self._write(tenant_id, by, draft, definition, question)
            case PassageChosen(passage_id):
                return await self._answer(tenant_id, by, draft, passage_id, question)
            case PassageWritten(passage):
                await self._drafts.set_passages(tenant_id, by, draft.agent_id, None, [*draft.passages, passage])
                return Expectation("passage", str(passage["id"]))

    async def _write(self, tenant_id: UUID, by: Actor, draft: LockedDraft, new: Mapping[str, Any], question: str) -> Expectation:
        async with self._database.tenant_transaction(tenant_id) as connection:
            scripts = await definitions(connection, SCRIPTS, draft.agent_id, enabled=True)
            before = written_before(new, scripts)
            known: UUID | None = await connection.fetchval(_BY_KEY, draft.agent_id, before["id"]) if before else None
        definition = first_of_all(with_answer(before, new) if before else new, scripts, question)
        check_script(definition)
        if known is None:
            stored = await self._scripts.create(tenant_id, by, draft.agent_id, definition)
        else:
            stored = await self._scripts.replace(tenant_id, by, draft.agent_id, known, None, definition)
        assert stored is not None  # the draft is locked
        return Expectation("script", stored.key)

    async def _listen(self, tenant_id: UUID, by: Actor, draft: LockedDraft, script_id: UUID, question: str) -> Expectation:
        found = await self._scripts.find(tenant_id, draft.agent_id, script_id)
        if found is None or found.deleted_at or not found.enabled:
            raise NotThere("there is no such script, or it is switched off")
        definition = _with_phrase(found, question)
        check_script(definition, written=False)
        await self._scripts.replace(tenant_id, by, draft.agent_id, script_id, None, definition)
        return Expectation("script", found.key)

    async def _answer(self, tenant_id: UUID, by: Actor, draft: LockedDraft, passage_id: str, question: str) -> Expectation:
        if passage_id not in {passage["id"] for passage in draft.passages}:
            raise NotThere("there is no such passage")
        passages = [_with_question(p, question) if p["id"] == passage_id else p for p in draft.passages]
        await self._drafts.set_passages(tenant_id, by, draft.agent_id, None, passages)
        return Expectation("passage", passage_id)


def phrase_of(question: str) -> str:
    """Return a question as a phrase: as much of its beginning as a phrase may have, in whole words."""
    one_line = " ".join(question.split())
    return one_line if len(one_line) <= LONGEST_PHRASE else one_line[:LONGEST_PHRASE].rpartition(" ")[0] or one_line[:LONGEST_PHRASE]


def _with_phrase(script: DefinitionItem, question: str) -> dict[str, Any]:
    phrases = dict.fromkeys([*script.definition.get("phrases", ()), phrase_of(question)])
    return {**script.definition, "phrases": list(phrases)}


def _with_question(passage: Mapping[str, Any], question: str) -> dict[str, Any]:
    questions = dict.fromkeys([*passage.get("questions", ()), phrase_of(question)])
    return {**passage, "questions": list(questions)[-MOST_QUESTIONS:]}
