"""How far an enrollment goes now, and when it goes on. Pure: what a step does and what a condition says is asked of the caller."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import assert_never
from zoneinfo import ZoneInfo

from actors.domain.errors import InvalidInput, Problem
from actors.domain.rules.facts import zone
from actors.domain.rules.models import Condition, HandOff
from actors.domain.sequences.calendar import UTC_ZONE, after_wait, is_open, next_clock, next_open
from actors.domain.sequences.models import Check, Do, Sequence, Step, Wait, WaitUntil, read_sequence

Perform = Callable[[int, Step], None]
Ask = Callable[[Condition], bool]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an enrollment is now. `next_at` is None where it ended; then `reason` says why."""

    step: int
    next_at: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """A step of a preview and when it is carried out."""

    number: int
    step: Step
    at: datetime


class SequenceIndex:
    """The sequences of an agent version, by their ids; `raw` is what enrollments copy. False if there are none."""

    __slots__ = ("_raw", "sequences")

    def __init__(self, sequences: Mapping[str, Sequence] | None = None, raw: Mapping[str, Mapping[str, object]] | None = None) -> None:
        self.sequences = sequences or {}
        self._raw = raw or {}

    def __bool__(self) -> bool:
        return bool(self.sequences)

    def raw(self, key: str) -> Mapping[str, object]:
        """Return the definition of a sequence as enrollments keep it."""
        return self._raw[key]


NO_SEQUENCES = SequenceIndex()


def advance(sequence: Sequence, step: int, now: datetime, where: ZoneInfo, perform: Perform, ask: Ask) -> Progress:
    """Carry out what is due and return where the enrollment is then.

    Args:
        sequence: the enrollment's own copy.
        step: the first step to carry out; behind the last one: the time to listen is over.
        now: when.
        where: the customer's time zone.
        perform: carries out an action.
        ask: says whether a condition is true.
    """
    spoke = False
    while step < len(sequence.steps):
        current = sequence.steps[step]
        match current.act:
            case Wait() | WaitUntil():
                return Progress(step + 1, _due(sequence, step, now, where))
            case Check(when, otherwise, skip):
                if ask(when):
                    step += 1
                elif otherwise == "skip":
                    step += 1 + skip
                else:
                    return _ended(sequence, now, "check", spoke)
            case Do(action):
                if current.speaks and not is_open(sequence.hours, now, where):
                    return _held(sequence, step, now, where)
                perform(step, current)
                spoke = spoke or current.speaks
                step = len(sequence.steps) if isinstance(action, HandOff) else step + 1
            case _:
                assert_never(current.act)
    return _ended(sequence, now, "end", spoke)


def preview(sequence: Sequence, start: datetime, where: ZoneInfo) -> list[Planned]:
    """Return when each step would be carried out, if nobody answered and every condition were true."""
    planned: list[Planned] = []
    progress = Progress(0, start)
    while progress.next_at is not None and progress.step < len(sequence.steps):
        now = progress.next_at
        done: list[int] = []
        progress = advance(sequence, progress.step, now, where, partial(_note, done), lambda _: True)
        planned += [Planned(number, sequence.steps[number], now) for number in done]
    return planned


def _note(done: list[int], number: int, _: Step) -> None:
    done.append(number)


def zone_of(*names: str | None) -> ZoneInfo:
    """Return the first of these time zones that there is."""
    found: Iterator[ZoneInfo | None] = (zone(name) for name in names if name)
    return next((one for one in found if one is not None), UTC_ZONE)


@lru_cache(maxsize=512)
def read_copy(text: str) -> Sequence:
    """Return an enrollment's own copy of a sequence; thousands of enrollments share one text.

    Raises:
        InvalidInput: it is not what this code can read.
    """
    problems: list[Problem] = []
    try:
        sequence = read_sequence(json.loads(text), "", problems)
    except ValueError as error:
        raise InvalidInput(f"not a sequence: {error}") from None
    if problems:
        raise InvalidInput(f"not a sequence: {problems[0].place}: {problems[0].reason}")
    return sequence


def _due(sequence: Sequence, step: int, now: datetime, where: ZoneInfo) -> datetime:
    """Return when a wait is over; if something is said next, not before it may be said."""
    act = sequence.steps[step].act
    assert isinstance(act, Wait | WaitUntil)
    due = after_wait(act, now, where) if isinstance(act, Wait) else next_clock(act, now, where)
    following = sequence.steps[step + 1] if step + 1 < len(sequence.steps) else None
    if following is None or not following.speaks:
        return due
    return next_open(sequence.hours, due, where) or due


def _held(sequence: Sequence, step: int, now: datetime, where: ZoneInfo) -> Progress:
    opens = next_open(sequence.hours, now, where)
    return Progress(step, opens, "" if opens else "closed")


def _ended(sequence: Sequence, now: datetime, reason: str, spoke: bool) -> Progress:
    """End it, or listen for a while whether the customer answers what was said last."""
    end = len(sequence.steps)
    return Progress(end, now + timedelta(seconds=sequence.listens_s)) if spoke else Progress(end, None, reason)
