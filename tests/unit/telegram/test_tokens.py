"""A token is found in whatever people paste, or nothing is."""

import pytest

from integrations.telegram.tokens import token_in

TOKEN = "7100000071:AAH-x_y0123456789abcdefghijklmnopqr"


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"  {TOKEN}\n",
        f"Done! Congratulations. Use this token to access the HTTP API:\n{TOKEN}\nKeep your token secure, for example until 12:30.",
        f"{TOKEN} {TOKEN}",
    ],
)
def test_the_token_is_found(text: str) -> None:
    assert token_in(text) == TOKEN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "12:30",
        "123:short",
        f"x{TOKEN}",
        f"https://api.telegram.org/bot{TOKEN}",
        f"{TOKEN} 81:another-token-of-mine",
        "١٢٣:abcdefgh",
    ],
)
def test_nothing_is_guessed(text: str) -> None:
    assert token_in(text) is None
