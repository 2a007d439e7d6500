"""Conditions made ready to be asked: three-valued, as Kleene has it. What is not known makes neither true nor false."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import re2

from actors.domain.rules.facts import ANSWERS, Facts, Kind, kind_of
from actors.domain.rules.models import Condition, Test
from actors.domain.text import MATCHED_CHARACTERS, fold

Verdict: TypeAlias = "tuple[bool | None, int]"  # and the number of the test that decided it, -1 if none did
Check: TypeAlias = Callable[[Facts], Verdict]
Ask: TypeAlias = Callable[[Any], bool]

LONGEST_PATTERN = 500
_MEMORY = 1 << 20  # bytes of one compiled pattern
ALWAYS = ("known", "unknown")
OPERATORS: Mapping[Kind, tuple[str, ...]] = {
    "text": ("is", "is_not", "one_of", "none_of", "contains", "not_contains", "starts_with", "matches", *ALWAYS),
    "number": ("is", "is_not", "less", "at_most", "more", "at_least", "between", *ALWAYS),
    "flag": ("is", *ALWAYS),
    "tags": ("has", "has_not", "has_any", *ALWAYS),
    "clock": ("before", "after", "between", *ALWAYS),
}


class BadPattern(ValueError):
    """No expression of RE2."""


def pattern(text: str) -> Any:
    """Return a compiled expression that ignores case; RE2 takes time in proportion to the text, whatever the expression.

    Raises:
        BadPattern: with the reason.
    """
    options = re2.Options()
    options.case_sensitive, options.max_mem, options.log_errors = False, _MEMORY, False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        raise BadPattern(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None


def folded_pattern(text: str) -> Any:
    """Return a compiled expression for texts that were folded.

    Raises:
        BadPattern: with the reason.
    """
    return pattern(text.replace("ё", "е").replace("Ё", "Е"))


def pattern_problem(text: str) -> str:
    """Return what is wrong with an expression; empty if nothing."""
    if not 0 < len(text) <= LONGEST_PATTERN:
        return f"must be an expression of at most {LONGEST_PATTERN} characters"
    try:
        pattern(text)
    except BadPattern as error:
        return f"is no regular expression (RE2): {error}"
    return ""


def minutes(text: Any) -> int | None:
    """Return `HH:MM` as minutes since midnight; None if it is no time of day."""
    if not isinstance(text, str) or len(text) != 5 or text[2] != ":" or not (text[:2] + text[3:]).isascii():
        return None
    if not (text[:2] + text[3:]).isdigit() or int(text[:2]) > 23 or int(text[3:]) > 59:
        return None
    return int(text[:2]) * 60 + int(text[3:])


def questions_of(condition: Condition) -> list[Test]:
    """Return the tests of a condition in their order; `Verdict` counts in it."""
    if isinstance(condition, Test):
        return [condition]
    return [test for item in condition.items for test in questions_of(item)]


def compiled(condition: Condition, tz: str) -> Check:
    """Return a condition ready to be asked; times are those of the zone."""
    return _compiled(condition, tz, [0])


def _compiled(condition: Condition, tz: str, counter: list[int]) -> Check:
    if isinstance(condition, Test):
        number = counter[0]
        counter[0] += 1
        return _test(condition, tz, number)
    checks = [_compiled(item, tz, counter) for item in condition.items]
    match condition.of:
        case "all":
            return _all(checks)
        case "any":
            return _any(checks)
        case _:
            return _not(checks[0])


def _all(checks: Sequence[Check]) -> Check:
    def check(facts: Facts) -> Verdict:
        unknown: Verdict | None = None
        for item in checks:
            verdict = item(facts)
            if verdict[0] is False:
                return verdict
            if verdict[0] is None and unknown is None:
                unknown = verdict
        return unknown or (True, -1)

    return check


def _any(checks: Sequence[Check]) -> Check:
    def check(facts: Facts) -> Verdict:
        first: Verdict | None = None
        unknown: Verdict | None = None
        for item in checks:
            verdict = item(facts)
            if verdict[0]:
                return verdict
            if verdict[0] is None:
                unknown = unknown or verdict
            else:
                first = first or verdict
        return unknown or first or (False, -1)

    return check


def _not(inner: Check) -> Check:
    def check(facts: Facts) -> Verdict:
        value, number = inner(facts)
        return (None if value is None else not value), number

    return check


def _test(test: Test, tz: str, number: int) -> Check:
    fact = test.fact
    if test.op in ALWAYS:
        wanted = test.op == "known"
        return lambda facts: ((facts.get(fact, tz) is not None) is wanted, number)
    kind = kind_of(fact) or ANSWERS.get(fact, "text")
    ask = _ASKS[kind](test)
    if kind == "text":
        return _text_check(fact, tz, number, ask)

    def check(facts: Facts) -> Verdict:
        value = facts.get(fact, tz)
        return (None, number) if value is None else (ask(value), number)

    return check


def _text_check(fact: str, tz: str, number: int, ask: Ask) -> Check:
    def check(facts: Facts) -> Verdict:
        value = facts.get(fact, tz)
        return (None, number) if value is None else (ask(facts.folded(fact, str(value)[:MATCHED_CHARACTERS])), number)

    return check


def _text(test: Test) -> Ask:
    if test.op == "matches":
        found = folded_pattern(str(test.value))
        return lambda value: found.search(value) is not None
    if test.op in {"one_of", "none_of"}:
        several = frozenset(fold(str(item)) for item in test.value)
        return (lambda value: value in several) if test.op == "one_of" else (lambda value: value not in several)
    one = fold(str(test.value))
    asks: Mapping[str, Ask] = {
        "is": lambda value: bool(value == one),
        "is_not": lambda value: bool(value != one),
        "contains": lambda value: one in value,
        "not_contains": lambda value: one not in value,
        "starts_with": lambda value: bool(value.startswith(one)),
    }
    return asks[test.op]


def _number(test: Test) -> Ask:
    low, high = test.value if test.op == "between" else (test.value, test.value)
    asks: Mapping[str, Ask] = {
        "is": lambda value: bool(value == low),
        "is_not": lambda value: bool(value != low),
        "less": lambda value: bool(value < low),
        "at_most": lambda value: bool(value <= low),
        "more": lambda value: bool(value > low),
        "at_least": lambda value: bool(value >= low),
        "between": lambda value: bool(low <= value <= high),
    }
    return asks[test.op]


def _flag(test: Test) -> Ask:
    return lambda value: value is test.value


def _tags(test: Test) -> Ask:
    if test.op == "has_any":
        several = frozenset(test.value)
        return lambda value: not several.isdisjoint(value)
    one = test.value
    return (lambda value: one in value) if test.op == "has" else (lambda value: one not in value)


def _clock(test: Test) -> Ask:
    if test.op == "between":
        low, high = minutes(test.value[0]) or 0, minutes(test.value[1]) or 0
        if low > high:  # over midnight
            return lambda value: value >= low or value < high
        return lambda value: low <= value < high
    at = minutes(test.value) or 0
    return (lambda value: value < at) if test.op == "before" else (lambda value: value >= at)


_ASKS: Mapping[Kind, Callable[[Test], Ask]] = {"text": _text, "number": _number, "flag": _flag, "tags": _tags, "clock": _clock}
