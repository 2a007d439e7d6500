"""Which script a message means that says none of their words: the one whose sentences it is alike. Pure.

Meaning is asked only where no phrase, keyword or expression matches. Of the scripts alike enough the one of the highest priority answers,
then the most alike, then the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from actors.domain.knowledge.likeness import NOT_COMPARED, Compared, Levels, Likeness
from actors.domain.rules.facts import Facts
from actors.domain.scripts.engine import CONDITION, LISTED_LOSERS, ScriptIndex
from actors.domain.scripts.models import Loser, Script, ScriptMatch, Winner

NOT_CLOSE = "none of its sentences is close enough"
NEITHER = "no expression matches, and none of its sentences is close enough"
NOT_KNOWN = "its sentences could not be compared"


@dataclass(frozen=True, slots=True)
class Meant:
    """Scripts that a message may mean, and the ids of those whose condition is not met."""

    scripts: tuple[Script, ...]
    shut: frozenset[str] = frozenset()

    @property
    def sentences(self) -> tuple[str, ...]:
        """Return all their sentences, each once."""
        return tuple(dict.fromkeys([sentence for script in self.scripts for sentence in script.meanings]))


def may_mean(scripts: ScriptIndex, language: str, facts: Facts | None) -> Meant | None:
    """Return what a message is to be compared with; None: no script has sentences for it. Without `facts` conditions are fulfilled."""
    found, shut = scripts.with_meanings(language, facts)
    return Meant(found, shut) if found else None


def likeness_of(meant: Meant, compared: Compared) -> Likeness:
    """Return the nearest sentence of each script."""
    if not compared.embedder:
        return Likeness(why=compared.why or "nobody compared its meaning")
    cosines = dict(zip(meant.sentences, compared.cosines, strict=True))
    nearest = {script.id: max([(cosines[sentence], sentence) for sentence in script.meanings]) for script in meant.scripts}
    return Likeness(nearest, compared.levels, compared.embedder)


def matched(match: ScriptMatch, meant: Meant | None, likeness: Likeness) -> ScriptMatch:
    """Return the match of a message with the script it means, if it means one, and why the others are not it."""
    if meant is None or match.winner is not None or likeness == NOT_COMPARED:
        return match
    close = [script for script in meant.scripts if script.id not in meant.shut and _is_close(script, likeness)]
    close.sort(key=lambda script: (-script.priority, -likeness.nearest[script.id][0]))
    losers = [_loser(script, close, meant, likeness) for script in meant.scripts if script not in close[:1]]
    told = {script.id for script in meant.scripts}
    every = [*losers, *[loser for loser in match.losers if loser.script_id not in told]]
    most = max(LISTED_LOSERS, len(match.losers))
    unlisted = len(match.losers) + match.unlisted - bool(close) - len(every[:most])
    return ScriptMatch(_winner(close[0], likeness) if close else None, tuple(every[:most]), unlisted)


def told(meant: Meant | None, likeness: Likeness) -> dict[str, Any]:
    """Return the likeness as traces keep it; `recorded` reads it again."""
    if meant is None or likeness == NOT_COMPARED:
        return {}
    if likeness.why:
        return {"why": likeness.why}
    levels = likeness.levels
    near = {script.id: [*likeness.nearest[script.id], _digest(script)] for script in meant.scripts}
    return {"embedder": likeness.embedder, "levels": [levels.loose, levels.normal, levels.strict], "near": near}


def recorded(meant: Meant, trace: Mapping[str, Any]) -> Likeness | None:
    """Return the likeness that a trace kept; None if its scripts had other sentences, or nothing was compared."""
    if why := trace.get("why"):
        return Likeness(why=str(why))
    near: Mapping[str, Sequence[Any]] = trace.get("near") or {}
    if any(near.get(script.id, ("", "", ""))[2] != _digest(script) for script in meant.scripts):
        return None
    nearest = {script.id: (float(near[script.id][0]), str(near[script.id][1])) for script in meant.scripts}
    return Likeness(nearest, Levels(*trace["levels"]), str(trace["embedder"]))


def _is_close(script: Script, likeness: Likeness) -> bool:
    return script.id in likeness.nearest and likeness.nearest[script.id][0] >= likeness.levels.of(script.strictness)


def _winner(script: Script, likeness: Likeness) -> Winner:
    cosine, sentence = likeness.nearest[script.id]
    return Winner(script, 0, (sentence,), cosine)


def _loser(script: Script, close: Sequence[Script], meant: Meant, likeness: Likeness) -> Loser:
    if script.id in meant.shut:
        return Loser(script.id, CONDITION)
    if likeness.why:
        return Loser(script.id, NOT_KNOWN)
    if script not in close:
        return Loser(script.id, NEITHER if script.expressions else NOT_CLOSE)
    best = close[0]
    if script.priority < best.priority:
        return Loser(script.id, f"priority {script.priority} is below {best.priority} of {best.id}")
    if likeness.nearest[script.id][0] < likeness.nearest[best.id][0]:
        return Loser(script.id, f"less alike than {best.id}")
    return Loser(script.id, f"as alike as {best.id}, which comes first")


def _digest(script: Script) -> str:
    return f"{crc32(chr(10).join(script.meanings).encode('utf-8', 'replace')):08x}"
