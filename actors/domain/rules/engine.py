"""Which rules fire: indexed by what wakes them, so that the cost follows the rules of one trigger, not all there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actors.domain.rules.conditions import Check, compiled, questions_of
from actors.domain.rules.facts import Facts, OutOfBudget, zone
from actors.domain.rules.models import TIMED, On, Rule, Test

LISTED = 50  # losers kept by name; beyond, only their number
ELSEWHERE = "another rule stopped the rest"
SPENT = "the rules before it took all the time there is for one event"


@dataclass(frozen=True, slots=True)
class Wake:
    """What happened. `of`: the tag, the script or the sequence; `after_s`: of a timer; `rule`: the only one it is for, empty: all."""

    on: On
    of: str = ""
    after_s: float = 0.0
    rule: str = ""

    @property
    def facts(self) -> dict[str, Any]:
        """Return what it says by itself."""
        return {"script.id": self.of} if self.on in {"script_matched", "script_finished"} else {}


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that fires, and what it asked with what it found."""

    rule: Rule
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """A rule that was considered and does not fire; `reason` is the first test that failed or is unknown."""

    rule_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How an event fared against the rules it wakes."""

    fired: tuple[Fired, ...] = ()
    lost: tuple[Lost, ...] = ()
    unlisted: int = 0
    spent: str = ""  # the rule at which the budget was over
    stopper: str = ""  # the rule after which no other was asked


NOTHING = Evaluation()


class _Ready:
    """A rule with its condition made ready."""

    __slots__ = ("check", "rule", "tests")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.check: Check = compiled(rule.when, rule.timezone)
        self.tests: list[Test] = questions_of(rule.when)


class RuleIndex:
    """All rules of an agent version, in their order; immutable after construction. False if there are none."""

    __slots__ = ("_by_trigger", "_waits", "rules", "scripts")

    def __init__(self, rules: Iterable[Rule] = (), scripts: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self.rules = tuple(rules)
        self.scripts = scripts or {}
        self._by_trigger: dict[On, list[_Ready]] = {}
        for rule in self.rules:
            self._by_trigger.setdefault(rule.trigger.on, []).append(_Ready(rule))
        self._waits = {on: tuple(sorted({r.trigger.after_s for r in self.rules if r.trigger.on == on})) for on in TIMED}

    def __bool__(self) -> bool:
        return bool(self.rules)

    def waits(self, on: On) -> tuple[float, ...]:
        """Return after how many seconds rules of a timed trigger want to be woken."""
        return self._waits.get(on, ())

    def wakes_any(self, on: On) -> bool:
        """Return whether any rule has this trigger."""
        return on in self._by_trigger

    def evaluate(self, wake: Wake, facts: Facts, memory: Mapping[str, int], now: datetime) -> Evaluation:
        """Return which rules fire, in their order, and why the others do not."""
        fired: list[Fired] = []
        lost: list[Lost] = []
        stopper = ""
        ready = self._by_trigger.get(wake.on, ())
        if wake.rule:
            ready = [one for one in ready if one.rule.id == wake.rule]
        for number, one in enumerate(ready):
            try:
                reason = _why_not(one, wake, facts, memory, now)
                if reason is None:
                    fired.append(Fired(one.rule, _found(one, facts)))
            except OutOfBudget:
                rest = [Lost(other.rule.id, SPENT) for other in ready[number:]]
                return _evaluation(fired, lost + rest, spent=one.rule.id)
            if reason is not None:
                lost.append(Lost(one.rule.id, reason))
            elif one.rule.stops:
                lost += [Lost(other.rule.id, ELSEWHERE) for other in ready[number + 1 :]]
                stopper = one.rule.id
                break
        return _evaluation(fired, lost, stopper=stopper)


NO_RULES = RuleIndex()


def _evaluation(fired: list[Fired], lost: list[Lost], *, spent: str = "", stopper: str = "") -> Evaluation:
    return Evaluation(tuple(fired), tuple(lost[:LISTED]), max(0, len(lost) - LISTED), spent, stopper)


def _why_not(one: _Ready, wake: Wake, facts: Facts, memory: Mapping[str, int], now: datetime) -> str | None:
    """Return why a rule does not fire, None if it does."""
    trigger = one.rule.trigger
    if (trigger.of and trigger.of != wake.of) or (trigger.on in TIMED and trigger.after_s != wake.after_s):
        return "it waits for another one"
    if one.rule.limited and (reason := _too_soon(one.rule, memory.get(one.rule.id), now)):
        return reason
    value, number = one.check(facts)
    if value:
        return None
    if number < 0:
        return "no alternative is there"
    return f"{'unknown: ' if value is None else ''}{one.tests[number]}"


def _too_soon(rule: Rule, last: int | None, now: datetime) -> str:
    if last is None:
        return ""
    if rule.limit == "once":
        return "it fired in this conversation already"
    where = zone(rule.timezone)
    if rule.limit == "daily" and datetime.fromtimestamp(last, where).date() == now.astimezone(where).date():
        return "it fired today already"
    return "it fired a short time ago" if now.timestamp() - last < rule.cooldown_s else ""


def _found(one: _Ready, facts: Facts) -> tuple[str, ...]:
    return tuple([f"{test} ({_shown(facts.get(test.fact, one.rule.timezone))})" for test in one.tests])


def _shown(value: Any) -> str:
    return "unknown" if value is None else f"{value}"[:100]
