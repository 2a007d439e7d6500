"""When a schedule is due, also where clocks change."""

from datetime import UTC, datetime

import pytest

from actors.domain.cron import last_run, next_run
from actors.domain.errors import InvalidDefinition


@pytest.mark.parametrize(
    ("cron", "zone", "after", "due"),
    [
        ("17 3 * * *", "UTC", "2026-01-01T00:00", "2026-01-01T03:17"),
        ("17 3 * * *", "UTC", "2026-01-01T03:17", "2026-01-02T03:17"),  # strictly after
        ("0 9 * * 1-5", "Europe/Moscow", "2026-01-02T06:00", "2026-01-05T06:00"),  # Friday 9:00 is over: Monday
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T01:00"),  # 2:30 does not exist: right after the gap
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T00:30"),  # 2:30 comes twice: the first one
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30", "2026-10-26T01:30"),  # and only that
        ("*/15 * * * *", "Asia/Kolkata", "2026-01-01T00:01", "2026-01-01T00:15"),
    ],
)
def test_the_next_run(cron: str, zone: str, after: str, due: str) -> None:
    assert next_run(cron, zone, datetime.fromisoformat(after).replace(tzinfo=UTC)) == datetime.fromisoformat(due).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "zone", "first", "now", "last"),
    [
        ("0 9 * * *", "UTC", "2026-01-01T09:00", "2026-01-01T09:00", "2026-01-01T09:00"),
        ("0 9 * * *", "UTC", "2026-01-01T09:00", "2026-01-05T08:59", "2026-01-04T09:00"),
        ("* * * * *", "UTC", "2026-01-01T09:00", "2027-01-01T09:00", "2027-01-01T09:00"),  # at once, however long ago
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00", "2026-03-29T01:05", "2026-03-29T01:00"),  # after the gap
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30", "2026-10-25T01:40", "2026-10-25T00:30"),  # 2:30 comes again: not due
    ],
)
def test_what_is_made_up_for_after_an_outage(cron: str, zone: str, first: str, now: str, last: str) -> None:
    began, late = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, now))
    assert last_run(cron, zone, began, late) == datetime.fromisoformat(last).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "zone", "place"),
    [
        ("* * * *", "UTC", "cron"),
        ("0 * * * * *", "UTC", "cron"),  # seconds are cronsim's own
        ("61 * * * *", "UTC", "cron"),
        ("0 0 31 2 *", "UTC", "cron"),
        ("nonsense", "UTC", "cron"),
        ("0 3 * * *", "Mars/Olympus", "time_zone"),
        ("0 3 * * *", "/etc/passwd", "time_zone"),
        ("0 3 * * *", "../UTC", "time_zone"),
        ("0 3 * * *", "Europe", "time_zone"),
        ("0 3 * * *", "", "time_zone"),
    ],
)
def test_what_is_no_schedule_says_where(cron: str, zone: str, place: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        next_run(cron, zone, datetime(2026, 1, 1, tzinfo=UTC))
    assert [problem.place for problem in refused.value.problems] == [place]
