import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from actors.domain.errors import TerminalError
from integrations.kommo.hosts import account_host, api_domain
from integrations.kommo.outgoing import contact_of, talk_of, text_of
from integrations.kommo.signatures import is_disconnect


@pytest.mark.parametrize("given", ["shop", "Shop.kommo.com", " https://shop.kommo.com/leads/ ", "shop.kommo.com."])
def test_an_address_as_people_copy_it(given: str) -> None:
    assert account_host(given) == "shop.kommo.com"


def test_both_worlds() -> None:
    assert account_host("shop.amocrm.ru") == "shop.amocrm.ru"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "shop.example",
        "shop.kommo.com.evil.example",
        "evil.example/shop.kommo.com",
        "shop@evil.example",
        "http://shop.kommo.com",
        "a.b.kommo.com",
    ],
)
def test_tokens_go_to_kommo_only(given: str) -> None:
    with pytest.raises(TerminalError):
        account_host(given)


def _token(claims: Any) -> str:
    return f"x.{base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.y"


def test_the_token_names_who_knows_its_account() -> None:
    assert api_domain(_token({"api_domain": "api-c.kommo.com"})) == "api-c.kommo.com"
    for odd in (_token({"api_domain": "evil.example"}), _token({"api_domain": 7}), _token([]), "x.?.y", "long-lived", ""):
        assert api_domain(odd) is None


def test_disconnect_hook() -> None:
    good = hmac.new(b"secret", b"client|7", hashlib.sha256).hexdigest()
    assert is_disconnect("client", "7", good, "secret")
    for client, account, signature in (("client", "8", good), ("other", "7", good), ("client", "7", ""), ("client", "7", "\u00e9")):
        assert not is_disconnect(client, account, signature, "secret")


def test_a_body_is_its_text() -> None:
    """Buttons and files are lines of it: see tests/unit/services/test_conversation.py."""
    assert text_of({"text": " Which one?\n• Red "}) == "Which one?\n• Red"
    for nothing in ({}, {"text": " "}, {"text": 7, "buttons": "abc"}):
        with pytest.raises(TerminalError):
            text_of(nothing)


def test_ids_may_be_texts() -> None:
    assert talk_of({"talk_id": "12"}) == talk_of({"talk_id": 12}) == 12
    assert contact_of({"contact_id": "7"}) == 7
    for odd in ({}, {"talk_id": ""}, {"talk_id": "x"}, {"talk_id": True}, {"talk_id": "9" * 30}, {"talk_id": 0}):
        assert talk_of(odd) is None
