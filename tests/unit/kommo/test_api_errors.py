import orjson
import pytest

from actors.domain.errors import CredentialsRefused, TerminalError, TransientError, UnknownOutcome
from integrations.kommo.errors import (
    AccountMoved,
    AddressBlocked,
    Forbidden,
    NotFound,
    TokenRefused,
    TooFast,
    Unpaid,
    Unprocessable,
    error_of_failure,
    result_of,
)

PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("status", "media", "body", "expected"),
    [
        (401, PROBLEM, {"detail": "", "hint": "Token has been revoked"}, TokenRefused),
        (401, PROBLEM, {"detail": "Account not found"}, AccountMoved),
        (302, "text/html", "", AccountMoved),
        (402, PROBLEM, {"detail": "Over chat API limit"}, Unpaid),
        (403, PROBLEM, {"detail": "Invalid scope"}, Forbidden),
        (403, PROBLEM, {"detail": "not allowed", "code": 113}, CredentialsRefused),
        (403, "text/html", "<html>Forbidden</html>", AddressBlocked),
        (403, PROBLEM, "no json", AddressBlocked),
        (404, PROBLEM, {}, NotFound),
        (422, PROBLEM, {"detail": "Talk is closed"}, Unprocessable),
        (429, "text/html", "", TooFast),
        (400, PROBLEM, {"validation-errors": [{"errors": [{"code": "TooLong", "path": "text"}]}]}, TerminalError),
        (400, PROBLEM, {"validation-errors": [7, {"errors": ["x"]}]}, TerminalError),
        (400, PROBLEM, [], TerminalError),
    ],
)
def test_refusals(status: int, media: str, body: object, expected: type[Exception]) -> None:
    raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
    for reading in (True, False):
        with pytest.raises(expected) as refused:
            result_of(status, media, raw, reading=reading)
        assert type(refused.value) is expected


@pytest.mark.parametrize(("status", "body"), [(500, b""), (504, b"<html>"), (202, b'{"id":"')])
def test_what_is_not_known_is_harmless_only_for_reading(status: int, body: bytes) -> None:
    with pytest.raises(TransientError):
        result_of(status, "application/json", body, reading=True)
    with pytest.raises(UnknownOutcome):
        result_of(status, "application/json", body, reading=False)


def test_an_empty_answer_is_nothing() -> None:
    assert result_of(204, "", b"", reading=True) is None


def test_a_failure_before_the_first_byte_is_definite() -> None:
    assert isinstance(error_of_failure(TimeoutError(), written=False, reading=False), TransientError)
    assert isinstance(error_of_failure(TimeoutError(), written=True, reading=False), UnknownOutcome)
    assert isinstance(error_of_failure(TimeoutError(), written=True, reading=True), TransientError)
    assert "secret" not in str(error_of_failure(OSError("https://secret"), written=True, reading=False))


def test_a_refusal_says_what_is_wrong() -> None:
    flaw = {"validation-errors": [{"errors": [{"code": "TooLong", "path": "text", "detail": "x"}]}], "detail": "Request validation failed"}
    with pytest.raises(TerminalError, match="Request validation failed; text: TooLong"):
        result_of(400, PROBLEM, orjson.dumps(flaw), reading=False)
