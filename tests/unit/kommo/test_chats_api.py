"""The Chats API's signatures by the documentation's own examples, our ids of chats, and hooks of every kind."""

import base64
import json
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from actors.domain.ids import Address, IntegrationId
from integrations.kommo.chat_hook import read_hook
from integrations.kommo.chat_ids import address_of, chat_id
from integrations.kommo.chats_api import chats_host, is_hook, signature_of, signed, today
from storage.crypto import SecretBox

DATA = Path(__file__).parents[2] / "data" / "kommo"
VECTORS: list[dict[str, str]] = json.loads((DATA / "chats_api_signatures.json").read_text())
HOOK = (DATA / "chats_api_hook.json").read_bytes()
TENANT = UUID(int=1)
ADDRESS = Address(IntegrationId(UUID(int=2)), "-100123:45")


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_requests_are_signed_as_documented(vector: dict[str, str]) -> None:
    made = signature_of(vector["secret"], vector["method"], vector["content_md5"], vector["date"], vector["path"])
    assert made == vector["x_signature"]


def test_a_request_is_signed_with_its_own_bytes() -> None:
    headers = signed("s", "POST", "/v2/origin/custom/x", b"{}", "Wed, 15 Dec 2021 23:12:55 +0000")
    assert headers["Content-MD5"] == "99914b932bd37a50b983c5e7c90ae93b"
    assert headers["X-Signature"] == signature_of("s", "POST", headers["Content-MD5"], headers["Date"], "/v2/origin/custom/x")
    empty = signed("s", "GET", "/v2/origin/custom/x", b"", headers["Date"])
    assert empty["Content-MD5"] == "d41d8cd98f00b204e9800998ecf8427e"
    assert today().endswith("+0000")
    assert parsedate_to_datetime(today()).tzinfo is not None


def test_hooks_are_recognised_by_every_byte() -> None:
    known = json.loads((DATA / "chats_api_hook.signature.json").read_text())
    assert is_hook(known["secret"], HOOK, known["x_signature"])
    assert is_hook(known["secret"], HOOK, known["x_signature"].upper())
    for body, signature, secret in (
        (HOOK + b" ", known["x_signature"], known["secret"]),
        (HOOK, known["x_signature"][:-1] + "1", known["secret"]),
        (HOOK, "", known["secret"]),
        (HOOK, "ü" * 40, known["secret"]),
        (HOOK, known["x_signature"], "0" * 40),
    ):
        assert not is_hook(secret, body, signature)


def test_each_domain_has_its_chats() -> None:
    hosts = [chats_host(host) for host in ("shop.kommo.com", "shop.amocrm.ru", "shop.amocrm.com", "shop.elsewhere.example")]
    assert hosts == ["amojo.kommo.com", "amojo.amocrm.ru", "amojo.amocrm.com", "amojo.kommo.com"]


@pytest.mark.parametrize("key", ["7", "-100123:45", "6042eb1c-5ea6-4bc0-b9c0-3c17d3ab5bbc", "visitor ü"])
def test_an_id_of_a_chat_leads_back_to_its_conversation(key: str) -> None:
    mark, address = SecretBox(bytes(32)).derive, Address(ADDRESS.integration_id, key)
    made = chat_id(mark, TENANT, address)
    assert made == chat_id(mark, TENANT, address)
    assert len(made) <= 100
    assert address_of(mark, TENANT, made) == address


def test_nobody_else_makes_an_id_of_a_chat() -> None:
    mark = SecretBox(bytes(32)).derive
    made = chat_id(mark, TENANT, ADDRESS)
    place, _, shown = made.partition(".")
    other = base64.urlsafe_b64encode(UUID(int=3).bytes + b"8").decode().rstrip("=")
    forged = [f"{other}.{shown}", place, f"{place}.", f"{place}.{shown[:-1]}", "", ".", "ü.ü", "my_int-d5a421f7f218", f"{made}x"]
    assert [address_of(mark, TENANT, text) for text in forged] == [None] * len(forged)
    assert address_of(mark, UUID(int=9), made) is None, "another company's"
    assert address_of(SecretBox(bytes(31) + b"1").derive, TENANT, made) is None


def hook(**said: Any) -> bytes:
    message = {"id": "m-1", "type": "text", "text": "hello", **said}
    about = {"conversation": {"id": "ref", "client_id": "ours"}, "sender": {"id": "x", "name": "Olga"}, "message": message}
    return orjson.dumps({"account_id": "a", "time": 1, "message": about})


def test_a_hook_says_who_wrote_what_where() -> None:
    found = read_hook(HOOK)
    assert found is not None
    assert (found.message_id, found.chat, found.name) == ("0371a0ff-b78a-4c7b-8538-a7d547e10692", "my_int-d5a421f7f218", "")
    assert found.text == "Текст сообщения Сделка #15926745\nhttps://amojo.amocrm.ru/attachments/image.jpg"
    said = read_hook(hook())
    assert said is not None
    assert json.loads(said.to_bytes()) == {"kind": "operator_wrote", "id": "m-1", "text": "hello", "name": "Olga"}
    file = read_hook(hook(text="", media="https://a/b.pdf", file_name="b.pdf"))
    assert file is not None
    assert file.text == "b.pdf: https://a/b.pdf"
    odd = read_hook(hook(text="a\x00b \ud800 c".encode("utf-8", "surrogatepass").decode("utf-8", "replace")))
    assert odd is not None
    assert "\x00" not in odd.text


@pytest.mark.parametrize(
    "body",
    [
        b'{"action":{"typing":{"user":{"id":"x"}}}}',
        b'{"action":{"reaction":{"msgid":"m"}}}',
        b"{}",
        b"[]",
        b"7",
        b'{"message":[]}',
        b'{"message":{"message":{"id":7,"text":"x"}}}',
        hook(text="", media=None),
        hook(id=""),
    ],
)
def test_what_is_no_message_is_left(body: bytes) -> None:
    assert read_hook(body) is None


def test_what_is_no_json_is_none() -> None:
    with pytest.raises(ValueError, match=r"JSON|unexpected|EOF|empty|Input"):
        read_hook(b"")
