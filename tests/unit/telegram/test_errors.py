"""Every answer and every failure of the Bot API has one meaning."""

import orjson
import pytest
from aiohttp import ClientOSError, ConnectionTimeoutError, ServerDisconnectedError

from actors.domain.errors import (
    AccountInUse,
    ContactMoved,
    ContactUnreachable,
    CredentialsRefused,
    TerminalError,
    TransientError,
    UnknownOutcome,
)
from integrations.telegram.errors import DEFAULT_RETRY_AFTER_S, EntitiesRefused, FileRefused, error_of_failure, result_of


def refusal(code: object, **more: object) -> bytes:
    return orjson.dumps({"ok": False, "error_code": code, "description": "why", **more})


def test_a_result_is_returned_as_it_is() -> None:
    assert result_of(200, b'{"ok":true,"result":{"message_id":7}}') == {"message_id": 7}


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (400, TerminalError),
        (403, ContactUnreachable),
        (413, TerminalError),
        (401, CredentialsRefused),
        (404, CredentialsRefused),
        (409, AccountInUse),
        (429, TransientError),
        (500, UnknownOutcome),
        (502, UnknownOutcome),
        (504, UnknownOutcome),
    ],
)
def test_a_refusal_means_what_its_code_says(code: int, meaning: type[Exception]) -> None:
    with pytest.raises(meaning, match="why") as caught:
        result_of(code, refusal(code))
    assert type(caught.value) is meaning


@pytest.mark.parametrize(
    ("parameters", "wait"),
    [({"retry_after": 7}, 7.0), ({"retry_after": 0}, 0.0), ({"retry_after": "soon"}, DEFAULT_RETRY_AFTER_S), (None, DEFAULT_RETRY_AFTER_S)],
)
def test_a_429_carries_the_time_to_wait(parameters: object, wait: float) -> None:
    with pytest.raises(TransientError) as caught:
        result_of(429, refusal(429, parameters=parameters))
    assert caught.value.retry_after_s == wait


@pytest.mark.parametrize(
    "body",
    [
        b"<html>502 Bad Gateway</html>",
        b"",
        b"[]",
        b'"text"',
        b'{"result":1}',
        b'{"ok":1,"result":1}',
        b'{"ok":true}',
        b'{"ok":true,"result":{"message_id"',
        b"[" * 100_000,
        b"9" * 10_000,
    ],
)
def test_what_is_no_answer_of_the_bot_api_is_unknown(body: bytes) -> None:
    for status in (200, 400, 502):
        with pytest.raises(UnknownOutcome):
            result_of(status, body)


@pytest.mark.parametrize("failure", [TimeoutError(), ServerDisconnectedError(), ClientOSError(104, "Connection reset by peer")])
def test_after_the_first_byte_a_failure_is_unknown_before_it_is_not(failure: Exception) -> None:
    assert type(error_of_failure(failure, written=True)) is UnknownOutcome
    assert type(error_of_failure(failure, written=False)) is TransientError


def test_the_text_of_a_failure_is_not_repeated_for_it_may_hold_the_token() -> None:
    failure = ConnectionTimeoutError("Connection timeout to host https://api.telegram.org/bot123:secret/sendMessage")
    assert "secret" not in str(error_of_failure(failure, written=False))


@pytest.mark.parametrize(
    ("code", "description", "meaning"),
    [
        (400, "Bad Request: can't parse entities: Can't find end of the entity", EntitiesRefused),
        (400, "Bad Request: wrong file identifier/HTTP URL specified", FileRefused),
        (400, "Bad Request: failed to get HTTP URL content", FileRefused),
        (400, "Bad Request: wrong type of the web page content", FileRefused),
        (400, "Bad Request: PHOTO_INVALID_DIMENSIONS", FileRefused),
        (400, "Bad Request: chat not found", ContactUnreachable),
        (400, "Bad Request: message is too long", TerminalError),
        (403, "Forbidden: bot was kicked from the supergroup chat", ContactUnreachable),
        (403, "Forbidden: user is deactivated", ContactUnreachable),
    ],
)
def test_a_refusal_says_what_to_do(code: int, description: str, meaning: type[Exception]) -> None:
    with pytest.raises(meaning) as caught:
        result_of(code, orjson.dumps({"ok": False, "error_code": code, "description": description}))
    assert type(caught.value) is meaning


def test_a_group_that_moved_says_where() -> None:
    with pytest.raises(ContactMoved) as caught:
        result_of(400, refusal(400, parameters={"migrate_to_chat_id": -1001234567890}))
    assert caught.value.key == "-1001234567890"
