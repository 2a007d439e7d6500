"""What an owner reads of a day."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from actors.domain.digest import DigestFacts, day_before, digest, hours_of
from actors.domain.rollups import Tally, bucket_of

TALLY = Tally(100, 120, 108, 7, 3, 2, 420_000, Counter({bucket_of(1.0): 90, bucket_of(150.0): 10}))
BUSY = DigestFacts("Тёплый дом", date(2026, 11, 26), TALLY, 1, 3, 12, 1, 0)


def test_a_busy_day_is_told_in_the_readers_language() -> None:
    assert digest(BUSY, "ru", "https://cb.example/manage/1") == (
        "Тёплый дом, 26.11.2026\n\n"
        "Сообщений: 120\nОтвечено без участия человека: 108 (90 %)\nВремя ответа: 1,0 с, 95 % за 3 мин\nПередано людям: 7\n"
        "Ошибок: 2, заданий не выполнено: 1\nМодели: 0,42 $\n\n"
        "Сейчас нужны вы:\n• ждут человека: 3\n• остались без ответа: 12\n• подключения, которые не работают: 1\n\n"
        "https://cb.example/manage/1"
    )
    english = digest(BUSY, "en", "")
    assert english.startswith("Тёплый дом, 26 Nov 2026\n\nMessages: 120\nAnswered without a person: 108 (90 %)\n")
    assert english.endswith("• connections that do not work: 1")
    assert "Time to answer: 1.0 s, 95 % within 3 min" in english
    assert digest(BUSY, "fr", "") == english


def test_a_day_on_which_nobody_wrote() -> None:
    quiet = replace(BUSY, tally=Tally(), failed_jobs=0, waiting=0, unanswered=0, broken=0)
    assert digest(quiet, "en", "") == ("Тёплый дом, 26 Nov 2026\n\nNobody wrote.\nErrors: 0, jobs that failed: 0\n\nNothing needs you now.")


@pytest.mark.parametrize(
    ("zone", "now", "day", "hours"),
    [
        ("UTC", datetime(2026, 3, 1, 0, 0, tzinfo=UTC), date(2026, 2, 28), 24),
        ("Asia/Tokyo", datetime(2026, 2, 28, 15, 0, tzinfo=UTC), date(2026, 2, 28), 24),
        ("Europe/Berlin", datetime(2026, 3, 30, 8, 0, tzinfo=UTC), date(2026, 3, 29), 23),
        ("Europe/Berlin", datetime(2026, 10, 26, 8, 0, tzinfo=UTC), date(2026, 10, 25), 25),
    ],
)
def test_days_begin_where_the_company_is(zone: str, now: datetime, day: date, hours: int) -> None:
    assert day_before(now, ZoneInfo(zone)) == day
    since, until = hours_of(day, ZoneInfo(zone))
    assert (until - since).total_seconds() == hours * 3600
    assert since.astimezone(ZoneInfo(zone)).hour == 0
