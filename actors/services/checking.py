"""Regression cases run on a version: asked as the first words of a conversation, decided purely, and compared. No model is asked."""

from dataclasses import replace
from datetime import datetime

from actors.domain.agent.engine import worth_asking
from actors.domain.agent.models import AgentOutcome, AgentRequest
from actors.domain.catalogue import Catalogue
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import SendMessage
from actors.domain.ids import InboxId, TenantId
from actors.domain.messages import InboundMessage
from actors.domain.sequences.models import Hours
from actors.domain.text import fold
from actors.domain.turn import conclude, decide
from actors.ports.checks import CaseRun, Expectation, Said
from actors.services.documents import PASSAGES, Documents

_CHANNEL = "test"  # where robots are not suspected: cases say the same again and again


class Checking:
    """Runs cases.

    Args of the constructor: `documents` as hosts search them; `asks`: the installation has a model, which answers what no script does.
    """

    def __init__(self, documents: Documents, *, asks: bool) -> None:
        self._documents = documents
        self._asks = asks

    async def run(
        self, tenant_id: TenantId, catalogue: Catalogue, question: str, language: str, expected: Expectation, now: datetime
    ) -> CaseRun:
        """Ask one question and say whether the answer is the expected one."""
        catalogue = replace(catalogue, persona=replace(catalogue.persona, hours=Hours()))  # what is said, not when
        view = ConversationView(ConversationState(language=language), Control.BOT, _CHANNEL, "once")
        message = InboundMessage(InboxId(0), now, question, language=language or None)
        decided = decide(view, (message,), catalogue, now)
        if isinstance(decided, Decision):
            return _judged(expected, _said(decided))
        outcome = await self._outcome(tenant_id, decided)
        if why := _not_asked(outcome):
            return CaseRun("open", Said("", reason=why))  # that says nothing about the answer
        if self._asks and worth_asking(decided, outcome):
            return _left_to_the_model(expected, outcome)
        return _judged(expected, _said(conclude(view, decided, outcome, now)))

    async def _outcome(self, tenant_id: TenantId, request: AgentRequest) -> AgentOutcome:
        outcome = AgentOutcome(request.index.search_words(request.words, PASSAGES, request.language))
        if self._documents.wanted(request, outcome.findings):
            outcome = await self._documents.search(tenant_id, request, outcome, unsure=self._asks)
        return outcome


def _not_asked(outcome: AgentOutcome) -> str:
    """Return why meaning could not be compared or documents not be asked; empty if they were."""
    return outcome.likeness.why or ("" if "verdict" in outcome.knowledge else str(outcome.knowledge.get("why", "")))


def _said(decided: Decision) -> Said:
    sent = [effect for effect in decided.effects if isinstance(effect, SendMessage)]
    winner = decided.trace.scripts.winner
    return Said(
        decided.trace.mode,
        "\n\n".join([effect.text for effect in sent]),
        winner.script.id if winner else "",
        tuple(dict.fromkeys([source.id for effect in sent for source in effect.sources])),
        decided.trace.reason,
    )


def _judged(expected: Expectation, said: Said) -> CaseRun:
    return CaseRun("passed" if _fits(expected, said) else "failed", said)


def _fits(expected: Expectation, said: Said) -> bool:
    match expected.expects:
        case "script":
            return said.script == expected.value
        case "passage":  # a list to choose from is no answer yet
            return said.mode != "choices" and said.sources[:1] == (expected.value,)
        case "handoff":
            return said.mode == "handoff"
        case "text":
            return fold(expected.value) in fold(said.text)


def _left_to_the_model(expected: Expectation, outcome: AgentOutcome) -> CaseRun:
    """Judge what can be known of an answer that a model would make: which passages it is shown, and that no script answers."""
    shown = _ids(outcome)
    said = Said("model", sources=shown)
    if expected.expects == "passage":
        return CaseRun("passed" if expected.value in shown else "failed", said)
    return CaseRun("failed" if expected.expects == "script" else "open", said)


def _ids(outcome: AgentOutcome) -> tuple[str, ...]:
    findings = outcome.findings
    return tuple([found.passage.id for found in findings.found]) if findings.verdict != "no" else ()
