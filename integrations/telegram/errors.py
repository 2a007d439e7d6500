"""The Bot API's failures, mapped once. The question behind every line: may the message have been delivered?

An answer of the server that says no (4xx) is definite. A failure before the first byte is definite, too. Everything
after the first byte without a readable answer, and every 5xx, is an unknown outcome: `sendMessage` has no idempotency
key and a bot cannot read its own history. A kept-alive connection that the server closed meanwhile is ambiguous by
nature (the request may have crossed the closing), hence unknown.
"""

from collections.abc import Mapping
from typing import Any

from actors.domain.errors import (
    AccountInUse,
    CallboardError,
    ContactMoved,
    ContactUnreachable,
    CredentialsRefused,
    TerminalError,
    TransientError,
    UnknownOutcome,
)
from integrations.telegram.codec import decode

DEFAULT_RETRY_AFTER_S = 5.0  # a 429 that does not say how long


# What a 400 says when nobody is there any more; a 403 always says so.
_NOBODY = ("chat not found", "user is deactivated", "group chat was deactivated", "PEER_ID_INVALID")


# What a 400 says of a picture or file that Telegram would not take from its address, or by its id.
_FILE = (
    "wrong file identifier",
    "failed to get http url content",
    "wrong type of the web page content",
    "webpage_curl_failed",
    "webpage_media_empty",
    "photo_invalid_dimensions",
    "image_process_failed",
    "wrong remote file identifier",
)


class EntitiesRefused(TerminalError):
    """The formatting cannot be shown; without it the message can be sent."""


class FileRefused(TerminalError):
    """The picture or file cannot be shown; without it the message can be sent."""


class LeaseOver(Exception):
    """The last moment at which the request might have been written had passed; nothing was written."""


def error_of_failure(failure: BaseException, *, written: bool) -> CallboardError:
    """Return what a request without an answer means; `written`: its first byte may be on the wire."""
    words = _words(failure)
    if written:
        return UnknownOutcome(f"no answer from the Bot API: {words}")
    return TransientError(f"the Bot API cannot be reached: {words}")


def result_of(status: int, body: bytes) -> Any:
    """Return the result of an answered request.

    Raises:
        CredentialsRefused: 401, 404: the token is revoked, wrong or malformed.
        AccountInUse: 409: another process polls, or a webhook is set.
        TransientError: 429, with the time to wait.
        EntitiesRefused, FileRefused, ContactMoved, ContactUnreachable: 400 and 403 that say what to do.
        TerminalError: other refusals.
        UnknownOutcome: 5xx, and whatever cannot be read as an answer of the Bot API.
    """
    try:
        answer = decode(body)
    except ValueError:
        raise UnknownOutcome(f"status {status} with an undecodable body of {len(body)} bytes") from None
    if not isinstance(answer, Mapping) or not isinstance(answer.get("ok"), bool):
        raise UnknownOutcome(f"status {status} with a body that is no answer of the Bot API")
    if not answer["ok"]:
        raise _refusal(status, answer)
    if status != 200 or "result" not in answer:
        raise UnknownOutcome(f"status {status} with an answer that says neither yes nor no")
    return answer["result"]


def _refusal(status: int, answer: Mapping[str, Any]) -> CallboardError:
    code = answer.get("error_code")
    code = code if type(code) is int else status
    said = f"{code} {str(answer.get('description', ''))[:300]}"
    if code in (401, 404):
        return CredentialsRefused(f"the Bot API refuses the token: {said}")
    if code == 409:
        return AccountInUse(said)
    if code == 429:
        return TransientError(said, _retry_after(answer))
    if 400 <= code < 500:
        return _terminal(code, said, answer)
    return UnknownOutcome(said)


def _terminal(code: int, said: str, answer: Mapping[str, Any]) -> TerminalError:
    moved_to = _parameter(answer, "migrate_to_chat_id")
    if type(moved_to) is int:
        return ContactMoved(said, str(moved_to))
    if "can't parse entities" in said.lower():
        return EntitiesRefused(said)
    if any(words in said.lower() for words in _FILE):
        return FileRefused(said)
    if code == 403 or any(words in said for words in _NOBODY):
        return ContactUnreachable(said)
    return TerminalError(said)


def _retry_after(answer: Mapping[str, Any]) -> float:
    seconds = _parameter(answer, "retry_after")
    return float(seconds) if isinstance(seconds, int | float) and seconds >= 0 else DEFAULT_RETRY_AFTER_S


def _parameter(answer: Mapping[str, Any], name: str) -> Any:
    parameters = answer.get("parameters")
    return parameters.get(name) if isinstance(parameters, Mapping) else None


def _words(failure: BaseException) -> str:
    """The type and the system's reason; never the text of the error: it may contain the URL, and the URL the token."""
    reason = getattr(failure, "strerror", None)
    return f"{type(failure).__name__} ({reason})" if reason else type(failure).__name__
