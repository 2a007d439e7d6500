"""What may not be written into a script any more; versions that have it are read and go on as they are."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from actors.domain.errors import Problem
from actors.domain.rules.conditions import pattern_problem
from actors.domain.rules.crm import named_facts
from actors.domain.rules.facts import VARIABLE
from actors.domain.rules.latin import INSTEAD, latin_only
from actors.domain.rules.models import Condition, Test
from actors.domain.scripts.dialogue_validation import answered_ways, are_clear, set_before
from actors.domain.scripts.models import Script
from actors.domain.scripts.steps import FINISH, Step


def written_problems(scripts: Sequence[Script], place: str = "scripts") -> list[Problem]:
    """Return what is wrong with scripts that somebody saves, besides what no script may have."""
    return [problem for number, script in enumerate(scripts) for problem in _of_one(script, f"{place}[{number}]")]


def _of_one(script: Script, place: str) -> Iterator[Problem]:
    for number, text in enumerate(script.expressions):
        yield from _of_expression(text, f"{place}.expressions[{number}]")
    yield from _of_condition(script.when, f"{place}.when")
    for number, step in enumerate(script.steps):
        here = f"{place}.steps[{number}]"
        yield from _of_expression(step.pattern, f"{here}.pattern")
        for turn, branch in enumerate(step.next):
            yield from _of_condition(branch.when, f"{here}.next[{turn}].when")
    if script.steps and are_clear(script):
        yield from _of_blanks(script, place)


def _of_expression(text: str, place: str) -> Iterator[Problem]:
    if (sign := latin_only(text)) and not pattern_problem(text):  # what is no expression was told already
        yield Problem(place, f"{sign} knows Latin letters only, beside others it does not match: write {INSTEAD[sign]}")


def _of_condition(condition: Condition, place: str) -> Iterator[Problem]:
    if isinstance(condition, Test):
        if condition.op == "matches" and isinstance(condition.value, str):
            yield from _of_expression(condition.value, f"{place}.value")
        return
    for number, item in enumerate(condition.items):
        yield from _of_condition(item, f"{place}.not" if condition.of == "not" else f"{place}.{condition.of}[{number}]")


def _of_blanks(script: Script, place: str) -> Iterator[Problem]:
    """Texts with a variable that some ways to them remember, and some do not."""
    ways = answered_ways(script)
    known = set_before(script.steps, ways)
    texts = [(script.finish, FINISH, f"{place}.finish")]
    for number, step in enumerate(script.steps):
        texts += [(step.ask, step.id, f"{place}.steps[{number}].ask"), (step.retry, step.id, f"{place}.steps[{number}].retry")]
    for said, target, here in texts:
        for language, text in said.items():
            for fact in sorted(named_facts(text) & {f"{VARIABLE}{name}" for name in known[target]}):
                name = fact.removeprefix(VARIABLE)
                if reason := _blank(name, _way_without(name, target, script.steps, ways)):
                    yield Problem(f"{here}.{language}", reason)


def _blank(name: str, way: Sequence[int] | None) -> str:
    if way is None:
        return ""
    over = ", ".join([str(number + 1) for number in way])
    return f"{name} is blank on the way over the steps {over}: none of them remembers it" if way else f"{name} is blank at the beginning"


def _way_without(name: str, target: str, steps: Sequence[Step], ways: Mapping[str, Collection[str]]) -> list[int] | None:
    """Return the steps on a shortest way that does not set a variable; None if every way sets it."""
    numbers = {step.id: number for number, step in enumerate(steps)}
    ways_to: dict[str, list[int]] = {steps[0].id: []}
    ahead = [steps[0].id]
    for here in ahead:  # it grows
        if here not in numbers:  # an end
            continue
        step = steps[numbers[here]]
        for there in [step.otherwise, *([] if step.remember == name else ways[here])]:
            if there not in ways_to:
                ways_to[there] = [*ways_to[here], numbers[here]]
                ahead.append(there)
    return ways_to.get(target)
