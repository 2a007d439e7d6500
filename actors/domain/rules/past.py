"""What happened in recorded turns, as rules meet it: the events that a trace names, and those that can be told from the rest. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from actors.domain.rules.engine import Wake
from actors.domain.rules.facts import is_of_state
from actors.domain.rules.models import On
from actors.domain.text import MATCHED_CHARACTERS

HEARD: frozenset[On] = frozenset({"message_received", "conversation_started", "script_matched", "script_finished", "handed_off"})
NAMED = 2  # since this format of traces every event is named, with its facts
_NOT_ASKED = ("dead letter", "the bot is stopped", "a robot is", "waits for an operator; a robot is", "written long before")  # no rule was
_ELSEWHERE = frozenset({"diagnostic", "operator"})
_BY_SCRIPTS = frozenset({"script_matched", "script_finished"})


@dataclass(frozen=True, slots=True)
class Said:
    """What the customer wrote in a turn. `first`: it was the first of its conversation."""

    text: str
    first: bool
    channel: str


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A recorded turn. `at`: when it was committed; `trace` as `trace.from_bytes` returns it; `said`: where its rules kept no facts."""

    conversation_id: int
    turn_id: UUID
    at: datetime
    trace: Mapping[str, Any]
    said: Said | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What woke rules, or would have.

    Args:
        turn: in which it happened.
        wake: what happened.
        at: when rules were asked.
        facts: what was known; None as well as absent: it was not.
        whole: all was recorded that was known.
        depth: how many rules deep it was caused.
        stopped_by: the rule after which no other was asked.
        spent: the rule at which the time for one event was over.
    """

    turn: PastTurn
    wake: Wake
    at: datetime
    facts: Mapping[str, Any]
    whole: bool = True
    depth: int = 0
    stopped_by: str = ""
    spent: str = ""

    @property
    def text(self) -> str:
        """Return what people know it by."""
        named = (self.facts.get(name) for name in ("message.text", "lead.name", "contact.name"))
        return next((str(text) for text in named if text), "")


def wants_words(trace: Mapping[str, Any], ons: Collection[On]) -> bool:
    """Return whether the trace has to be told what the customer wrote."""
    return not trace.get("rules") and not HEARD.isdisjoint(ons) and _asked(trace)


def events_of(turn: PastTurn, ons: Collection[On]) -> Iterator[Event]:
    """Return the events of a turn of these kinds, in their order."""
    told = turn.trace.get("rules")
    if told and turn.trace.get("format", 1) >= NAMED:
        yield from _recorded(turn, told, ons)
    elif not HEARD.isdisjoint(ons):
        yield from _derived(turn, told or {}, ons)


def _recorded(turn: PastTurn, told: Mapping[str, Any], ons: Collection[On]) -> Iterator[Event]:
    kept: Mapping[str, Any] = told.get("facts", {})
    concluded = False  # what follows happened when the answer was there
    for entry in told.get("events", ()):
        on, depth = entry["on"], entry.get("depth", 0)
        concluded = concluded or on in _BY_SCRIPTS or (on == "handed_off" and not depth)
        if on in ons:
            wake = Wake(on, entry.get("of", ""), entry.get("after_s", 0.0), entry.get("rule", ""))
            facts = {**kept, **entry.get("facts", {}), **wake.facts}
            spent, stopped_by = entry.get("spent", ""), entry.get("stopped_by", "")
            yield Event(turn, wake, _at(turn, concluded=concluded), facts, depth=depth, stopped_by=stopped_by, spent=spent)


def _derived(turn: PastTurn, told: Mapping[str, Any], ons: Collection[On]) -> Iterator[Event]:
    """Return what can be told of a turn without rules, or of one whose trace does not name its events yet."""
    trace = turn.trace
    if not _asked(trace):
        return
    winner = (trace.get("scripts") or {}).get("winner")
    by_script = {"script_matched": str(winner[0]) if winner else "", "script_finished": _finished(trace, winner)}
    facts = _facts(turn, told)
    heard = "message.text" in facts
    happened: Mapping[On, bool] = {
        "conversation_started": heard and facts.get("conversation.turns") == 0,
        "message_received": heard,
        "script_matched": bool(by_script["script_matched"]),
        "script_finished": bool(by_script["script_finished"]),
        "handed_off": trace.get("mode") == "handoff",
    }
    for on, did in happened.items():
        if did and on in ons:
            wake = Wake(on, by_script.get(on, ""))
            waits = {"conversation.control": "waiting"} if on == "handed_off" else {}
            at = _at(turn, concluded=on in {*_BY_SCRIPTS, "handed_off"})
            yield Event(turn, wake, at, {**facts, **wake.facts, **waits}, whole=False)


def _finished(trace: Mapping[str, Any], winner: Any) -> str:
    """Return the id of the script that was at its end: of a dialogue that finished, of a script without steps that answered."""
    told: Mapping[str, Any] = trace.get("dialogue") or {}
    if told.get("goto"):
        return str(told["script"]) if told["goto"] == "finish" else ""
    return str(winner[0]) if winner else ""


def _facts(turn: PastTurn, told: Mapping[str, Any]) -> dict[str, Any]:
    if told:
        kept: Mapping[str, Any] = told.get("facts", {})
        # What rules changed in the turn is not known.
        return {name: value for name, value in kept.items() if not (told.get("fired") and is_of_state(name))}
    trace, said = turn.trace, turn.said
    known = {
        "conversation.control": trace.get("control"),
        "conversation.language": trace.get("language"),
        "agent.version": trace.get("version"),
    }
    if said:
        known |= {
            "message.text": said.text[:MATCHED_CHARACTERS],
            "message.length": len(said.text),
            "conversation.channel": said.channel,
            "conversation.turns": 0 if said.first else None,
        }
    return {name: value for name, value in known.items() if value is not None}


def _asked(trace: Mapping[str, Any]) -> bool:
    """Return whether rules were asked in the turn, or would have been."""
    return bool(trace.get("version")) and trace.get("mode") not in _ELSEWHERE and not str(trace.get("reason", "")).startswith(_NOT_ASKED)


def _at(turn: PastTurn, *, concluded: bool) -> datetime:
    trace = turn.trace
    told = trace.get("decided_at") if concluded else trace.get("asked_at") or trace.get("decided_at")
    return datetime.fromisoformat(told) if told else turn.at
