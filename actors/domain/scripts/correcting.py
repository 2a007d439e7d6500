"""A script that was written as the right answer to a question: it answers that question, whatever other scripts listen to."""

from collections.abc import Mapping, Sequence
from typing import Any

from actors.domain.scripts.engine import ScriptIndex
from actors.domain.scripts.models import Script, read_script

_HIGHEST = 1_000
_MORE = ("keywords", "expressions", "meanings", "steps", "alone")
_ALWAYS: Mapping[str, Any] = {"all": []}


def written_before(definition: Mapping[str, Any], scripts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the script that listens to the same question and to nothing else, always: the answer belongs there."""
    for script in scripts:
        same = script.get("phrases") == definition["phrases"] and script.get("when", _ALWAYS) == _ALWAYS
        if same and not any(script.get(name) for name in _MORE):
            return script
    return None


def with_answer(before: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the script with what the new one says, its answers in other languages kept; who hands over says nothing."""
    handoff = bool(definition.get("handoff"))
    answer = {} if handoff else {**before.get("answer", {}), **definition.get("answer", {})}
    return {**before, "answer": answer, "handoff": handoff}


def first_of_all(definition: Mapping[str, Any], scripts: Sequence[Mapping[str, Any]], question: str) -> dict[str, Any]:
    """Return the script with a priority that lets it answer the question, in whatever language it is asked; others stay as they are."""
    new = read_script(definition, "script", [])
    others = ScriptIndex([read_script(raw, "script", []) for raw in scripts if raw.get("id") != new.id])
    languages = {"", *(language for script in others.scripts for language in script.languages)}
    rivals = [winner for language in languages if (winner := others.match(question, language).winner) is not None]
    score = _score(new, question)
    needed = [r.script.priority + 1 if r.score >= score else r.script.priority for r in rivals]
    return {**definition, "priority": min(max([new.priority, *needed]), _HIGHEST)}


def _score(script: Script, question: str) -> int:
    winner = ScriptIndex([script]).match(question, next(iter(script.languages), "")).winner
    return winner.score if winner else 0
