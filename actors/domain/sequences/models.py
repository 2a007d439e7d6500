"""Sequences in words: their steps, the hours in which they may speak, what ends them, who may be enrolled again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from actors.domain.errors import Problem
from actors.domain.fields import Fields
from actors.domain.rules.conditions import minutes
from actors.domain.rules.crm import READERS as CRM
from actors.domain.rules.facts import WEEKDAYS
from actors.domain.rules.models import EVERYTHING, Action, Condition, HandOff, Send, SendScript, read_action, read_condition

DAY = 1_440  # minutes
MOST_DAYS = 365
StopsOn = Literal["replied", "handed_off", "lead_moved"]
Again = Literal["never", "ended", "restart"]
STOPS_ON: tuple[StopsOn, ...] = get_args(StopsOn)
STOPS_UNSAID: tuple[StopsOn, ...] = ("replied", "handed_off")  # where a sequence does not say what ends it
AGAIN: tuple[Again, ...] = get_args(Again)
ACTIONS = ("send", "send_script", "set_variable", "add_tag", "remove_tag", "call_webhook", "notify", "assign", "hand_off", *CRM)
DOES = (*ACTIONS, "wait", "wait_until", "check")


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on later: `days` keep the time of day, whatever clocks do between; `seconds` are counted."""

    days: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Go on at a time of day, in minutes since midnight; the next one on such a day, and not before `days` have passed."""

    at: int
    weekdays: frozenset[int] = frozenset()  # Monday is 0; empty: any
    days: int = 0


@dataclass(frozen=True, slots=True)
class Check:
    """Go on if it is true; else finish, or skip the next steps."""

    when: Condition = EVERYTHING
    otherwise: Literal["finish", "skip"] = "finish"
    skip: int = 1


@dataclass(frozen=True, slots=True)
class Do:
    """An action as rules have it."""

    action: Action

    @property
    def speaks(self) -> bool:
        """Return whether the customer reads something."""
        return isinstance(self.action, Send | SendScript | HandOff)


@dataclass(frozen=True, slots=True)
class Step:
    """A step under an id that stays its own when others are added before it."""

    id: str
    do: str
    act: Wait | WaitUntil | Check | Do

    @property
    def speaks(self) -> bool:
        """Return whether the customer reads something."""
        return isinstance(self.act, Do) and self.act.speaks


@dataclass(frozen=True, slots=True)
class Hours:
    """When something may speak, in minutes since midnight of a time zone's day. `from` above `to` goes over midnight."""

    start: int = 0
    end: int = DAY
    quiet_start: int = 0  # equal to quiet_end: no quiet hours
    quiet_end: int = 0
    weekdays: frozenset[int] = frozenset()  # empty: any


@dataclass(frozen=True, slots=True)
class Sequence:
    """A plan of steps. `listens_s`: for how long after the last message an answer still counts as one to the sequence."""

    id: str
    name: str
    steps: tuple[Step, ...] = ()
    enabled: bool = True
    timezone: str = "UTC"  # of customers whose own is not known
    hours: Hours = field(default_factory=Hours)
    stops_on: tuple[StopsOn, ...] = STOPS_UNSAID
    again: Again = "never"
    again_after_s: float = 0.0
    goal: Condition | None = None
    listens_s: float = 86_400.0


def read_sequence(raw: object, place: str, problems: list[Problem]) -> Sequence:
    """Read one sequence of a definition; what is wrong is added to `problems`."""
    fields = Fields(raw, place, problems)
    sequence_id = fields.text("id", required=True)
    goal = fields.inner("goal") or None
    again = fields.choice("again", "never", AGAIN)
    return Sequence(
        id=sequence_id,
        name=fields.text("name", sequence_id),
        steps=fields.objects("steps", lambda item, there: _step(item, there, problems)),
        enabled=fields.flag("enabled", True),
        timezone=fields.text("timezone", "UTC"),
        hours=read_hours(fields.inner("hours") or {}, _at(place, "hours"), problems),
        stops_on=_stops_on(raw, fields),
        again=next((known for known in AGAIN if known == again), "never"),
        again_after_s=fields.number("again_after_s", 0.0, 0.0, MOST_DAYS * 86_400.0),
        goal=read_condition(goal, _at(place, "goal"), problems) if goal is not None else None,
        listens_s=fields.number("listens_s", 86_400.0, 60.0, 90 * 86_400.0),
    )


def _stops_on(raw: object, fields: Fields) -> tuple[StopsOn, ...]:
    if not isinstance(raw, Mapping) or "stops_on" not in raw:
        return STOPS_UNSAID
    given = fields.texts("stops_on")
    for number, name in enumerate(given):
        if name not in STOPS_ON:
            fields.wrong(f"stops_on[{number}]", f"must be one of: {', '.join(STOPS_ON)}")
    return tuple([known for known in STOPS_ON if known in given])


def read_hours(raw: object, place: str, problems: list[Problem]) -> Hours:
    """Read hours, as `{"from": "09:00", "to": "18:00", "weekdays": ["mon"]}`; empty: always. What is wrong is added to `problems`."""
    fields = Fields(raw, place, problems)
    return Hours(
        start=_clock(fields, "from", 0),
        end=_clock(fields, "to", DAY),
        quiet_start=_clock(fields, "quiet_from", 0),
        quiet_end=_clock(fields, "quiet_to", 0),
        weekdays=_weekdays(fields),
    )


def _clock(fields: Fields, name: str, default: int) -> int:
    text = fields.text(name)
    if not text:
        return default
    if text == "24:00":
        return DAY
    found = minutes(text)
    if found is None:
        fields.wrong(name, "must be a time of day, as 09:30")
    return default if found is None else found


def _weekdays(fields: Fields) -> frozenset[int]:
    given = fields.texts("weekdays")
    for number, name in enumerate(given):
        if name not in WEEKDAYS:
            fields.wrong(f"weekdays[{number}]", f"must be one of: {', '.join(WEEKDAYS)}")
    return frozenset([WEEKDAYS.index(name) for name in given if name in WEEKDAYS])


def _step(raw: object, place: str, problems: list[Problem]) -> Step:
    fields = Fields(raw, place, problems)
    do = fields.choice("do", "", DOES)
    return Step(fields.text("id"), do, _act(do, raw, fields, problems))


def _act(do: str, raw: object, fields: Fields, problems: list[Problem]) -> Wait | WaitUntil | Check | Do:
    match do:
        case "wait":
            return Wait(_whole(fields, "days", 0, 0, MOST_DAYS), fields.number("seconds", 0.0, 0.0, MOST_DAYS * 86_400.0))
        case "wait_until":
            fields.text("clock", required=True)
            return WaitUntil(_clock(fields, "clock", 0), _weekdays(fields), _whole(fields, "days", 0, 0, MOST_DAYS))
        case "check":
            when = read_condition(fields.inner("when"), _at(fields.place, "when"), problems)
            otherwise = fields.choice("otherwise", "finish", ("finish", "skip"))
            return Check(when, "skip" if otherwise == "skip" else "finish", _whole(fields, "skip", 1, 1, 100))
        case _:
            return Do(read_action(raw, fields.place, problems if do in ACTIONS else []))


def _whole(fields: Fields, name: str, default: int, low: int, high: int) -> int:
    value = fields.number(name, default, low, high)
    if value != int(value):
        fields.wrong(name, "must be a whole number")
    return int(value)


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def as_definition(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sequence as enrollments copy it: steps without an id get one, so that a later change can find their place."""
    steps = [item if item.get("id") else {**item, "id": f"s{number}"} for number, item in enumerate(raw.get("steps", ()), 1)]
    return {**raw, "steps": steps}
