"""Rules that the clock or a system of the tenant's own wakes: each event is for one rule, with its own facts. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from actors.domain.conversation import ConversationView
from actors.domain.effects import LogActivity
from actors.domain.messages import Input, TimerFired, clean_text
from actors.domain.ruled import Moment, facts_of, woken
from actors.domain.rules.engine import Wake
from actors.domain.rules.facts import HOOK, kind_of
from actors.domain.rules.models import On
from actors.domain.rules.running import Ran

CALLS: Mapping[str, On] = {"schedule": "schedule", "webhook": "webhook"}  # by the kind of the input
MOST_FACTS = 200
LONGEST = 2_000  # characters of one
UNKNOWN = "no rule with this key and a webhook is published"


def heard(ran: Ran, view: ConversationView, inputs: Sequence[Input], moment: Moment) -> Ran:
    """Run the rules that were called by their keys."""
    for item in inputs:
        if isinstance(item, TimerFired) and (on := CALLS.get(item.kind)) is not None:
            ran = _called(ran, view, item.payload, on, moment)
    return ran


def _called(ran: Ran, view: ConversationView, payload: Mapping[str, Any], on: On, moment: Moment) -> Ran:
    key = str(payload.get("rule", ""))
    if any(rule.id == key and rule.trigger.on == on for rule in ran.index.rules):
        return woken(ran, moment, {**facts_of(view, [], moment), **_facts(payload)}, Wake(on, rule=key))
    if on == "schedule":  # it was due while another version was published
        return ran
    entry = {"rule": key, "on": on, "reason": UNKNOWN}
    told = {**ran.told, "failed": [*ran.told.get("failed", ()), entry]}
    return replace(ran, told=told, effects=(*ran.effects, LogActivity("rule.failed", entry)))


def _facts(payload: Mapping[str, Any]) -> dict[str, Any]:
    facts = payload.get("facts")
    return {**(facts if isinstance(facts, Mapping) else {}), **dict(islice(hook_facts(payload.get("body")), MOST_FACTS))}


def hook_facts(value: Any, path: str = HOOK.rstrip(".")) -> Iterator[tuple[str, str]]:
    """Yield what a body says, by path, as texts; what cannot be named in a condition is left out."""
    if path != HOOK.rstrip(".") and kind_of(path) is None:
        return
    match value:
        case Mapping():
            for name, inner in value.items():
                yield from hook_facts(inner, f"{path}.{name}")
        case list():
            if said := ", ".join([_text(item) for item in value if not isinstance(item, Mapping | list) and item is not None]):
                yield path, clean_text(said, LONGEST)
            for number, inner in enumerate(value):
                yield from hook_facts(inner, f"{path}.{number}")
        case None:
            return
        case _:
            yield path, clean_text(_text(value), LONGEST)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
