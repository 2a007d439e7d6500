"""A rule against what happened: how often it would have fired, on what, and why not on the rest. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from actors.domain.rules.engine import RuleIndex, Wake
from actors.domain.rules.facts import Facts
from actors.domain.rules.models import On, Rule
from actors.domain.text import MATCHED_CHARACTERS

TRIED: frozenset[On] = frozenset({"message_received", "conversation_started", "script_matched", "handed_off"})
SAMPLES = 20  # shown of what fired, and of what did not
_UNKNOWN = "unknown: "


@dataclass(frozen=True, slots=True)
class Event:
    """A customer's message of the past; `trace` as `trace.from_bytes` returns it."""

    conversation_id: int
    message_id: int
    text: str
    first: bool  # of its conversation
    channel: str
    at: datetime
    trace: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One event and how the rule fared; without a reason it fires."""

    event: Event
    reason: str = ""


@dataclass(slots=True)
class DryRun:
    """What would have happened. `unknown` counts events by the fact that was not recorded."""

    events: int = 0
    woken: int = 0
    fired: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    hits: list[Sample] = field(default_factory=list)
    misses: list[Sample] = field(default_factory=list)


def dry_run(rule: Rule, events: Iterable[Event]) -> DryRun:
    """Try a rule on events in their order; limits hold as if it had been there."""
    index, result = RuleIndex([rule]), DryRun()
    memories: dict[int, dict[str, int]] = {}
    for event in events:
        result.events += 1
        wake = _wake(rule.trigger.on, event)
        if wake is None:
            continue
        result.woken += 1
        memory = memories.setdefault(event.conversation_id, {})
        found = index.evaluate(wake, Facts(facts_of(event), event.at), memory, event.at)
        if found.fired:
            memory[rule.id] = int(event.at.timestamp())
            result.fired += 1
            _keep(result.hits, Sample(event))
        else:
            _lost(result, event, found.lost[0].reason)
    return result


def _lost(result: DryRun, event: Event, reason: str) -> None:
    result.reasons[reason] += 1
    if reason.startswith(_UNKNOWN):
        result.unknown[reason.removeprefix(_UNKNOWN).partition(" ")[0]] += 1
    _keep(result.misses, Sample(event, reason))


def _keep(samples: list[Sample], sample: Sample) -> None:
    """Keep the newest."""
    samples.append(sample)
    if len(samples) > SAMPLES:
        del samples[0]


def _wake(on: On, event: Event) -> Wake | None:
    match on:
        case "message_received":
            return Wake(on)
        case "conversation_started":
            return Wake(on) if event.first else None
        case "script_matched":
            winner = (event.trace.get("scripts") or {}).get("winner")
            return Wake(on, str(winner[0])) if winner else None
        case "handed_off":
            return Wake(on) if event.trace.get("mode") == "handoff" else None
        case _:
            return None


def facts_of(event: Event) -> dict[str, Any]:
    """Return the facts that the trace kept, and what else is known of a turn without rules."""
    trace = event.trace
    kept = (trace.get("rules") or {}).get("facts") or {}
    winner = (trace.get("scripts") or {}).get("winner")
    known = {
        "message.text": event.text[:MATCHED_CHARACTERS],
        "message.length": len(event.text),
        "conversation.channel": event.channel,
        "conversation.control": trace.get("control"),
        "conversation.language": trace.get("language"),
        "agent.version": trace.get("version"),
        "script.id": winner[0] if winner else None,
        **({"conversation.turns": 0} if event.first else {}),
    }
    return {**{name: value for name, value in known.items() if value is not None}, **kept}
