"""What scripts say in a turn: an answer, the beginning of a dialogue, or how one goes on. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from actors.domain.asked import is_start, match_scripts
from actors.domain.conversation import Control, ConversationState
from actors.domain.effects import Attachment, Button, Effect, SetControl
from actors.domain.fields import LONGEST_TEXT, pick
from actors.domain.messages import InboundMessage
from actors.domain.rules.crm import filled
from actors.domain.rules.facts import Facts
from actors.domain.rules.running import MOST_VARIABLES
from actors.domain.scripts.dialogue import Heard, Position, Said, begin, hear, labels, question, why_over
from actors.domain.scripts.engine import ScriptIndex
from actors.domain.scripts.models import NO_MATCH, Script, ScriptMatch, Winner
from actors.domain.scripts.steps import FINISH
from actors.domain.text import words

ELSEWHERE = "another script answered"
_REASONS: Mapping[str, str] = {
    "asked": "the dialogue goes on",
    "repeated": "the answer was not understood",
    "finished": "the dialogue is finished",
    "left": "the dialogue was left",
}


@dataclass(frozen=True, slots=True)
class Scripted:
    """What a script says. `handoff`: and then people take over; an empty text leaves the words to the agent."""

    script: str
    text: str
    state: ConversationState
    reason: str = ""
    handoff: bool = False
    scripts: ScriptMatch = NO_MATCH
    told: Mapping[str, Any] = field(default_factory=dict)
    buttons: tuple[Button, ...] = ()
    attachment: Attachment | None = None


def current(state: ConversationState, scripts: ScriptIndex, control: Control, now: datetime) -> tuple[ConversationState, Mapping[str, Any]]:
    """Return the state without a dialogue that is over, and what traces say of that."""
    if not state.dialogue:
        return state, {}
    position = Position.from_json(state.dialogue)
    why = "a person has the conversation" if control is Control.HUMAN else why_over(scripts.find(position.script), position, now)
    return (replace(state, dialogue={}), {"script": position.script, "step": position.step, "why": why}) if why else (state, {})


def ended(state: ConversationState, effects: Sequence[Effect]) -> ConversationState:
    """Return the state after a turn: who passes a conversation over ends its dialogue."""
    passed = any(isinstance(effect, SetControl) and effect.control is not Control.BOT for effect in effects)
    return replace(state, dialogue={}) if passed and state.dialogue else state


def matched(state: ConversationState, match: ScriptMatch, winner: Winner, said: Said) -> Scripted:
    """Say what the script that matched says."""
    script = winner.script
    if script.steps:
        return _scripted(state, script, begin(script, said), said.language, "a dialogue begins", match)
    text = filled(pick(script.answer, said.language), said.facts, LONGEST_TEXT)
    buttons = tuple([Button(label, choice.url) for choice in script.buttons if (label := pick(choice.label, said.language))])
    return Scripted(script.id, text, state, handoff=script.handoff, scripts=match, buttons=buttons, attachment=script.attachment)


def going_on(state: ConversationState, scripts: ScriptIndex, messages: Sequence[InboundMessage], said: Said) -> Scripted | None:
    """Take messages as the answer to the question that stands; None if none does, or the customer begins anew."""
    script = scripts.find(Position.from_json(state.dialogue).script) if state.dialogue else None
    if script is None or any(is_start(message.text.strip()) for message in messages):
        return None
    position = Position.from_json(state.dialogue)
    heard = hear(script, position, said)
    if "failed" not in heard.told:
        return _scripted(state, script, heard, said.language)
    facts = Facts(said.facts, said.now)
    match = match_scripts(scripts, said.texts, words(said.text), said.language, facts) if said.texts else NO_MATCH
    if match.winner is None or match.winner.script.id == script.id:
        return _scripted(state, script, heard, said.language)
    return _aside(state, script, position, match, match.winner, said)


def finished_by(match: ScriptMatch, told: Mapping[str, Any]) -> str:
    """Return the id of the script that is at its end after the turn; empty: none."""
    if told.get("goto"):
        return str(told["script"]) if told["goto"] == FINISH else ""
    return match.winner.script.id if match.winner else ""


def _aside(state: ConversationState, script: Script, position: Position, match: ScriptMatch, winner: Winner, said: Said) -> Scripted:
    """Let another script answer what is no answer here, and ask again; one that asks or passes over itself ends the dialogue."""
    told = {"script": script.id, "name": script.name, "step": position.step, "why": ELSEWHERE}
    other = matched(replace(state, dialogue={}), match, winner, said)
    if other.told or other.handoff:
        return replace(other, told={**other.told, "left": script.id} if other.told else told)
    text = "\n\n".join([part for part in (other.text, question(script, position, said)) if part])
    again = replace(position, asked_at=int(said.now.timestamp()), turns=position.turns + 1)  # so that no robot is answered for ever
    state, buttons = replace(state, dialogue=again.to_json()), _buttons(script, position, said.language)
    return replace(other, text=text, state=state, reason=ELSEWHERE, told={**told, "aside": True}, buttons=buttons)


def _scripted(
    state: ConversationState, script: Script, heard: Heard, language: str, reason: str = "", match: ScriptMatch = NO_MATCH
) -> Scripted:
    ends = heard.outcome == "handed_off" or (heard.outcome == "finished" and script.handoff)
    state, full = _remembering(state, heard.remembered)
    told = {"script": script.id, "name": script.name, **heard.told, **({"full": True} if full else {})}
    state = replace(state, dialogue=heard.position.to_json() if heard.position else {})
    buttons = _buttons(script, heard.position, language)
    return Scripted(script.id, heard.text, state, reason or _REASONS.get(heard.outcome, ""), ends, match, told, buttons)


def _buttons(script: Script, position: Position | None, language: str) -> tuple[Button, ...]:
    """Return the buttons of the question that stands; it can be answered without them."""
    return tuple([Button(label, spare=True) for label in labels(script, position, language)])


def _remembering(state: ConversationState, remembered: Mapping[str, str]) -> tuple[ConversationState, bool]:
    """Return the state with what was remembered, and whether there was no room for it."""
    full = len({*state.variables, *remembered}) > max(MOST_VARIABLES, len(state.variables))
    return (state if full or not remembered else replace(state, variables={**state.variables, **remembered})), full
