"""Every trouble has its words, here and in the console, and every error of a provider is one of them."""

import pytest

from actors.domain.errors import AccountInUse, CallboardError, CredentialsRefused, TerminalError, TransientError, UnknownOutcome
from actors.domain.troubles import MEANINGS, TROUBLE_CODES, AccountTrouble, Trouble, trouble_of
from tests.unit.console.test_translations import words


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CredentialsRefused("401 Unauthorized"), "token_refused"),
        (AccountInUse("409 Conflict: terminated by other getUpdates request"), "second_poller"),
        (AccountInUse("409 Conflict: can't use getUpdates method while webhook is active"), "foreign_webhook"),
        (TransientError("429 Too Many Requests", 3.0), "slow_down"),
        (TransientError("the Bot API cannot be reached"), "unreachable"),
        (UnknownOutcome("no answer from the Bot API"), "unreachable"),
        (TerminalError("400 Bad Request"), "other"),
        (AccountTrouble(Trouble("no_public_url")), "no_public_url"),
    ],
)
def test_what_an_error_means(error: CallboardError, code: str) -> None:
    assert trouble_of(error).code == code


def test_every_trouble_says_what_to_do_in_every_language() -> None:
    assert MEANINGS.keys() == TROUBLE_CODES
    for language in ("en", "ru"):
        known = words(language)
        assert {code for code in TROUBLE_CODES for part in ("title", "do") if f"integrations.problem.{code}.{part}" not in known} == set()
