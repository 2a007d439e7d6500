"""What follows from an error of a job's try."""

import pytest

from actors.domain.errors import InvalidInput, TerminalError, TransientError, UnknownOutcome
from actors.domain.jobs import MAX_ERROR, Cancelled, Failed, JobCancelled, Outcome, Retry, judge, said


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TransientError("busy"), Retry("busy", 2.0)),
        (TransientError("slow down", retry_after_s=60.0), Retry("slow down", 60.0)),
        (UnknownOutcome("lost"), Retry("lost", 2.0)),
        (TerminalError("no such account"), Failed("no such account")),
        (InvalidInput("not a number"), Failed("not a number")),
        (JobCancelled("cancelled"), Cancelled()),
        (KeyError("x"), Retry("KeyError: 'x'", 2.0)),
        (RuntimeError(), Retry("RuntimeError", 2.0)),
    ],
)
def test_errors_say_by_type_what_follows(error: Exception, outcome: Outcome) -> None:
    jitter = 0.0
    expected = Retry(outcome.error, outcome.delay_s / 2) if isinstance(outcome, Retry) and outcome.delay_s == 2.0 else outcome
    assert judge(error, 2, jitter) == expected


def test_delays_grow_spread_and_end_at_five_minutes() -> None:
    def delay(attempt: int, jitter: float) -> float:
        outcome = judge(TransientError("x"), attempt, jitter)
        assert isinstance(outcome, Retry)
        return outcome.delay_s

    assert [delay(n, 1.0) for n in (1, 2, 3, 20)] == [1.0, 2.0, 4.0, 300.0]
    assert [delay(n, 0.0) for n in (1, 2, 3, 20)] == [0.5, 1.0, 2.0, 150.0]


def test_errors_can_be_stored() -> None:
    assert said(RuntimeError("a\0b")) == "RuntimeError: ab"
    assert len(said(RuntimeError("x" * 10_000))) == MAX_ERROR
