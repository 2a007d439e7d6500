"""Where rules meet a turn: which events its inputs are, what rules know of them, and what they wait for afterwards. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from actors.domain.agent.models import Persona
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.effects import Effect, SendMessage, SetControl, SetTimer
from actors.domain.messages import InboundMessage, Input, TimerFired
from actors.domain.rules.engine import RuleIndex, Wake
from actors.domain.rules.facts import state_facts
from actors.domain.rules.models import On
from actors.domain.rules.running import Ran, Scene, later_of, run
from actors.domain.text import MATCHED_CHARACTERS

NO_REPLY = "rules:no_reply:"  # timers: nothing from the customer, nothing to them
NO_ANSWER = "rules:no_answer:"
_TIMERS: Mapping[str, On] = {NO_REPLY: "no_reply", NO_ANSWER: "no_answer"}


@dataclass(frozen=True, slots=True)
class Moment:
    """The turn as rules meet it, after its inputs were taken in."""

    persona: Persona
    version: int
    state: ConversationState  # after the inputs
    control: Control
    language: str
    now: datetime
    about: str = ""  # as ConversationView has it


def before(index: RuleIndex, view: ConversationView, inputs: Sequence[Input], moment: Moment) -> Ran:
    """Run the rules that the inputs wake, before scripts and the agent are asked."""
    messages = [item for item in inputs if isinstance(item, InboundMessage)]
    timers = [item for item in inputs if isinstance(item, TimerFired)]
    wakes: list[tuple[Wake, int]] = []
    if messages:
        wakes += [(Wake("conversation_started"), 0)] if view.state.turns == 0 else []
        wakes.append((Wake("message_received"), 0))
        moment = replace(moment, state=replace(moment.state, talked=moment.state.talked + 1))
    else:
        wakes += [woken for item in timers if (woken := _silence(item, view.state)) is not None]
    later = [rest for item in timers if (rest := later_of(item.kind, item.payload)) is not None]
    facts = facts_of(view, messages, moment)
    if not wakes and not later:
        return Ran(index, moment.state, moment.control)
    return run(index, scene_of(moment, facts), wakes, later, {"facts": _kept(facts, moment)})


def after(ran: Ran, moment: Moment, effects: Sequence[Effect], script: str, finished: str, heard: bool) -> Ran:
    """Run the rules that the answer wakes, and set the timers of those that wait for silence.

    Args:
        ran: what rules did before.
        moment: the turn after its answer.
        effects: what the turn does besides `ran`.
        script: the id of the script that matched; empty: none.
        finished: the id of the script that is at its end, which one without steps is at once.
        heard: the customer said something.
    """
    wakes: list[tuple[Wake, int]] = [(Wake("script_matched", script), 0)] if script else []
    wakes += [(Wake("script_finished", finished), 0)] if finished else []
    if any(isinstance(effect, SetControl) and effect.control is Control.WAITING for effect in effects):
        wakes.append((Wake("handed_off"), 0))
    facts = ran.told.get("facts", {})
    more = run(ran.index, scene_of(moment, facts), wakes, (), ran.told) if wakes else replace(ran, state=moment.state, effects=(), spoke=0)
    answered = any(isinstance(effect, SendMessage) for effect in effects)
    return waiting(replace(more, spoke=more.spoke or ran.spoke), answered, heard, _said([*ran.effects, *more.effects]))


def woken(ran: Ran, moment: Moment, facts: Mapping[str, Any], wake: Wake, depth: int = 0) -> Ran:
    """Run the rules that one more event wakes, with its own facts; whether the customer was answered does not follow from it."""
    scene = scene_of(replace(moment, state=ran.state, control=ran.control), facts)
    more = run(ran.index, scene, [(wake, depth)], (), ran.told)
    return replace(more, effects=ran.effects + more.effects, answered=ran.answered, spoke=more.spoke or ran.spoke)


def waiting(ran: Ran, answered: bool, heard: bool, said_by_rules: bool) -> Ran:
    """Set the timers of silence: a rule's own words set none, unless it wakes rules."""
    state, timers = ran.state, ran.effects
    if answered or ran.spoke:
        state = replace(state, talked=state.talked + 1)
        depth = 0 if answered else ran.spoke
        timers += _timers(ran.index.waits("no_reply"), NO_REPLY, {"talked": state.talked, "depth": depth})
    elif heard and not said_by_rules:
        timers += _timers(ran.index.waits("no_answer"), NO_ANSWER, {"talked": state.talked, "depth": 0})
    return replace(ran, state=state, effects=timers)


def _timers(waits: Sequence[float], kind: str, payload: Mapping[str, Any]) -> tuple[Effect, ...]:
    return tuple([SetTimer(f"{kind}{seconds:g}", seconds, payload) for seconds in waits])


def _said(effects: Sequence[Effect]) -> bool:
    return any(isinstance(effect, SendMessage) for effect in effects)


def _silence(item: TimerFired, state: ConversationState) -> tuple[Wake, int] | None:
    """Return what a timer of silence means; nothing if somebody spoke since it was set."""
    for prefix, on in _TIMERS.items():
        if item.kind.startswith(prefix) and item.payload.get("talked") == state.talked:
            return Wake(on, after_s=float(item.kind.removeprefix(prefix))), int(item.payload.get("depth", 0))
    return None


def scene_of(moment: Moment, facts: Mapping[str, Any]) -> Scene:
    """Return what actions may use of the turn."""
    return Scene(facts, moment.state, moment.control, moment.language, moment.now, moment.persona.handoff_text, moment.about)


def facts_of(view: ConversationView, messages: Sequence[InboundMessage], moment: Moment) -> dict[str, Any]:
    """Return what is known; of several messages answered at once, their texts together."""
    facts: dict[str, Any] = {
        "conversation.channel": view.channel,
        "conversation.language": moment.language,
        "conversation.turns": view.state.turns,
        "conversation.start": moment.state.start,
        "contact.blocked": moment.state.blocked,
        "agent.name": moment.persona.name,
        "agent.version": moment.version,
        **({"contact.name": moment.state.name} if moment.state.name else {}),
    }
    return {**facts, **_facts_of_messages(messages)} if messages else facts


def _facts_of_messages(messages: Sequence[InboundMessage]) -> dict[str, Any]:
    text = "\n".join([item.text for item in messages])
    last = messages[-1]
    facts: dict[str, Any] = {"message.text": text[:MATCHED_CHARACTERS], "message.length": len(text), "message.media": last.media or ""}
    told = {"message.language": last.language, "contact.name": last.author}
    return facts | {name: value for name, value in told.items() if value}


def _kept(facts: Mapping[str, Any], moment: Moment) -> dict[str, Any]:
    """Return the facts as the trace keeps them, to be asked again by a back-test."""
    return {**facts, **state_facts(moment.state, moment.control)}
