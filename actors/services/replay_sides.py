"""The two sides of a replayed turn: what was recorded, what it is now, and what differs."""

from collections.abc import Mapping, Sequence
from typing import Any

from actors.domain.decision import Decision
from actors.domain.effects import SendMessage
from actors.domain.messages import clean_text
from actors.ports.replays import RecordedMessage, RecordedTurn, Side

_COMPARED = ("mode", "reason", "script", "sources", "text", "handoff", "rules")
_WITHOUT_WORDS = ("script", "rules")  # where a model would be asked anew, the rest hangs on what it says


def side_then(turn: RecordedTurn, said: Sequence[RecordedMessage]) -> Side:
    """Return what the trace and the stored messages tell."""
    sources = dict.fromkeys([source for message in said for source in message.sources])
    handoff = any(message.mode == "handoff" for message in said)
    return _side(turn.trace, tuple(sources), [message.text for message in said], handoff=handoff)


def side_now(decided: Decision) -> Side:
    """Return what a decision does."""
    said = [effect for effect in decided.effects if isinstance(effect, SendMessage)]
    sources = dict.fromkeys([(source.id, source.title) for effect in said for source in effect.sources])
    handoff = any(effect.mode == "handoff" for effect in said)
    return _side(decided.trace.to_json(), tuple(sources), [clean_text(effect.text) for effect in said], handoff=handoff)


def unknown(decided: Decision) -> Side:
    """Return what is known of a turn whose words a model would have to find."""
    trace = decided.trace.to_json()
    sources = tuple([(found.passage.id, found.passage.title) for found in decided.trace.findings.found])
    return Side("model", "", sources=sources, rules=_fired(trace))


def difference(then: Side, now: Side, *, words: bool) -> tuple[str, ...]:
    """Return the names of what is not the same; without `words`, only of what does not hang on a model."""
    return tuple([name for name in (_COMPARED if words else _WITHOUT_WORDS) if getattr(then, name) != getattr(now, name)])


def _side(trace: Mapping[str, Any], sources: tuple[tuple[str, str], ...], texts: Sequence[str], *, handoff: bool) -> Side:
    mode = str(trace.get("mode", ""))
    told: Mapping[str, Any] = trace.get("dialogue") or {}
    winner = (trace.get("scripts") or {}).get("winner") or (told.get("script", ""), told.get("name", ""))
    return Side(
        mode,
        str(trace.get("reason", "")),
        str(winner[0]),
        str(winner[1]),
        sources,
        "\n\n".join(texts),
        handoff or mode == "handoff",
        _fired(trace),
    )


def _fired(trace: Mapping[str, Any]) -> tuple[str, ...]:
    fired = (trace.get("rules") or {}).get("fired", ())
    return tuple([str(entry.get("rule", "")) for entry in fired])
