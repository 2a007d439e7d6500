"""When steps are due: waits and hours in a customer's time zone, whatever its clocks do. Pure.

A time of day that a day does not have is the moment at which its clocks jump; one that comes twice is its first coming.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from actors.domain.sequences.models import DAY, Hours, Wait, WaitUntil

_AHEAD = 15  # days searched for an open hour: each weekday comes twice
UTC_ZONE = ZoneInfo("UTC")


def after_wait(wait: Wait, at: datetime, zone: ZoneInfo) -> datetime:
    """Return when a wait that begins at `at` is over, in UTC."""
    if wait.days:
        local = at.astimezone(zone)
        at = _moment(local.date() + timedelta(days=wait.days), local.hour * 60 + local.minute, zone)
        at += timedelta(seconds=local.second, microseconds=local.microsecond)
    return at.astimezone(UTC) + timedelta(seconds=wait.seconds)


def next_clock(wait: WaitUntil, at: datetime, zone: ZoneInfo) -> datetime:
    """Return the next time of day behind `at`, in UTC."""
    day = at.astimezone(zone).date() + timedelta(days=wait.days)
    for number in range(_AHEAD):
        candidate = day + timedelta(days=number)
        if wait.weekdays and candidate.weekday() not in wait.weekdays:
            continue
        moment = _moment(candidate, wait.at, zone)
        if moment > at:
            return moment
    raise AssertionError("every weekday comes within a fortnight")


def is_open(hours: Hours, at: datetime, zone: ZoneInfo) -> bool:
    """Return whether this moment is within the hours."""
    local = at.astimezone(zone)
    now = local.hour * 60 + local.minute
    if hours.weekdays and local.weekday() not in hours.weekdays:
        return False
    return _within(now, hours.start, hours.end) and not (
        hours.quiet_start != hours.quiet_end and _within(now, hours.quiet_start, hours.quiet_end)
    )


def next_open(hours: Hours, at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return `at`, or the first moment behind it at which a sequence may speak, in UTC; None if there is none."""
    if is_open(hours, at, zone):
        return at.astimezone(UTC)
    candidates = sorted(moment for moment in _beginnings(hours, at, zone) if moment > at)
    return next((moment for moment in candidates if is_open(hours, moment, zone)), None)


def _beginnings(hours: Hours, at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Return the moments at which hours may begin: those of every day, both times where clocks are turned back."""
    first = at.astimezone(zone).date()
    for number in range(_AHEAD):
        day = first + timedelta(days=number)
        for minute in {0, hours.start, hours.quiet_end}:
            yield _moment(day, minute, zone)
            yield _moment(day, minute, zone, fold=1)


def _within(now: int, start: int, end: int) -> bool:
    return start <= now < end if start < end else now >= start or now < end


def _moment(day: date, minute: int, zone: ZoneInfo, fold: int = 0) -> datetime:
    """Return a time of day as a moment; where clocks jump over it, the moment of the jump."""
    if minute >= DAY:
        day, minute = day + timedelta(days=1), minute - DAY
    local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone, fold=fold)
    moment = local.astimezone(UTC)
    back = moment.astimezone(zone)
    if (back.hour, back.minute) == (local.hour, local.minute):
        return moment
    return _jump(local, zone)


def _jump(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment of the jump over a local time that does not exist; PEP 495 has it between the two readings of it."""
    early, late = sorted(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        early, late = (middle, late) if middle.astimezone(zone).utcoffset() == before else (early, middle)
    return late.replace(microsecond=0)
