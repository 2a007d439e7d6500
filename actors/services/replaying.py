"""Recorded conversations decided again by another version: pure decisions on recorded inputs, times and answers of models.

Nothing is committed, sent or called, and no model is asked. Documents are searched as they are now.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from actors.domain import sequenced, standing
from actors.domain.agent.engine import HANDOFF_WORD, build_prompt, worth_asking
from actors.domain.agent.models import AgentOutcome, AgentRequest, Persona, Said
from actors.domain.agent.summary import Summary
from actors.domain.agent.tools import REFUSED, SEARCH, Called
from actors.domain.catalogue import Catalogue
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import SetControl
from actors.domain.knowledge.likeness import NOT_COMPARED
from actors.domain.knowledge.models import together
from actors.domain.messages import InboundMessage, Input, TimerFired
from actors.domain.scripts.meaning import recorded
from actors.domain.turn import STOPPED, conclude, decide
from actors.ports.conversations import ConversationRecord
from actors.ports.replays import RecordedConversation, RecordedTurn, ReplayedConversation, ReplayedTurn
from actors.services.documents import PASSAGES, Documents
from actors.services.reading import Reader
from actors.services.replay_history import Past, Recording
from actors.services.replay_sides import difference, side_now, side_then, unknown

Personas = Mapping[tuple[str, int], Persona]  # of the versions that spoke then, by agent and number


@dataclass(frozen=True, slots=True)
class Replayer:
    """Decides with one version.

    Args:
        catalogue: the version.
        personas: of the versions that spoke then: where they asked a model otherwise, its answer says nothing.
        reader: reads rows as hosts do.
        documents: as hosts search them.
        asks: the installation has a model.
    """

    catalogue: Catalogue
    personas: Personas
    reader: Reader
    documents: Documents
    asks: bool

    def begin(self, recorded: RecordedConversation) -> "Replay":
        """Return the replay of one conversation."""
        return Replay(self, recorded)


class Replay:
    """One conversation while it is replayed; its state goes on from turn to turn."""

    def __init__(self, by: Replayer, recorded: RecordedConversation) -> None:
        self._by = by
        self._recorded = recorded
        self._record: ConversationRecord = recorded.record
        self._recording = Recording(recorded)
        self._past = Past(self._recording)
        self._state = _first_state(recorded)
        self._control = Control.BOT
        self._done: list[ReplayedTurn] = []

    @property
    def left(self) -> bool:
        """Return whether there are turns to go."""
        return len(self._done) < len(self._recorded.turns)

    def result(self) -> ReplayedConversation:
        """Return what came of it so far."""
        return ReplayedConversation(self._record.id, self._recorded.title, tuple(self._done))

    async def step(self) -> None:
        """Replay the next turn."""
        turn = self._recorded.turns[len(self._done)]
        inputs, _ = self._by.reader.read(self._record, turn.rows)
        self._past.before(turn.turn_id)
        why = _why_not(turn, inputs)
        if not why and turn.trace.get("mode") == "step" and not self._enrolled(inputs):
            why = "started_by_people"
        if not why and not self._asked_for(turn, inputs):
            why = "asked_by_people"
        if why:
            self._past.as_recorded(turn.turn_id)
            self._note(turn, inputs, None, why=why)
            return
        view = self._view(turn)
        decided = decide(view, inputs, self._by.catalogue, _time(turn, "asked_at") or _decided_at(turn))
        known = True
        if isinstance(decided, AgentRequest):
            outcome, known = await self._outcome(turn, decided)
            decided = conclude(view, decided, outcome, _decided_at(turn))
        self._take(turn, inputs, decided, known=known)

    def _take(self, turn: RecordedTurn, inputs: tuple[Input, ...], decided: Decision, *, known: bool) -> None:
        self._state = replace(decided.state, silent=False)
        control = next((effect.control for effect in reversed(decided.effects) if isinstance(effect, SetControl)), _seen(turn))
        self._control = control
        self._past.after(turn.turn_id, inputs, decided if known else None)
        self._note(turn, inputs, decided, known=known)

    def _note(self, turn: RecordedTurn, inputs: tuple[Input, ...], decided: Decision | None, *, known: bool = True, why: str = "") -> None:
        then, now = side_then(turn, self._recording.of(turn.turn_id)), None
        if decided is not None:
            now = side_now(decided) if known else unknown(decided)
        differs = () if now is None else difference(then, now, words=known)
        asked = tuple([item.text for item in inputs if isinstance(item, InboundMessage)])
        outcome = "skipped" if now is None else "asked" if not known else "differs" if differs else "same"
        number = self._recorded.forgotten + len(self._done) + 1
        self._done.append(ReplayedTurn(number, turn.turn_id, turn.at, outcome, asked, then, now, differs, why))  # type: ignore[arg-type]

    def _view(self, turn: RecordedTurn) -> ConversationView:
        """Return the conversation before the turn: the state as replayed, and who spoke as recorded."""
        seen = _seen(turn)
        if self._control is Control.BOT and seen is not Control.BOT:
            self._state = sequenced.taken_over(self._state, _decided_at(turn))
        if seen is Control.HUMAN:
            self._state = replace(self._state, open={}, dialogue={})
        silent = turn.trace.get("reason") == STOPPED
        return ConversationView(replace(self._state, silent=silent), seen, self._record.channel, self._record.reply_policy)

    def _enrolled(self, inputs: tuple[Input, ...]) -> bool:
        """Return whether the steps that are due belong to sequences that the replayed turns began."""
        due = [str(item.payload.get("key")) for item in inputs if isinstance(item, TimerFired) and item.kind == sequenced.DUE]
        return all(key in self._state.enrolled for key in due)

    def _asked_for(self, turn: RecordedTurn, inputs: tuple[Input, ...]) -> bool:
        """Return whether what people wanted answered stands open in the replay, too, if it did: storage changes that as well."""
        asked = [item for item in inputs if isinstance(item, TimerFired) and item.kind == standing.ANSWER]
        return all(bool(standing.reopened(self._state, item)) == bool(turn.trace.get("mode")) for item in asked)

    async def _outcome(self, turn: RecordedTurn, request: AgentRequest) -> tuple[AgentOutcome, bool]:
        """Return what the agent comes back with, and whether that is known: a model that would be asked anew is not asked."""
        prompted: Mapping[str, Any] = turn.trace.get("prompt") or {}
        known = recorded(request.meant, turn.trace.get("meanings") or {}) if request.meant else None
        findings = request.index.search_words(request.words, PASSAGES, request.language)
        outcome = AgentOutcome(findings, likeness=known or NOT_COMPARED)  # how alike it was is a fact of then
        unknown_yet = replace(request, meant=None) if known else request
        if self._by.documents.wanted(unknown_yet, findings):
            outcome = await self._search(turn, unknown_yet, outcome, unsure=self._by.asks or bool(prompted))
        if request.picked is not None or not worth_asking(request, outcome) or not (prompted or self._by.asks):
            return outcome, True
        prompt = build_prompt(request, outcome.findings, self._past.messages())
        if prompted.get("reference") == prompt.reference and self._asked_alike(turn, request.persona):
            said, calls = self._said(turn), _calls(prompted, request.persona)
            for call in calls:
                if call.name == SEARCH and said is not None:
                    again = await self._by.documents.look_again(self._record.tenant_id, request, call.arguments["query"])
                    outcome = replace(outcome, findings=together(outcome.findings, again))
            failure = str(prompted.get("failure", ""))
            told = prompted.get("summary")
            summary = Summary(*told) if told else None
            return replace(outcome, said=said, failure=failure, prompt=prompt.reference, calls=calls, summary=summary), True
        if not self._by.asks:
            return outcome, True  # without a model, passages answer
        # What it would say and call is not known; that it was what it was then is the best guess for the state of later turns.
        return replace(outcome, said=self._said(turn) if prompted else Said("", ""), calls=_calls(prompted, request.persona)), False

    async def _search(self, turn: RecordedTurn, request: AgentRequest, outcome: AgentOutcome, *, unsure: bool) -> AgentOutcome:
        told: Mapping[str, Any] = turn.trace.get("knowledge") or {}
        if told.get("why") and "verdict" not in told:  # nobody could say what the documents hold; that is repeated, too
            outcome, request = replace(outcome, knowledge={"why": told["why"]}), replace(request, knowledge=())
            if not self._by.documents.wanted(request, outcome.findings):
                return outcome
        return await self._by.documents.search(self._record.tenant_id, request, outcome, unsure=unsure)

    def _said(self, turn: RecordedTurn) -> Said | None:
        """Return what the model answered then; None if it failed."""
        prompted = turn.trace["prompt"]
        if prompted.get("failure"):
            return None
        texts = [message.text for message in self._recording.of(turn.turn_id) if message.mode == "model"]
        wanted_a_person = "the model asked for a person" in str(turn.trace.get("reason", ""))
        return Said(texts[0] if texts else HANDOFF_WORD if wanted_a_person else "", str(prompted.get("model", "")))

    def _asked_alike(self, turn: RecordedTurn, now: Persona) -> bool:
        """Return whether the version that spoke then would have asked the same model in the same way."""
        then = self._by.personas.get((str(turn.trace.get("agent_id")), int(turn.trace.get("version", 0))))
        return then is not None and _manner(then) == _manner(now)


def _calls(prompted: Mapping[str, Any], persona: Persona) -> tuple[Called, ...]:
    """Return the tools that the model asked for then."""
    tools = {tool.name for tool in persona.tools}
    found = [(str(name), given, str(came)) for name, given, came in prompted.get("calls", ())]
    return tuple([Called(name, given, came, accepted=name in tools and not came.startswith(REFUSED)) for name, given, came in found])


def _manner(persona: Persona) -> tuple[Any, ...]:
    return persona.model, persona.fallback_model, persona.temperature, persona.strict, persona.max_tokens


def _first_state(recorded: RecordedConversation) -> ConversationState:
    """Return the state before the first turn; what forgotten ones made of it is not known but for the language."""
    if not recorded.forgotten or not recorded.turns:
        return ConversationState()
    return ConversationState(language=str(recorded.turns[0].trace.get("language", "")), turns=recorded.forgotten)


def _why_not(turn: RecordedTurn, inputs: tuple[Input, ...]) -> str:
    """Return why a turn cannot be replayed; empty if it can."""
    trace = turn.trace
    if trace.get("mode") == "operator":
        return "operator"
    if str(trace.get("reason", "")).startswith("dead letter"):
        return "dead_letter"
    if not trace.get("version"):
        return "unreadable"
    if len(turn.rows) != len(trace.get("inputs", ())):
        return "input_gone"
    return "" if inputs else "unreadable"


def _seen(turn: RecordedTurn) -> Control:
    return Control(turn.trace.get("seen") or turn.trace.get("control") or "bot")


def _decided_at(turn: RecordedTurn) -> datetime:
    return _time(turn, "decided_at") or turn.at


def _time(turn: RecordedTurn, name: str) -> datetime | None:
    told = turn.trace.get(name)
    return datetime.fromisoformat(told) if told else None
