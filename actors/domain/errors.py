"""Errors say by type whether to retry. Each integration maps its provider's errors once, in its own errors.py."""

from collections.abc import Sequence
from dataclasses import dataclass


class CallboardError(Exception):
    """Base of all errors of the product."""


class TransientError(CallboardError):
    """It definitely did not happen; trying again later may work."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unreachable(TransientError):
    """No connection came about. The message is for people who named the address."""


class TerminalError(CallboardError):
    """It definitely did not happen, and trying again will not help."""


class UnknownOutcome(CallboardError):
    """It may have happened; nobody can know without looking."""


class OwnershipLost(CallboardError):
    """A newer generation owns this part now: drop everything in hand, commit nothing."""


class InvalidInput(CallboardError):
    """An input that cannot be understood; it becomes a dead letter with this reason, alone."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in something people wrote, and where: place is a path like `scripts[2].answer.ru`."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place or 'definition'}: {self.reason}"


class InvalidDefinition(CallboardError):
    """A definition that may not be saved or used; says every problem with its place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class CredentialsRefused(TerminalError):
    """The provider refuses the account's credentials: the whole integration is broken, not one message."""


class ContactUnreachable(TerminalError):
    """Nothing can be sent to this contact until it comes back: it blocked the account, left, or is gone."""


class ContactMoved(TerminalError):
    """The conversation goes on under another key."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


class AccountInUse(TransientError):
    """Somebody else uses the same account in a way that excludes us."""
