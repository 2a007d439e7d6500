"""Rules that the clock wakes: each event is for one rule, with its own facts. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from actors.domain.conversation import ConversationView
from actors.domain.messages import Input, TimerFired
from actors.domain.ruled import Moment, facts_of, woken
from actors.domain.rules.engine import Wake
from actors.domain.rules.models import On
from actors.domain.rules.running import Ran

CALLS: Mapping[str, On] = {"schedule": "schedule"}  # by the kind of the input


def heard(ran: Ran, view: ConversationView, inputs: Sequence[Input], moment: Moment) -> Ran:
    """Run the rules that were called by their keys."""
    for item in inputs:
        if isinstance(item, TimerFired) and (on := CALLS.get(item.kind)) is not None and ran.index.wakes_any(on):
            facts = {**facts_of(view, [], moment), **_facts(item.payload)}
            ran = woken(ran, moment, facts, Wake(on, rule=str(item.payload.get("rule", ""))))
    return ran


def _facts(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = payload.get("facts")
    return facts if isinstance(facts, Mapping) else {}
