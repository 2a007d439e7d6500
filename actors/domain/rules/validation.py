"""What may not be saved as rules: every fault with its place, unknown facts with those there are, rules that wake each other for ever."""

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from actors.domain.cron import next_run
from actors.domain.errors import InvalidDefinition, Problem
from actors.domain.rules.conditions import OPERATORS, minutes, pattern_problem, questions_of
from actors.domain.rules.crm import Crm, text_problems
from actors.domain.rules.facts import FACTS, HOOK, VARIABLE, Kind, kind_of, zone
from actors.domain.rules.models import (
    SPOKEN,
    TIMED,
    Action,
    AddTag,
    CallWebhook,
    Condition,
    Enroll,
    HandOff,
    RemoveTag,
    Rule,
    Send,
    SendScript,
    SetVariable,
    Test,
    read_rule,
)

MOST_RULES = 10_000
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
MOST_TESTS = 50  # of one rule
MOST_ACTIONS = 20
MOST_VALUES = 200
LONGEST_NAME = 64  # characters of tags, names and values that a conversation carries
LONGEST_VALUE = 500


def rule_problems(rules: Sequence[Rule], scripts: Collection[str] | None = None, place: str = "rules") -> list[Problem]:
    """Return everything that is wrong with the rules, each with its place; `scripts` are the ids there are, None: not known."""
    problems = [Problem(place, f"at most {MOST_RULES} rules")] if len(rules) > MOST_RULES else []
    seen: set[str] = set()
    for number, rule in enumerate(rules):
        here = f"{place}[{number}]"
        if rule.id in seen:
            problems.append(Problem(f"{here}.id", f"another rule has the id {rule.id}"))
        seen.add(rule.id)
        problems.extend(_of_one(rule, here, scripts))
    return problems + [Problem(f"{place}[{number}].wakes", reason) for number, reason in loops(rules)]


def check_rule(raw: Mapping[str, Any], others: Sequence[Rule] = (), scripts: Collection[str] | None = None) -> Rule:
    """Return one rule that may be saved beside others; places are within it.

    Raises:
        InvalidDefinition: it may not be saved.
    """
    problems: list[Problem] = []
    rule = read_rule(raw, "", problems)
    problems += [Problem(p.place.removeprefix("rules[0]").lstrip("."), p.reason) for p in _of_one(rule, "rules[0]", scripts)]
    together = [rule, *[other for other in others if other.id != rule.id]]
    problems += [Problem("wakes", reason) for number, reason in loops(together) if number == 0]
    if problems:
        raise InvalidDefinition(problems)
    return rule


def loops(rules: Sequence[Rule]) -> Iterator[tuple[int, str]]:
    """Return the rules that would wake themselves for ever, directly or through others: number and how.

    A rule that fires once, once a day or not again for a while ends a loop. The end of a sequence wakes rules whatever the rule
    says that started it.
    """
    free = {number: rule for number, rule in enumerate(rules) if rule.enabled and not rule.limited}
    woken = {number: [other for other, rule in free.items() if _wakes(free[number], rule)] for number in free}
    for number in free:
        if way := _way_back(number, woken):
            names = " → ".join(rules[step].name for step in (number, *way))
            yield number, f"it would wake itself for ever: {names}. Let one of them fire once, once a day, or not again for a while"


def _way_back(start: int, woken: Mapping[int, Sequence[int]]) -> list[int]:
    came_from: dict[int, int] = {}
    ahead = [start]
    while ahead:
        here = ahead.pop()
        for other in woken[here]:
            if other == start:
                way = [start]
                while here != start:
                    way.append(here)
                    here = came_from[here]
                return way[::-1]
            if other not in came_from:
                came_from[other] = here
                ahead.append(other)
    return []


def _wakes(rule: Rule, other: Rule) -> bool:
    """Return whether what `rule` does is what `other` waits for."""
    trigger = other.trigger
    for action in rule.actions:
        match action:
            case Enroll(sequence) if trigger.on == "sequence_finished" and trigger.of in {"", sequence}:
                return True
            case AddTag(tag) if rule.wakes and trigger.on == "tag_set" and trigger.of in {"", tag}:
                return True
            case HandOff() if rule.wakes and trigger.on == "handed_off":
                return True
            case Send() | SendScript() if rule.wakes and trigger.on == "no_reply":
                return True
    return False


def _of_one(rule: Rule, place: str, scripts: Collection[str] | None) -> Iterator[Problem]:
    if rule.trigger.on in TIMED and rule.trigger.after_s < 1:
        yield Problem(f"{place}.trigger.after_s", "say after how many seconds")
    if rule.trigger.on == "schedule":
        yield from _of_schedule(rule, place)
    if zone(rule.timezone) is None:
        yield Problem(f"{place}.timezone", f"there is no time zone {rule.timezone}: write it as Europe/Moscow")
    if not rule.actions:
        yield Problem(f"{place}.actions", "needs an action, else it does nothing")
    if len(rule.actions) > MOST_ACTIONS:
        yield Problem(f"{place}.actions", f"at most {MOST_ACTIONS} actions")
    if len(questions_of(rule.when)) > MOST_TESTS:
        yield Problem(f"{place}.when", f"at most {MOST_TESTS} questions")
    yield from condition_problems(rule.when, f"{place}.when")
    for number, action in enumerate(rule.actions):
        yield from action_problems(action, f"{place}.actions[{number}]", scripts)


def _of_schedule(rule: Rule, place: str) -> Iterator[Problem]:
    try:
        next_run(rule.trigger.cron, "UTC", _SOME_DAY)
    except InvalidDefinition as error:
        yield Problem(f"{place}.trigger.cron", error.problems[0].reason)
    for number, action in enumerate(rule.actions):
        if isinstance(action, SPOKEN):
            reason = "a schedule has no conversation: nobody is there to be written to, handed over or enrolled"
            yield Problem(f"{place}.actions[{number}].do", reason)


def condition_problems(condition: Condition, place: str, known: Callable[[str], Kind | None] = kind_of) -> Iterator[Problem]:
    """Yield what is wrong with a condition; `known` says of which type a fact is."""
    if isinstance(condition, Test):
        yield from _of_test(condition, place, known)
        return
    if condition.of == "any" and not condition.items:
        yield Problem(f"{place}.any", "needs at least one alternative, else it is never true")
    for number, item in enumerate(condition.items):
        yield from condition_problems(item, f"{place}.not" if condition.of == "not" else f"{place}.{condition.of}[{number}]", known)


def _of_test(test: Test, place: str, known: Callable[[str], Kind | None]) -> Iterator[Problem]:
    kind = known(test.fact)
    if kind is None:
        if test.fact:  # an empty one was told already
            yield Problem(
                f"{place}.fact", f"there is no {test.fact}{_close(test.fact)}; there are: {', '.join(FACTS)}, {VARIABLE}NAME, {HOOK}PATH"
            )
        return
    if test.op not in OPERATORS[kind]:
        yield Problem(f"{place}.op", f"{test.fact} can be asked: {', '.join(OPERATORS[kind])}")
    elif reason := _VALUE.get(test.op, _of_value)(test, kind):
        yield Problem(f"{place}.value", reason)


def _close(name: str) -> str:
    close = difflib.get_close_matches(name, FACTS, 1)
    return f" (do you mean {close[0]}?)" if close else ""


def _of_value(test: Test, kind: str) -> str:
    return "" if _fits(test.value, kind) else _WANTED[kind]


def _of_several(test: Test, _: str) -> str:
    fits = isinstance(test.value, tuple) and 0 < len(test.value) <= MOST_VALUES and all(_fits(item, "text") for item in test.value)
    return "" if fits else f"must be a list of 1 to {MOST_VALUES} texts"


def _of_range(test: Test, kind: str) -> str:
    fits = isinstance(test.value, tuple) and len(test.value) == 2 and all(_fits(item, kind) for item in test.value)
    return "" if fits else f"must be two values, from and to; each {_WANTED[kind]}"


def _of_pattern(test: Test, _: str) -> str:
    return pattern_problem(test.value if isinstance(test.value, str) else "")


_VALUE: Mapping[str, Any] = {
    "known": lambda test, _: "" if test.value is None else "needs no value",
    "unknown": lambda test, _: "" if test.value is None else "needs no value",
    "one_of": _of_several,
    "none_of": _of_several,
    "has_any": _of_several,
    "between": _of_range,
    "matches": _of_pattern,
}
_WANTED: Mapping[str, str] = {
    "text": f"must be a text of 1 to {LONGEST_VALUE} characters",
    "tags": f"must be a tag of 1 to {LONGEST_VALUE} characters",
    "number": "must be a number",
    "flag": "must be true or false",
    "clock": "must be a time of day, as 09:30",
}


def _fits(value: Any, kind: str) -> bool:
    match kind:
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
        case "flag":
            return isinstance(value, bool)
        case "clock":
            return minutes(value) is not None
        case _:
            return isinstance(value, str) and 0 < len(value) <= LONGEST_VALUE


def begun_in_vain(acts: Iterable[tuple[str, Action]], dialogues: Collection[str]) -> list[Problem]:
    """Return the actions that send scripts that ask, by their ids: a dialogue begins by what a customer says only.

    A step may be withdrawn because the customer wrote, and a rule may speak in the middle of another dialogue: then a question would stand
    that nobody read. Versions that are published with one go on and say the script's answer.
    """
    reason = "asks questions: a dialogue begins only by what a customer says. Choose a script that asks nothing, or send a text"
    sent = [(place, act.script) for place, act in acts if isinstance(act, SendScript) and act.script in dialogues]
    return [Problem(f"{place}.script", f"the script {script} {reason}") for place, script in sent]


def action_problems(action: Action, place: str, scripts: Collection[str] | None, facts: Collection[str] = ()) -> Iterator[Problem]:
    """Yield what is wrong with an action; `scripts` are the ids there are, None: not known; `facts` may be named besides those of rules."""
    match action:
        case Send(text) if not text:
            yield Problem(f"{place}.text", "needs a text in at least one language")
        case SendScript(script) if scripts is not None and script and script not in scripts:
            yield Problem(f"{place}.script", f"there is no script {script} that is switched on")
        case AddTag(tag) | RemoveTag(tag) if len(tag) > LONGEST_NAME:
            yield Problem(f"{place}.tag", f"is longer than {LONGEST_NAME} characters")
        case SetVariable(name, value):
            yield from _of_variable(name, value, place)
        case Crm():
            yield from text_problems(action, place, facts)
        case CallWebhook(url, _) if url and not _is_web(url):
            yield Problem(f"{place}.url", "must begin with https:// (or http://), name a host and contain no password")


def name_problem(name: str) -> str:
    """Return why a variable may not have this name; empty if it may."""
    fits = name.isidentifier() and name.isascii() and len(name) <= LONGEST_NAME
    return "" if fits else "use latin letters, digits and _, beginning with a letter"


def _of_variable(name: str, value: str, place: str) -> Iterator[Problem]:
    if name and (reason := name_problem(name)):
        yield Problem(f"{place}.name", reason)
    if len(value) > LONGEST_VALUE:
        yield Problem(f"{place}.value", f"is longer than {LONGEST_VALUE} characters")


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username and not parts.password
    except ValueError:
        return False
