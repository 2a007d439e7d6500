"""Errors say by type whether to retry. Each integration maps its provider's errors once, in its own errors.py."""


class CallboardError(Exception):
    """Base of all errors of the product."""


class TransientError(CallboardError):
    """It definitely did not happen; trying again later may work."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TerminalError(CallboardError):
    """It definitely did not happen, and trying again will not help."""


class UnknownOutcome(CallboardError):
    """It may have happened; nobody can know without looking."""


class OwnershipLost(CallboardError):
    """A newer generation owns this part now: drop everything in hand, commit nothing."""


class InvalidInput(CallboardError):
    """An input that cannot be understood; it becomes a dead letter with this reason, alone."""
