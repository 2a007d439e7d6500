"""A pace: its burst at once, then evenly, and it fills up again."""

from hypothesis import given
from hypothesis import strategies as st

from actors.ports.channels import Pace
from actors.services.pacing import Pacer

CHAT = Pace(1.0, 5)


def test_a_burst_then_one_a_second() -> None:
    pacer: Pacer[str] = Pacer()
    waits = []
    for _ in range(7):
        waits.append(pacer.wait("a", CHAT, 100.0))
        pacer.take("a", CHAT, 100.0)
    assert waits == [0, 0, 0, 0, 0, 1, 2]


def test_keys_do_not_share_and_rest_restores() -> None:
    pacer: Pacer[str] = Pacer()
    for _ in range(5):
        pacer.take("a", CHAT, 0.0)
    assert pacer.wait("a", CHAT, 0.0) == 1
    assert pacer.wait("b", CHAT, 0.0) == 0
    assert pacer.wait("a", CHAT, 1.0) == 0


def test_idle_keys_are_forgotten_without_a_difference() -> None:
    pacer: Pacer[str] = Pacer()
    pacer.take("a", CHAT, 0.0)
    pacer.take("b", CHAT, 9.5)
    pacer.forget_idle(10.0)
    assert list(pacer) == ["b"]
    assert pacer.wait("a", CHAT, 10.0) == 0


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_no_window_ever_holds_more_than_its_burst_and_its_rate(gaps: list[float]) -> None:
    pacer: Pacer[str] = Pacer()
    now, events = 0.0, []
    for gap in gaps:
        now += gap
        at = now + pacer.wait("a", CHAT, now)
        pacer.take("a", CHAT, at)
        events.append(at)
    for start in events:
        for length in (1.0, 4.0, 20.0):
            assert sum(1 for t in events if start <= t < start + length) <= CHAT.burst + length / CHAT.interval_s
