"""Where the end of a sequence wakes rules: behind everything else of the turn in which it ended, each end with its own facts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from actors.domain.agent.models import Persona
from actors.domain.conversation import ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import Effect, SendMessage, SetControl, SetEnrollment
from actors.domain.ruled import Moment, facts_of, waiting, woken
from actors.domain.rules.engine import RuleIndex, Wake
from actors.domain.rules.running import DEEPEST, Ran
from actors.domain.sequenced import settled
from actors.domain.sequences.engine import SequenceIndex

_OUTCOMES: Mapping[str, str] = {"end": "finished"}  # the others are called as activity calls them


def woken_by(
    decided: Decision, view: ConversationView, rules: RuleIndex, sequences: SequenceIndex, persona: Persona, version: int, now: datetime
) -> Decision:
    """Let the ends of sequences in a decided turn wake rules, unless the bot says and does nothing here."""
    if not rules.wakes_any("sequence_finished") or decided.state.silent or decided.state.talk.silenced:
        return decided
    control = next((effect.control for effect in reversed(decided.effects) if isinstance(effect, SetControl)), view.control)
    language = decided.state.language or persona.languages[0]
    moment = Moment(persona, version, decided.state, control, language, now, view.about)
    ran = _heard(Ran(rules, decided.state, control, told=decided.trace.rules), view, moment, decided.effects, sequences)
    trace = replace(decided.trace, rules=ran.told)
    if not trace.mode and any(isinstance(effect, SendMessage) for effect in ran.effects):
        trace = replace(trace, mode="rule", reason="a sequence ended")
    return Decision(ran.state, decided.effects + ran.effects, trace)


def _heard(ran: Ran, view: ConversationView, moment: Moment, effects: Sequence[Effect], sequences: SequenceIndex) -> Ran:
    """Run the rules that the ends of sequences among `effects` wake; what these rules end may wake others, where they say so."""
    known = facts_of(view, [], moment)
    more: Sequence[Effect] = effects
    for depth in range(DEEPEST + 1):
        ended = [effect for effect in more if isinstance(effect, SetEnrollment) and effect.state != "active" and not effect.quiet]
        if not ended:
            break
        control, before = ran.control, len(ran.effects)
        for end in ended:
            ran = woken(ran, moment, {**known, **_facts(end, sequences)}, Wake("sequence_finished", end.key), depth)
        state, more = settled(replace(view, control=control), ran.state, ran.effects[before:], sequences, moment.now, None)
        ran = replace(ran, state=state, effects=ran.effects[:before] + more)
    return _silence(ran, answered=any(isinstance(effect, SendMessage) for effect in effects))


def _facts(end: SetEnrollment, sequences: SequenceIndex) -> dict[str, Any]:
    plan = sequences.sequences.get(end.key)
    outcome = _OUTCOMES.get(end.reason, end.reason)
    return {"sequence.id": end.key, "sequence.name": plan.name if plan else end.key, "sequence.outcome": outcome}


def _silence(ran: Ran, *, answered: bool) -> Ran:
    """What rules say here is an answer to whoever had none yet; it waits for a reply as any words of rules do."""
    said = any(isinstance(effect, SendMessage) for effect in ran.effects)
    if said and not answered and not ran.spoke:
        return replace(ran, state=replace(ran.state, talked=ran.state.talked + 1))
    return waiting(ran, answered=False, heard=False, said_by_rules=said)
