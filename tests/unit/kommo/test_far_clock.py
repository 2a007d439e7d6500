"""What is known of another clock."""

from integrations.kommo.far_clock import FarClock

AHEAD_S = 100.0  # by so much ours is ahead of theirs


def test_a_quick_answer_says_more_than_a_slow_one() -> None:
    clock = FarClock()
    clock.heard(1000.001, 1100.0, 1100.002)
    bounds = clock.heard(1001.0, 1100.5, 1106.0)  # it was on its way for five seconds, nobody knows when
    assert AHEAD_S - 0.01 < bounds.least_s < bounds.most_s < AHEAD_S + 0.01


def test_what_was_heard_long_ago_says_less() -> None:
    clock = FarClock()
    first = clock.heard(1000.0, 1099.999, 1100.001)
    later = clock.heard(1060.0, 1159.0, 1161.0)
    widened = (later.most_s - later.least_s) - (first.most_s - first.least_s)
    assert 0.05 < widened < 0.07


def test_a_clock_that_was_set_is_learned_anew() -> None:
    clock = FarClock()
    clock.heard(1000.0, 1100.0, 1100.002)
    bounds = clock.heard(1010.0, 1101.0, 1101.002)
    assert abs(bounds.least_s - 91.0) < 0.01
    assert abs(bounds.most_s - 91.0) < 0.01
