"""Counters and histograms: what facts add up to, and how far off a quantile may be."""

import random
from datetime import UTC, datetime
from math import ceil
from uuid import UUID

import pytest

from actors.domain.activity import KINDS, Fact, Place, about, title, update
from actors.domain.rollups import Tally, begin, bucket_of, quantile, seconds_of, tallies

AT = datetime(2026, 11, 26, 15, 59, 59, tzinfo=UTC)
TENANT, AGENT = UUID(int=1), UUID(int=2)


def fact(kind: str, **data: object) -> Fact:
    return Fact(Place("1", 1), TENANT, kind, AT, AGENT, 7, data, "Anna", "Olga", "telegram")


@pytest.mark.parametrize("seconds", [0.001, 0.0011, 0.4, 1.0, 2.5, 59.9, 3600.0, 86_400.0])
def test_a_bucket_is_at_most_five_percent_off(seconds: float) -> None:
    assert abs(seconds_of(bucket_of(seconds)) - seconds) <= 0.05 * seconds


def test_quantiles_are_at_most_five_percent_off() -> None:
    drawn = random.Random(4)
    answers = sorted(drawn.lognormvariate(0.5, 1.2) for _ in range(5000))
    tally = Tally()
    for seconds in answers:
        tally.count(fact("turn.answered", messages=1, seconds=seconds))
    for share in (0.5, 0.95, 1.0):
        exact = answers[ceil(share * len(answers)) - 1]
        found = quantile(tally.times, share)
        assert found is not None
        assert abs(found - exact) <= 0.05 * exact
    assert quantile({}, 0.5) is None


def test_a_turn_counts_once_however_many_facts_it_has() -> None:
    late = [fact("conversation.late"), fact("turn.handed_off", messages=2, seconds=1.0, micros=40), fact("turn.answered", mode="script")]
    (hour, day) = tallies(late).items()
    assert (hour[0].grain, hour[0].at) == ("hour", AT.replace(minute=0, second=0))
    assert (day[0].grain, day[0].at) == ("day", AT.replace(hour=0, minute=0, second=0))
    assert hour[1] == day[1] == Tally(turns=1, messages=2, handoffs=1, micros=40)


def test_what_a_model_cost_counts_where_nobody_spoke() -> None:
    (hour, _) = tallies([fact("turn.answered", micros=7)]).values()
    assert hour == Tally(micros=7)


def test_errors_are_those_the_list_says_and_what_new_kinds_call_a_failure() -> None:
    errors = [kind for kind in KINDS if tallies([fact(kind)]) and next(iter(tallies([fact(kind)]).values())).errors]
    assert errors == [
        *("action.failed", "action.unknown", "contact.unreachable", "delivery.failed", "delivery.unknown", "handoff.overdue"),
        *("integration.blocked", "integration.broken", "message.dead", "mirror.refused", "mirror.unknown"),
        *("rule.failed", "spend.limit_reached", "webhook.cut"),
    ]
    assert next(iter(tallies([fact("sync.failed")]).values())).errors == 1
    assert tallies([fact("agent.published")]) == {}


def test_hours_and_days_are_those_of_utc() -> None:
    moscow = datetime.fromisoformat("2026-11-27T01:30:00+03:00")
    assert begin(moscow, "hour") == datetime(2026, 11, 26, 22, tzinfo=UTC)
    assert begin(moscow, "day") == datetime(2026, 11, 26, tzinfo=UTC)


def test_what_a_fact_is_about() -> None:
    assert (about(fact("turn.answered")).type, about(fact("turn.answered")).id) == ("conversation", "7")
    script = about(fact("agent.changed", subject="script:5", name="Delivery"))
    assert (script.type, script.id, script.title) == ("script", "5", "Delivery")
    assert title("rule.fired") == "Rule fired"
    assert update(fact("turn.answered"))["subject"] == {"type": "conversation", "id": "7", "title": "Olga"}
    assert update(fact("turn.answered"))["at"] == "2026-11-26T15:59:59Z"
