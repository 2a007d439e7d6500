"""When steps are due, over a year with both changes of clocks, in three zones; expectations are written by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.sequences.calendar import after_wait, is_open, next_clock, next_open
from actors.domain.sequences.engine import Progress, advance, preview, zone_of
from actors.domain.sequences.models import Hours, Wait, WaitUntil, read_sequence

BERLIN, NEW_YORK, MOSCOW = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Europe/Moscow")
# 2026: Berlin changes on 29 March and 25 October at 01:00 UTC, New York on 8 March at 07:00 and 1 November at 06:00 UTC.
ZONES = (BERLIN, NEW_YORK, MOSCOW)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def plan(*steps: dict[str, Any], **more: Any) -> Any:
    problems: list[Any] = []
    found = read_sequence({"id": "p", "steps": list(steps), **more}, "", problems)
    assert problems == []
    return found


SAY: dict[str, Any] = {"do": "send", "text": {"en": "Hello"}}


@pytest.mark.parametrize(
    ("zone", "at", "expected"),
    [
        (BERLIN, "2026-03-28T11:00", "2026-03-29T10:00"),  # noon stays noon: 23 hours
        (BERLIN, "2026-10-24T10:00", "2026-10-25T11:00"),  # and 25
        (BERLIN, "2026-03-28T01:30", "2026-03-29T01:00"),  # 02:30 does not exist: the moment of the jump
        (BERLIN, "2026-10-24T00:30", "2026-10-25T00:30"),  # 02:30 comes twice: the first
        (NEW_YORK, "2026-03-07T17:00", "2026-03-08T16:00"),
        (NEW_YORK, "2026-03-07T07:30", "2026-03-08T07:00"),
        (NEW_YORK, "2026-10-31T16:00", "2026-11-01T17:00"),
        (MOSCOW, "2026-03-28T09:00", "2026-03-29T09:00"),
    ],
)
def test_days_keep_the_time_of_day(zone: ZoneInfo, at: str, expected: str) -> None:
    assert after_wait(Wait(days=1), utc(at), zone) == utc(expected)


def test_seconds_are_counted() -> None:
    assert after_wait(Wait(seconds=86_400), utc("2026-03-28T11:00"), BERLIN) == utc("2026-03-29T11:00")


def test_nine_in_the_morning_for_a_year() -> None:
    """Every morning at nine, from the offsets that the zones had in 2026."""
    offsets: dict[ZoneInfo, Callable[[str], int]] = {
        BERLIN: lambda day: 2 if "2026-03-29" <= day < "2026-10-25" else 1,
        NEW_YORK: lambda day: -4 if "2026-03-08" <= day < "2026-11-01" else -5,
        MOSCOW: lambda day: 3,
    }
    for zone in ZONES:
        at = utc("2025-12-31T22:00") if zone is not NEW_YORK else utc("2026-01-01T05:00")
        for number in range(365):
            at = next_clock(WaitUntil(9 * 60), at, zone)
            day = (datetime(2026, 1, 1) + timedelta(days=number)).strftime("%Y-%m-%d")
            assert at == utc(f"{day}T09:00") - timedelta(hours=offsets[zone](day)), (zone, day)


def test_a_time_of_day_on_weekdays_only() -> None:
    friday = utc("2026-01-02T10:00")
    workdays = WaitUntil(9 * 60, frozenset({0, 1, 2, 3, 4}))
    assert next_clock(workdays, friday, MOSCOW) == utc("2026-01-05T06:00")
    assert next_clock(WaitUntil(9 * 60, frozenset({4})), utc("2026-01-02T06:00"), MOSCOW) == utc("2026-01-09T06:00")
    assert next_clock(WaitUntil(9 * 60, days=2), friday, MOSCOW) == utc("2026-01-04T06:00")


@pytest.mark.parametrize(
    ("hours", "at", "expected"),
    [
        (Hours(9 * 60, 20 * 60), "2026-01-05T18:00", "2026-01-06T06:00"),  # 21:00 in Moscow
        (Hours(9 * 60, 20 * 60), "2026-01-05T12:34", "2026-01-05T12:34"),
        (Hours(9 * 60, 20 * 60, 13 * 60, 14 * 60), "2026-01-05T10:30", "2026-01-05T11:00"),
        (Hours(weekdays=frozenset({0})), "2026-01-05T21:00", "2026-01-11T21:00"),  # Monday begins
        (Hours(22 * 60, 6 * 60), "2026-01-05T09:00", "2026-01-05T19:00"),
        (Hours(0, 60, 0, 60), "2026-01-05T09:00", None),
    ],
)
def test_hours(hours: Hours, at: str, expected: str | None) -> None:
    assert next_open(hours, utc(at), MOSCOW) == (utc(expected) if expected else None)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),
    st.sampled_from(ZONES),
    st.integers(0, 1439),
    st.integers(0, 1440),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.frozensets(st.integers(0, 6)),
)
def test_the_first_open_moment_is_the_one_that_walking_finds(
    at: datetime, zone: ZoneInfo, start: int, end: int, quiet: int, until: int, weekdays: frozenset[int]
) -> None:
    hours, at = Hours(start, end, quiet, until, weekdays), at.replace(second=0, microsecond=0, tzinfo=UTC)
    found = next_open(hours, at, zone)
    walked = next((m for m in (at + timedelta(minutes=n) for n in range(8 * 1440)) if is_open(hours, m, zone)), None)
    assert found == walked


def test_a_preview_is_what_happens() -> None:
    follow = plan(
        SAY,
        {"do": "wait", "days": 1},
        SAY,
        {"do": "wait", "seconds": 3 * 3600},
        SAY,
        {"do": "wait_until", "clock": "12:00", "weekdays": ["mon"]},
        SAY,
        hours={"from": "09:00", "to": "18:00", "weekdays": ["mon", "tue", "wed", "thu", "fri"]},
    )
    # Friday the 23rd of October; clocks are turned back on Sunday.
    planned = [(one.number, one.at) for one in preview(follow, utc("2026-10-23T20:00"), BERLIN)]
    assert planned == [
        (0, utc("2026-10-26T08:00")),
        (2, utc("2026-10-27T08:00")),
        (4, utc("2026-10-27T11:00")),
        (6, utc("2026-11-02T11:00")),
    ]


def test_a_clock_that_jumps_an_hour_makes_nothing_happen_twice() -> None:
    follow = plan(SAY, {"do": "wait", "seconds": 1800}, SAY, {"do": "wait", "seconds": 1800}, SAY)
    said: list[int] = []
    clock, progress = utc("2026-05-05T10:00"), Progress(0, utc("2026-05-05T10:00"))
    for minute in range(400):
        clock += timedelta(minutes=1)
        clock += {30: timedelta(hours=1), 45: timedelta(hours=-1), 200: timedelta(hours=1)}.get(minute, timedelta())
        if progress.next_at is not None and progress.next_at <= clock:
            progress = advance(follow, progress.step, clock, MOSCOW, lambda number, _: said.append(number), lambda _: True)
    assert said == [0, 2, 4]


def test_the_customers_zone_comes_first() -> None:
    assert zone_of("Asia/Tokyo", "Europe/Moscow").key == "Asia/Tokyo"
    assert zone_of(None, "Europe/Moscow").key == "Europe/Moscow"
    assert zone_of("Nowhere", "Nowhere/Else").key == "UTC"
