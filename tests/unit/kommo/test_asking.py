"""What a Salesbot asks: only what Kommo signed for this account, answered only at an address of it."""

import base64
import time
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from integrations.kommo.asking import JSON, BotAccount, BotRequest, ElsewhereRefused, NotGenuine, checked, read_request
from integrations.kommo.continuing import END, reply_body
from integrations.kommo.forms import FORM, parse_form
from integrations.kommo.routing import routed
from tests.fakes.kommo.salesbots import signed

SECRET = "0123456789abcdef" * 4  # as long as Kommo's
ACCOUNT = BotAccount("42", "shop.kommo.com", SECRET)
URL = "https://shop.kommo.com/api/v4/salesbot/77/continue/5"


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    found = {"iss": "https://shop.kommo.com", "aud": "https://x.example", "iat": now, "nbf": now, "exp": now + 60, "account_id": 42}
    found |= {"subdomain": "shop", "entity_type": "2", "entity_id": 568} | changes
    return {name: value for name, value in found.items() if value is not None}


def asked(algorithm: str = "HS256", secret: str = SECRET, url: str = URL, data: dict[str, str] | None = None, **changes: Any) -> BotRequest:
    return BotRequest(signed(claims(**changes), secret, algorithm), url, {"message": "hello"} if data is None else data)


def _renamed(token: str, algorithm: str) -> str:
    """Return a token that says another algorithm than the one by which it was signed."""
    head = base64.urlsafe_b64encode(orjson.dumps({"typ": "JWT", "alg": algorithm})).rstrip(b"=").decode()
    return f"{head}.{token.partition('.')[2]}"


def test_json_and_forms_say_the_same() -> None:
    body = {"token": "a.b.c", "data": {"message": "a&b=ü\n", "lead": 5, "deep": {"x": 1}}, "return_url": URL}
    form = urlencode({"token": "a.b.c", "data[message]": "a&b=ü\n", "data[lead]": "5", "return_url": URL})
    expected = BotRequest("a.b.c", URL, {"message": "a&b=ü\n", "lead": "5"})
    assert read_request(JSON, orjson.dumps(body)) == expected
    assert read_request(FORM, form.encode()) == expected


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"null", b'{"token":"t"}', b'{"token":{},"return_url":[]}', b'{"return_url":"x"}', b"\xff"]
)
def test_what_is_no_request_is_none(body: bytes) -> None:
    assert read_request(JSON, body) is None
    assert read_request(FORM, body) is None


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_what_kommo_signed_is_placed_at_its_lead(algorithm: str) -> None:
    found = checked(asked(algorithm), ACCOUNT)
    assert (found.kind, found.key) == ("event", "lead:568")
    item = orjson.loads(found.raw)["item"]
    assert (item["path"], item["bot"]) == ("/api/v4/salesbot/77/continue/5", "77")
    assert b"hello" not in found.raw  # what the customer wrote is kept once, in the message
    assert checked(asked(iss="https://shop.amocrm.com"), ACCOUNT).key == "lead:568"  # an account has several domains


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"entity_type": "lead"}, "lead:568"),
        ({"entity_type": "leads"}, "lead:568"),
        ({"entity_type": 1}, "contact:568"),
        ({"entity_type": "contacts"}, "contact:568"),
        ({"entity_type": None, "entity_id": None, "data": {"lead": "7"}}, "lead:7"),
    ],
)
def test_leads_and_contacts_are_told_apart(changes: dict[str, Any], key: str) -> None:
    assert checked(asked(**changes), ACCOUNT).key == key


def test_a_request_that_is_repeated_has_the_same_key_and_a_bot_that_asks_again_another_one() -> None:
    over = int(time.time()) + 60
    first, again = checked(asked(exp=over), ACCOUNT), checked(asked("HS512", exp=over, iat=over - 65), ACCOUNT)
    assert first.dedupe_key == again.dedupe_key
    assert first.dedupe_key.startswith("kommo-event:42:")  # forgotten after two hours
    others = [
        asked(exp=over + 1),  # the same words in the same chat, a moment later
        asked(exp=over, url=URL + "1"),
        asked(exp=over, data={"message": "hello!"}),
        asked(exp=over, entity_id=569),
    ]
    assert len({first.dedupe_key, *(checked(one, ACCOUNT).dedupe_key for one in others)}) == 5


@pytest.mark.parametrize(
    "request_",
    [
        asked(secret="f" * 64),
        asked("none"),
        asked("NONE"),
        asked(""),
        asked("HS384"),
        asked("RS256"),
        asked(exp=int(time.time()) - 61),
        asked(exp=int(time.time()) - 120),
        asked(nbf=int(time.time()) + 120),
        asked(exp=None),
        asked(nbf=None),
        asked(iss=None),
        asked(account_id=None),
        asked(account_id=43),
        asked(iss="https://other.kommo.com"),
        asked(iss="https://shop.kommo.com.evil.example"),
        asked(iss=5),
        asked(entity_id=None),
        asked(entity_type="companies"),
        BotRequest("no.token.here", URL, {}),
        BotRequest("", URL, {}),
        BotRequest("[" * 60_000, URL, {}),
        BotRequest("ключ.\ud800.x", URL, {}),
        BotRequest(signed(claims(), SECRET, "HS256") + "x", URL, {}),
        BotRequest(signed(claims(), SECRET, "HS256").rpartition(".")[0] + ".", URL, {}),
        BotRequest(_renamed(signed(claims(), SECRET, "HS512"), "HS256"), URL, {}),
        BotRequest(_renamed(signed(claims(), SECRET, "HS256"), "none"), URL, {}),
    ],
    ids=lambda one: None,
)
def test_everything_else_is_nobody(request_: BotRequest) -> None:
    with pytest.raises(NotGenuine):
        checked(request_, ACCOUNT)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.kommo.com/api/v4/salesbot/77/continue/5",
        "https://other.kommo.com/api/v4/salesbot/77/continue/5",
        "https://shop.kommo.com.evil.example/api/v4/salesbot/77/continue/5",
        "https://shop.kommo.com@evil.example/api/v4/salesbot/77/continue/5",
        "https://evil.example/https://shop.kommo.com/api/v4/salesbot/77/continue/5",
        "https://shop.kommo.com:8443/api/v4/salesbot/77/continue/5",
        "https://shop.kommo.com:443/api/v4/salesbot/77/continue/5",
        "https://evil@shop.kommo.com/api/v4/salesbot/77/continue/5",
        "https://shop.kommo.com\\@evil.example/api/v4/salesbot/77/continue/5",
        "https://evil.example#shop.kommo.com/api/v4/salesbot/77/continue/5",
        "https://shop.kommo.com./api/v4/salesbot/77/continue/5",
        "https://kommo.com/api/v4/salesbot/77/continue/5",
        "https://a.shop.kommo.com/api/v4/salesbot/77/continue/5",
        "https://shop.kommo.com/api/v4/salesbot/77/continue/5/",
        "https://shop.kommo.com/api/v4/salesbot/77/continue/5#x",
        "https://shop.kommo.com/api/v4/salesbot/77%2fcontinue/5",
        "https://shop.kommo.com/api/v4/salesbot/77/../78/continue/5",
        "https://shop.kommo.com//api/v4/salesbot/77/continue/5",
        " https://shop.kommo.com/api/v4/salesbot/77/continue/5",
        "https://shop.kommo.com/api/v4/leads/77/continue/5",
        "https://shop.kommo.com/api/v4/salesbot/77/continue/5/../../../leads",
        "https://shop.kommo.com/api/v4/salesbot/77/continue/5?x=1",
        "https://shop.kommo.com/api/v4/salesbot/77/continue/5\n",
        "https://shop.kommo.com/api/v4/salesbot/٧/continue/5",
        "https://shop.kommo.ru/api/v4/salesbot/77/continue/5",
        "//shop.kommo.com/api/v4/salesbot/77/continue/5",
    ],
)
def test_an_answer_goes_to_the_account_only(url: str) -> None:
    with pytest.raises(ElsewhereRefused):
        checked(asked(url=url), ACCOUNT)


@pytest.mark.parametrize("domain", ["kommo.com", "amocrm.ru", "amocrm.com"])
@pytest.mark.parametrize("kind", ["salesbot", "marketingbot"])
def test_bots_of_both_kinds_take_answers(domain: str, kind: str) -> None:
    path = f"/api/v4/{kind}/77/continue/5"
    assert orjson.loads(checked(asked(url=f"https://shop.{domain}{path}"), ACCOUNT).raw)["item"]["path"] == path


def test_a_webhook_cannot_say_that_a_salesbot_asks() -> None:
    body = urlencode({"salesbot[asked][0][path]": "/api/v4/salesbot/1/continue/1", "salesbot[asked][0][element_id]": "5"}).encode()
    assert routed("42", parse_form(body), body) == []


@pytest.mark.parametrize("text", ["", "x", "x" * 80, "x" * 4_000, "😀" * 50])
def test_an_answer_lies_in_the_data_whatever_its_length(text: str) -> None:
    assert reply_body(text) == {"data": {"status": "success", "reply": text}}


def test_a_bot_without_an_answer_shows_nothing_and_ends() -> None:
    assert END == {"data": {"status": "silent"}, "execute_handlers": [{"handler": "goto", "params": {"type": "finish", "step": 1}}]}
