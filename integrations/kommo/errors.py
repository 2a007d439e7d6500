"""The API's failures, mapped once. The question behind every line: may it have happened?

An answer that says no (4xx) is definite. So is a failure before the first byte. What may have been written and has no
readable answer, and every 5xx, is unknown for a call that changes something and transient for one that only reads.
Whoever writes to Kommo twice has written twice: no call has an idempotency key.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from actors.domain.errors import CallboardError, CredentialsRefused, TerminalError, TransientError, UnknownOutcome

SLOW_DOWN_S = 1.0  # after a 429; the limit counts seconds
BLOCKED_S = 900.0  # after an HTML 403; Kommo does not say how long, and each request during it makes it longer
_WHITE_LIST = 113  # the account allows its own addresses only


class TokenRefused(TerminalError):
    """401: this access token is over; another one may be there."""


class AccountMoved(TerminalError):
    """The account is not at this host (any more)."""


class AddressBlocked(TransientError):
    """403 as a page: Kommo blocks our network address for every account."""


class TooFast(TransientError):
    """429."""


class NotFound(TerminalError):
    """404: there is no such thing."""


class Unpaid(TerminalError):
    """402: the quota is used up, or the plan has no such method."""


class Forbidden(TerminalError):
    """403 in JSON: a scope or a right is missing."""


class Unprocessable(TerminalError):
    """422: it is the wrong state for this, as a closed talk."""


class AnsweredFailed(UnknownOutcome):
    """500 or 503 to a call that changes something: the server itself says so, and is done with the request."""


class Missed(Exception):
    """The request's moment in the account's pace had passed; nothing was written."""


class LeaseOver(Exception):
    """The last moment at which the request might have been written had passed; nothing was written."""


_TERMINAL: Mapping[int, type[TerminalError]] = {402: Unpaid, 404: NotFound, 422: Unprocessable}


def error_of_failure(failure: BaseException, *, written: bool, reading: bool) -> CallboardError:
    """Return what a request without an answer means.

    Args:
        failure: of the HTTP client; its text may hold the URL, so only its type is told.
        written: its first byte may be on the wire.
        reading: it changes nothing, so repeating it does no harm.
    """
    reason = getattr(failure, "strerror", None)
    words = f"{type(failure).__name__} ({reason})" if reason else type(failure).__name__
    if written and not reading:
        return UnknownOutcome(f"no answer from Kommo: {words}")
    return TransientError(f"Kommo cannot be reached: {words}")


def result_of(status: int, media: str, body: bytes, *, reading: bool) -> Any:
    """Return the JSON of an answer; None for an empty one.

    Raises:
        TokenRefused: 401. AccountMoved: a redirect, or 401 that knows no such account.
        TooFast, AddressBlocked: 429, and 403 as a page.
        Unpaid, Forbidden, NotFound, Unprocessable: 402, 403 in JSON, 404, 422.
        CredentialsRefused: the account's white list does not have our address.
        TerminalError: other refusals.
        TransientError, UnknownOutcome: 5xx and what cannot be read, as `reading` says.
    """
    if 200 <= status < 300:
        return _content(status, body, reading=reading)
    if 300 <= status < 400:
        raise AccountMoved(f"{status}: the account is at another address")
    if status in {500, 503} and not reading:
        raise AnsweredFailed(f"Kommo: status {status}")
    if status >= 500:
        raise _not_known(f"status {status}", reading=reading)
    problem = _problem(body) if "json" in media else None
    raise _refusal(status, problem)


def _content(status: int, body: bytes, *, reading: bool) -> Any:
    if not body.strip():
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _not_known(f"status {status} with a body that is no JSON", reading=reading) from None


def _not_known(words: str, *, reading: bool) -> CallboardError:
    return TransientError(f"Kommo: {words}") if reading else UnknownOutcome(f"Kommo: {words}")


def _problem(body: bytes) -> Mapping[str, Any] | None:
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return problem if isinstance(problem, Mapping) else None


def _refusal(status: int, problem: Mapping[str, Any] | None) -> CallboardError:
    said = f"Kommo: {status} {_said(problem)}".rstrip()
    match status:
        case 401:
            return AccountMoved(said) if "account not found" in said.lower() else TokenRefused(said)
        case 403:
            return _forbidden(said, problem)
        case 429:
            return TooFast(said, SLOW_DOWN_S)
        case _:
            return _TERMINAL.get(status, TerminalError)(said)


def _forbidden(said: str, problem: Mapping[str, Any] | None) -> CallboardError:
    if problem is None:
        return AddressBlocked(
            "Kommo blocks the network address of this server because of too many requests; it is asked again later", BLOCKED_S
        )
    if _WHITE_LIST in (problem.get("code"), problem.get("error_code")):
        return CredentialsRefused(
            "the Kommo account allows requests from listed addresses only: add this server's address to the list in Kommo's settings"
        )
    return Forbidden(said)


def _said(problem: Mapping[str, Any] | None) -> str:
    if problem is None:
        return ""
    words = [str(problem.get(name, ""))[:200] for name in ("detail", "hint")]
    words += [_flaw(flaw) for flaw in _flaws(problem)[:3]]
    return "; ".join(word for word in words if word) or str(problem.get("title", ""))[:200]


def _flaws(problem: Mapping[str, Any]) -> list[Any]:
    groups = problem.get("validation-errors")
    if not isinstance(groups, list):
        return []
    return [flaw for group in groups if isinstance(group, Mapping) for flaw in group.get("errors") or []]


def _flaw(flaw: Any) -> str:
    return f"{flaw.get('path', '?')}: {flaw.get('code', '?')}"[:100] if isinstance(flaw, Mapping) else ""
