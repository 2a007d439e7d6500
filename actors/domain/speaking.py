"""A turn while it is decided, and how it ends: with words, with a handoff, with silence. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from actors.domain.agent.models import Persona
from actors.domain.conversation import Control, ConversationState
from actors.domain.decision import Decision
from actors.domain.effects import Effect, LogActivity, Mode, SendMessage, SetControl, SetTimer, Source
from actors.domain.ids import AgentId, InboxId
from actors.domain.intake import GIVE_BACK
from actors.domain.knowledge.models import NOTHING_FOUND, Findings
from actors.domain.robots import answer as noted_answer
from actors.domain.ruled import Moment
from actors.domain.rules.running import Ran
from actors.domain.scripts.models import NO_MATCH, ScriptMatch
from actors.domain.trace import PromptTrace, Trace


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn while it is decided: its effects so far, and who speaks after them."""

    agent_id: AgentId
    version: int
    persona: Persona
    inbox_ids: tuple[InboxId, ...]
    now: datetime
    control: Control
    state: ConversationState
    effects: tuple[Effect, ...] = ()
    scripts: ScriptMatch = NO_MATCH
    dialogue: Mapping[str, Any] = field(default_factory=dict)  # as traces show it
    findings: Findings = NOTHING_FOUND
    prompt: PromptTrace | None = None
    stages_ms: Mapping[str, float] | None = None
    rules: Ran | None = None
    knowledge: Mapping[str, Any] | None = None
    about: str = ""
    seen: Control | None = None  # who spoke before the turn, if that is not `control`
    asked_at: datetime | None = None  # when the agent was asked
    meanings: Mapping[str, Any] = field(default_factory=dict)  # how alike sentences of scripts are, as traces show it


def moment_of(turn: Turn) -> Moment:
    """Return the turn as rules meet it."""
    return Moment(
        turn.persona, turn.version, turn.state, turn.control, turn.state.language or turn.persona.languages[0], turn.now, turn.about
    )


def noted(turn: Turn) -> ConversationState:
    """Return the state with an automatic answer counted."""
    return replace(turn.state, talk=noted_answer(turn.state.talk, int(turn.now.timestamp())))


def say(
    turn: Turn, text: str, mode: Mode, reason: str = "", sources: tuple[Source, ...] = (), data: Mapping[str, Any] | None = None
) -> Decision:
    """Say it, and nothing else."""
    return send(turn, SendMessage(text, mode, sources), reason, data)


def send(turn: Turn, message: SendMessage, reason: str = "", data: Mapping[str, Any] | None = None) -> Decision:
    """Send a message, and nothing else."""
    mode = message.mode
    said = (message, LogActivity("turn.answered", {"mode": mode, **(data or {})}))
    return Decision(turn.state if mode == "diagnostic" else noted(turn), turn.effects + said, trace_of(turn, mode, reason))


def hand_off(turn: Turn, text: str, reason: str) -> Decision:
    """Pass over to an operator; somebody who waits already is not told again."""
    if turn.control is Control.WAITING:
        return silent(turn, f"waits for an operator; {reason}")
    passed = (SendMessage(text, "handoff"), *waiting(turn.persona, reason))
    return Decision(noted(turn), turn.effects + passed, trace_of(turn, "handoff", reason))


def waiting(persona: Persona, reason: str) -> tuple[Effect, ...]:
    """Return what makes a conversation wait for an operator."""
    passed: tuple[Effect, ...] = (SetControl(Control.WAITING), LogActivity("turn.handed_off", {"reason": reason}))
    if persona.waiting_s:
        passed += (SetTimer(GIVE_BACK, persona.waiting_s, {"from": Control.WAITING.value}),)
    return passed


def silent(turn: Turn, reason: str) -> Decision:
    """Say nothing more."""
    return Decision(turn.state, turn.effects, trace_of(turn, "", reason))


def trace_of(turn: Turn, mode: str, reason: str) -> Trace:
    """Return why the turn went as it did."""
    return Trace(
        agent_id=str(turn.agent_id),
        version=turn.version,
        decided_at=turn.now.isoformat(),
        inputs=turn.inbox_ids,
        control=turn.control.value,
        language=turn.state.language,
        mode=mode,
        reason=reason,
        scripts=turn.scripts,
        dialogue=turn.dialogue,
        findings=turn.findings,
        prompt=turn.prompt,
        stages_ms=turn.stages_ms or {},
        rules=turn.rules.told if turn.rules else {},
        knowledge=turn.knowledge or {},
        seen=turn.seen.value if turn.seen and turn.seen is not turn.control else "",
        asked_at=turn.asked_at.isoformat() if turn.asked_at and turn.asked_at != turn.now else "",
        meanings=turn.meanings,
    )
