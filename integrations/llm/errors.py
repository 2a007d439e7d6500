"""The provider's errors in our words; the only place that knows which of them are worth another try."""

from email.utils import parsedate_to_datetime

import openai

from actors.domain.errors import CallboardError, TerminalError, TransientError

_WORTH_RETRYING = frozenset({408, 409, 425, 429})  # and all of 5xx
_LONGEST_WAIT_S = 3_600.0
_SHOWN = 300  # characters of a provider's message


def as_ours(error: Exception) -> CallboardError:
    """Return the error as TransientError or TerminalError; ours pass through.

    What is neither an answer of the provider nor a lost connection is a broken answer (no JSON, no event stream): another try may work.
    """
    match error:
        case CallboardError():
            return error
        case openai.APITimeoutError():
            return TransientError("the model's server did not answer in time")
        case openai.APIStatusError():
            return _of_status(error)
        case openai.APIConnectionError():
            return TransientError(f"the model's server cannot be reached: {error.__cause__ or error}"[:_SHOWN])
        case openai.APIError():
            return TransientError(f"the model's server broke off: {error.message}"[:_SHOWN])
        case _:
            return TransientError(f"the model's answer cannot be read: {type(error).__name__}: {error}"[:_SHOWN])


def _of_status(error: openai.APIStatusError) -> CallboardError:
    text = f"the model's server answered {error.status_code}: {error.message}"[:_SHOWN]
    out_of_money = error.code == "insufficient_quota"  # a 429 that no waiting mends
    if out_of_money or (error.status_code not in _WORTH_RETRYING and error.status_code < 500):
        return TerminalError(text)
    return TransientError(text, _retry_after_s(error))


def _retry_after_s(error: openai.APIStatusError) -> float | None:
    """Read Retry-After: seconds, or a date, which is compared with the server's own clock."""
    headers = error.response.headers
    wish = headers.get("retry-after", "")
    try:
        seconds = float(wish) if not wish.endswith("GMT") else _seconds_between(headers.get("date", ""), wish)
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S) if seconds == seconds else None  # noqa: PLR0124  # NaN is not itself


def _seconds_between(earlier: str, later: str) -> float:
    return (parsedate_to_datetime(later) - parsedate_to_datetime(earlier)).total_seconds()
