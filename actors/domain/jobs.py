"""Jobs: what a try may come to, and what follows from an error. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.domain.errors import CallboardError, TransientError, UnknownOutcome
from actors.domain.retry import backoff_s

MAX_ERROR = 2_000  # characters; a person reads it
_BASE_S = 1.0
_CAP_S = 300.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has come: `done` of `total` (None: nobody knows), and what it is doing, for people."""

    done: int = 0
    total: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a job leaves behind with a commit: its progress, and where the next try goes on (None: as before)."""

    progress: Progress
    checkpoint: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """It is done."""

    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot be done, and trying again will not help."""

    error: str


@dataclass(frozen=True, slots=True)
class Retry:
    """This try failed; the next one begins after a delay, unless all tries are used up."""

    error: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class Returned:
    """The worker stops: somebody else goes on, and the try does not count."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A person wanted it ended, and it ended."""


Outcome = Done | Failed | Retry | Returned | Cancelled


class JobCancelled(CallboardError):
    """A person wants the job ended: nothing of this commit was written."""


def judge(error: Exception, attempt: int, jitter: float) -> Outcome:
    """Return what follows from an error of a try.

    Args:
        error: what the handler raised. An error of our own that is not transient is final; a foreign one is a mistake in the
            program, or something that nobody thought of: it is tried again, and ends in the dead letter.
        attempt: the number of the try, from 1.
        jitter: 0..1, fresh: many jobs that failed together are not tried again together.
    """
    text = said(error)
    match error:
        case JobCancelled():
            return Cancelled()
        case TransientError(retry_after_s=wish):
            return Retry(text, _delay_s(attempt, jitter, wish))
        case UnknownOutcome():  # jobs can be repeated: a handler looks before it does something again
            return Retry(text, _delay_s(attempt, jitter, None))
        case CallboardError():
            return Failed(text)
        case _:
            return Retry(text, _delay_s(attempt, jitter, None))


def said(error: Exception) -> str:
    """Return an error as a person may read it: one of ours says what to do, any other is named."""
    text = str(error) if isinstance(error, CallboardError) else f"{type(error).__name__}: {error}".rstrip(": ")
    return (text or type(error).__name__)[:MAX_ERROR].replace("\0", "")


def _delay_s(attempt: int, jitter: float, wish_s: float | None) -> float:
    """Return the delay: at least what the provider wishes, else between half and all of the backoff."""
    if wish_s is not None:
        return backoff_s(attempt, retry_after_s=wish_s) + jitter
    return backoff_s(attempt, base_s=_BASE_S, cap_s=_CAP_S) * (0.5 + 0.5 * jitter)
