"""How many answers a conversation was given today, and what becomes of it at the agent's limit. Pure.

A day is one of the calendar in the agent's time zone. An answer is a turn in which the bot answers a customer, however many messages
that takes; handoffs, steps of sequences and what rules say by themselves are none.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from actors.domain.agent.models import Persona
from actors.domain.conversation import Control, ConversationState
from actors.domain.decision import Decision
from actors.domain.fields import pick
from actors.domain.sequences.engine import zone_of
from actors.domain.speaking import Turn, hand_off, silent, waiting

_ANSWERS = frozenset({"script", "extractive", "choices", "model", "greeting", "fallback"})
_TOLD = "told"


def is_over(turn: Turn) -> bool:
    """Return whether the bot may not answer any more today: a person who has the conversation answers anyway."""
    limit = turn.persona.answers_per_day
    return bool(limit) and turn.control is not Control.HUMAN and _given(_of_day(turn.state, turn.persona, turn.now)) >= limit


def passed_over(turn: Turn) -> Decision:
    """Pass over to a person: with words once a day, and without them to who waits already or was told before."""
    reason = f"the limit of {turn.persona.answers_per_day} answers a day is reached"
    today = _of_day(turn.state, turn.persona, turn.now)
    if today.get(_TOLD) and turn.control is Control.BOT:  # a person gave it back
        return silent(replace(turn, effects=turn.effects + waiting(turn.persona, reason)), reason)
    turn = replace(turn, state=replace(turn.state, answers={**today, _TOLD: True}))
    return hand_off(turn, pick(turn.persona.handoff_text, turn.state.language), reason)


def counted(decided: Decision, persona: Persona, now: datetime, *, heard: bool) -> Decision:
    """Return the turn with its answer counted, if it is one; `heard`: a customer wrote something."""
    mode = decided.trace.mode
    if not persona.answers_per_day or not (mode in _ANSWERS or (mode == "rule" and heard)):
        return decided
    today = _of_day(decided.state, persona, now)
    return replace(decided, state=replace(decided.state, answers={**today, "given": _given(today) + 1}))


def _of_day(state: ConversationState, persona: Persona, now: datetime) -> Mapping[str, Any]:
    day = now.astimezone(zone_of(persona.timezone)).date().isoformat()
    return state.answers if state.answers.get("day") == day else {"day": day}


def _given(today: Mapping[str, Any]) -> int:
    return int(today.get("given", 0))
