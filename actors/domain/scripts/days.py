"""Which day a customer means. Pure: the calendar is that of the moment that is given."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from actors.domain.text import stem, words

_DATE = re.compile(r"(?<![0-9])(?:([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})|([0-9]{1,2})[./]([0-9]{1,2})(?:[./]([0-9]{4}))?)(?![0-9])")
_AHEAD = {"сегодня": 0, "today": 0, "завтра": 1, "tomorrow": 1, "послезавтра": 2}
_AFTER = ("day", "after", "tomorrow")
_WEEKDAYS = (
    ("понедельник", "пн", "monday", "mon"),
    ("вторник", "вт", "tuesday", "tue"),
    ("среда", "ср", "wednesday", "wed"),
    ("четверг", "чт", "thursday", "thu"),
    ("пятница", "пт", "friday", "fri"),
    ("суббота", "сб", "saturday", "sat"),
    ("воскресенье", "вс", "sunday", "sun"),
)
_NUMBERS = {stem(name): number for number, names in enumerate(_WEEKDAYS) for name in names}
_UNCLEAR = frozenset({stem(word) for word in ("следующий", "через", "прошлый", "next", "last", "не", "not")})  # "next Friday" is two days


def day_of(text: str, today: date) -> date | None:
    """Return the day a text names, None if it names none, several, or one of which people think differently.

    A day without a year is the next one, today included; a weekday is the next one, today excluded: who means today says so.
    """
    found = {*_written(text, today), *_said(text, today)}
    return found.pop() if len(found) == 1 else None


def _written(text: str, today: date) -> Iterator[date | None]:
    for parts in _DATE.findall(text):
        year, month, day = (parts[0], parts[1], parts[2]) if parts[0] else (parts[5], parts[4], parts[3])
        yield _exists(int(year), int(month), int(day)) if year else _next(int(month), int(day), today)


def _said(text: str, today: date) -> Iterator[date | None]:
    said = words(text)
    named = [today + timedelta(days=_AHEAD[word]) for word in said.folded if word in _AHEAD]
    if _AFTER in zip(said.folded, said.folded[1:], said.folded[2:], strict=False):
        named = [today + timedelta(days=2)]
    weekdays = [_NUMBERS[each] for each in said.stems if each in _NUMBERS]
    named += [today + timedelta(days=(number - today.weekday() - 1) % 7 + 1) for number in weekdays]
    yield from named
    if named and not _UNCLEAR.isdisjoint(said.stems):
        yield None


def _next(month: int, day: int, today: date) -> date | None:
    return next((found for more in range(9) if (found := _exists(today.year + more, month, day)) and found >= today), None)


def _exists(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:  # the 29th of February of most years
        return None
