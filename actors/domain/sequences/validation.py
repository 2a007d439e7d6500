"""What may not be saved as sequences: every fault with its place."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from actors.domain.errors import InvalidDefinition, Problem
from actors.domain.rules.facts import zone
from actors.domain.rules.models import EVERYTHING, Enroll, Rule, Unenroll
from actors.domain.rules.validation import action_problems, condition_problems
from actors.domain.sequences.calendar import UTC_ZONE, next_open
from actors.domain.sequences.models import DAY, Check, Do, Hours, Step, Wait, read_sequence
from actors.domain.sequences.models import Sequence as Plan

MOST_SEQUENCES = 200
MOST_STEPS = 100
_SOME_DAY = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday; the answer is the same for any


def sequence_problems(plans: Sequence[Plan], scripts: Collection[str] | None = None, place: str = "sequences") -> list[Problem]:
    """Return everything that is wrong with the sequences; `scripts` are the ids there are, None: not known."""
    problems = [Problem(place, f"at most {MOST_SEQUENCES} sequences")] if len(plans) > MOST_SEQUENCES else []
    seen: set[str] = set()
    for number, plan in enumerate(plans):
        here = f"{place}[{number}]"
        if plan.id in seen:
            problems.append(Problem(f"{here}.id", f"another sequence has the id {plan.id}"))
        seen.add(plan.id)
        problems.extend(_of_one(plan, here, scripts))
    return problems


def check_sequence(raw: Mapping[str, Any], scripts: Collection[str] | None = None) -> Plan:
    """Return one sequence that may be saved; places are within it.

    Raises:
        InvalidDefinition: it may not be saved.
    """
    problems: list[Problem] = []
    plan = read_sequence(raw, "", problems)
    problems += [Problem(p.place.removeprefix("sequences[0]").lstrip("."), p.reason) for p in _of_one(plan, "sequences[0]", scripts)]
    if problems:
        raise InvalidDefinition(problems)
    return plan


def named_by_rules(rules: Sequence[Rule], sequences: Collection[str]) -> Iterator[Problem]:
    """Yield where rules name sequences that there are not."""
    for number, rule in enumerate(rules):
        named = {"trigger.of": rule.trigger.of} if rule.trigger.on == "sequence_finished" else {}
        for place, action in enumerate(rule.actions):
            if isinstance(action, Enroll | Unenroll):
                named[f"actions[{place}].sequence"] = action.sequence
        for where, sequence in named.items():
            if sequence and sequence not in sequences:
                yield Problem(f"rules[{number}].{where}", f"there is no sequence {sequence} that is switched on")


def _of_one(plan: Plan, place: str, scripts: Collection[str] | None) -> Iterator[Problem]:
    if zone(plan.timezone) is None:
        yield Problem(f"{place}.timezone", f"there is no time zone {plan.timezone}: write it as Europe/Moscow")
    if not plan.steps:
        yield Problem(f"{place}.steps", "needs a step, else it does nothing")
    if len(plan.steps) > MOST_STEPS:
        yield Problem(f"{place}.steps", f"at most {MOST_STEPS} steps")
    yield from hours_problems(plan.hours, f"{place}.hours")
    if plan.goal is not None:
        if plan.goal == EVERYTHING:
            yield Problem(f"{place}.goal", "needs a question, else it is reached at once")
        yield from condition_problems(plan.goal, f"{place}.goal")
    seen: set[str] = set()
    for number, step in enumerate(plan.steps):
        here = f"{place}.steps[{number}]"
        if step.id and step.id in seen:
            yield Problem(f"{here}.id", f"another step has the id {step.id}")
        seen.add(step.id)
        yield from _of_step(step, number, plan, here, scripts)


def hours_problems(hours: Hours, place: str) -> Iterator[Problem]:
    """Yield what is wrong with hours."""
    if hours.start % DAY == hours.end % DAY and hours.start != 0:
        yield Problem(f"{place}.to", "must differ from the beginning; leave both empty for the whole day")
    elif next_open(hours, _SOME_DAY, UTC_ZONE) is None:
        yield Problem(f"{place}.quiet_to", "the quiet hours leave no time to speak")


def _of_step(step: Step, number: int, plan: Plan, place: str, scripts: Collection[str] | None) -> Iterator[Problem]:
    match step.act:
        case Wait(0, 0):
            yield Problem(f"{place}.seconds", "say for how long to wait")
        case Check(when, otherwise, skip):
            yield from condition_problems(when, f"{place}.when")
            if otherwise == "skip" and number + skip >= len(plan.steps):
                yield Problem(f"{place}.skip", "there are not so many steps behind it")
        case Do(action):
            yield from action_problems(action, place, scripts)
            if step.do == "hand_off" and number + 1 < len(plan.steps):
                yield Problem(place, "must be the last step: people have the conversation then")
        case _:
            pass
