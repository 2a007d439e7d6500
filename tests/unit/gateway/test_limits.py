"""Limits of the public doors: who writes too much waits, who is quiet does not, and made-up names fill nothing."""

import pytest

from gateway.limits import Buckets, Open, admit
from gateway.problems import Problem


def test_a_bucket_lets_a_burst_through_and_then_one_at_a_time() -> None:
    buckets = Buckets(rate=0.5, burst=3)
    for _ in range(3):
        assert buckets.wait_s("a", 100.0) == 0
        buckets.take("a", 100.0)
    assert buckets.wait_s("a", 100.0) == 2.0
    assert buckets.wait_s("a", 101.0) == 1.0
    assert buckets.wait_s("b", 100.0) == 0
    assert buckets.wait_s("a", 102.0) == 0
    buckets.take("a", 102.0)
    assert buckets.wait_s("a", 102.0) == 2.0
    for _ in range(3):  # a long silence fills it no higher than its burst
        buckets.take("a", 1000.0)
    assert buckets.wait_s("a", 1000.0) == 2.0


def test_made_up_names_do_not_fill_the_memory() -> None:
    buckets = Buckets(rate=1, burst=1, most=100)
    for number in range(1000):
        buckets.take(number, 1.0)
    assert len(buckets) == 100
    assert buckets.wait_s(999, 1.0) > 0


async def test_who_is_refused_by_one_limit_is_not_counted_by_the_others() -> None:
    narrow, wide = Buckets(rate=0.01, burst=1), Buckets(rate=0.01, burst=2)
    admit((narrow, "visitor"), (wide, "address"))
    for _ in range(5):
        with pytest.raises(Problem) as refused:
            admit((narrow, "visitor"), (wide, "address"))
        assert refused.value.status == 429
        assert int(refused.value.headers["Retry-After"]) >= 99
    admit((wide, "address"))


def test_what_is_open_is_counted_and_forgotten() -> None:
    streams = Open()
    with streams.hold([("visitor", 1), ("address", 2)]):
        with pytest.raises(Problem, match="too many"), streams.hold([("visitor", 1), ("address", 2)]):
            pytest.fail("a second one was let in")
        with streams.hold([("other", 1), ("address", 2)]):
            assert len(streams) == 3
    assert len(streams) == 0
