"""Raw updates to inputs: what is said, what is ignored, what cannot be understood."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.errors import InvalidInput
from actors.domain.ids import Address, InboxId, IntegrationId, TenantId
from actors.domain.messages import IgnoredInput, InboundMessage, Input
from actors.ports import InboxRow
from integrations.telegram.parser import TelegramParser

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(raw: bytes) -> InboxRow:
    return InboxRow(InboxId(1), TenantId(uuid4()), Address(IntegrationId(uuid4()), "5"), "message", raw, NOW, 0.0, 0)


def parse(update: Any) -> Input:
    return TelegramParser().parse(row(update if isinstance(update, bytes) else json.dumps(update).encode()))


def message(chat: Any = None, **members: Any) -> dict[str, Any]:
    sender = {"id": 5, "is_bot": False, "first_name": "Ann", "last_name": "Lee", "language_code": "ru"}
    return {
        "update_id": 1,
        "message": {"message_id": 9, "date": 1, "chat": chat or {"id": 5, "type": "private"}, "from": sender, **members},
    }


def said(update: Any) -> InboundMessage:
    parsed = parse(update)
    assert isinstance(parsed, InboundMessage)
    return parsed


def ignored(update: Any) -> str:
    parsed = parse(update)
    assert isinstance(parsed, IgnoredInput)
    return parsed.what


def test_a_text() -> None:
    assert said(message(text="hi")) == InboundMessage(InboxId(1), NOW, "hi", "9", "Ann Lee", "ru")


def test_nul_and_lone_surrogates_are_taken_out() -> None:
    assert said(b'{"update_id":1,"message":{"message_id":9,"chat":{"id":5},"text":"a\\u0000b\\ud800c"}}').text == "abc"


@pytest.mark.parametrize(
    ("members", "text", "kind"),
    [
        ({"photo": [{}], "caption": "look"}, "look", "photo"),
        ({"photo": [{}]}, "[photo]", "photo"),
        ({"voice": {"duration": 7}}, "[voice message, 7 s]", "voice"),
        ({"document": {"file_name": "price.pdf"}}, "[file: price.pdf]", "document"),
        ({"sticker": {"emoji": "\N{GRINNING FACE}"}}, "[sticker: \N{GRINNING FACE}]", "sticker"),
        ({"location": {"latitude": 55.7, "longitude": 37.6}}, "[location: 55.7 37.6]", "location"),
        ({"contact": {"first_name": "Bob", "phone_number": "+1"}}, "[contact: Bob +1]", "contact"),
        ({"video_note": "broken"}, "[video message]", "video_note"),
        ({"animation": {}, "document": {"file_name": "a.mp4"}}, "[animation]", "animation"),
    ],
)
def test_media_has_its_caption_or_words_that_stand_for_it(members: dict[str, Any], text: str, kind: str) -> None:
    parsed = said(message(**members))
    assert (parsed.text, parsed.media) == (text, kind)


@pytest.mark.parametrize(
    ("update", "what"),
    [
        ({"update_id": 1, "edited_message": {"chat": {"id": 5}}}, "edited_message"),
        ({"update_id": 1, "callback_query": {"id": "1", "from": {"id": 5}}}, "callback_query"),
        ({"update_id": 1, "my_chat_member": {"chat": {"id": 5}}}, "my_chat_member"),
        ({"update_id": 1, "something_new": 17}, "something_new"),
        ({"update_id": 1}, "nothing"),
        (message(new_chat_members=[{}]), "message.new_chat_members"),
        (message(text=""), "message.nothing"),
        (message({"id": -7, "type": "supergroup"}, text="talk among people"), "message.not_addressed"),
    ],
)
def test_everything_else_is_ignored_by_name(update: Any, what: str) -> None:
    assert ignored(update) == what


def test_other_bots_are_ignored() -> None:
    update = message(text="hi")
    update["message"]["from"]["is_bot"] = True
    assert ignored(update) == "message.from_bot"


@pytest.mark.parametrize("text", ["/price", "@shop_bot, price?", "what says @ShopBot!"])
def test_in_a_group_only_what_addresses_a_bot_is_heard(text: str) -> None:
    assert said(message({"id": -7, "type": "supergroup"}, text=text)).text == text


def test_in_a_group_an_answer_to_a_bot_is_heard() -> None:
    assert said(message({"id": -7, "type": "group"}, text="yes", reply_to_message={"from": {"id": 1, "is_bot": True}})).text == "yes"


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"update_id":' + b"9" * 10_000 + b"}", "not JSON"),
        (b'{"update_id":1e400}', "update_id"),
        ([], "not an object"),
        ({}, "update_id"),
        ({"update_id": True, "message": {}}, "update_id"),
        ({"update_id": "1"}, "update_id"),
        ({"update_id": 1, "message": []}, "message"),
        ({"update_id": 1, "message": {}}, "chat"),
        ({"update_id": 1, "message": {"chat": {"id": "5"}, "text": "x"}}, "id"),
        ({"update_id": 1, "message": {"message_id": 1, "chat": {"id": 5}, "text": 17}}, "text"),
        ({"update_id": 1, "message": {"message_id": 1, "chat": {"id": 5}, "text": "x", "from": 3}}, "from"),
        ({"update_id": 1, "message": {"chat": {"id": 5}, "text": "x"}}, "message_id"),
    ],
)
def test_what_cannot_be_understood_says_why(update: Any, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        parse(update)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_NAMES = ["chat", "from", "text", "caption", "message_id", "photo", "voice", "reply_to_message", "is_topic_message"]


@given(st.dictionaries(st.sampled_from(_NAMES), _JSON | st.fixed_dictionaries({"id": st.integers(), "type": _JSON})))
def test_no_update_ever_raises_anything_but_invalid_input(members: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidInput):
        assert isinstance(parse({"update_id": 1, "message": members}), InboundMessage | IgnoredInput)
