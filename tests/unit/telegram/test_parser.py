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
from actors.domain.intake import addressed
from actors.domain.messages import ContactBlocked, IgnoredInput, InboundMessage, Input, MessageEdited
from actors.ports.inbox import InboxRow
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
        ({"update_id": 1, "edited_message": {"chat": {"id": 5}}}, "edited_message.nothing"),
        ({"update_id": 1, "callback_query": {"id": "1", "from": {"id": 5}}}, "callback_query"),
        ({"update_id": 1, "my_chat_member": {"chat": {"id": 5}}}, "my_chat_member"),
        ({"update_id": 1, "something_new": 17}, "something_new"),
        ({"update_id": 1}, "nothing"),
        (message(new_chat_members=[{}]), "message.new_chat_members"),
        (message(text=""), "message.nothing"),
        ({"update_id": 1, "callback_query": {"id": "1", "from": {"id": 5}, "message": {"chat": {"id": 5}}}}, "callback_query"),
        ({"update_id": 1, "message_reaction": {"chat": {"id": 5}}}, "message_reaction"),
    ],
)
def test_everything_else_is_ignored_by_name(update: Any, what: str) -> None:
    assert ignored(update) == what


def test_other_bots_are_ignored() -> None:
    update = message(text="hi")
    update["message"]["from"]["is_bot"] = True
    assert ignored(update) == "message.from_bot"


@pytest.mark.parametrize(
    ("members", "heard"),
    [
        ({"text": "talk among people"}, False),
        ({"text": "/price"}, True),
        ({"text": "/price@Shop_Bot now"}, True),
        ({"text": "/price@other_bot"}, False),
        ({"text": "@shop_bot, price?"}, True),
        ({"text": "what says @Shop_bot!"}, True),
        ({"text": "ask @other_bot"}, False),
        ({"caption": "@shop_bot this one", "photo": [{}]}, True),
        ({"text": "hey you", "entities": [{"type": "text_mention", "user": {"id": 700}}]}, True),
        ({"text": "hey you", "entities": [{"type": "text_mention", "user": {"id": 701}}]}, False),
        ({"text": "yes", "reply_to_message": {"from": {"id": 700, "is_bot": True}}}, True),
        ({"text": "yes", "reply_to_message": {"from": {"id": 701, "is_bot": True}}}, False),
        ({"text": "yes", "reply_to_message": {"from": {"id": 700, "is_bot": False}}}, False),
        ({"text": "yes", "reply_to_message": "broken", "entities": [7, {"type": "text_mention"}]}, False),
    ],
)
@pytest.mark.parametrize("kind", ["group", "supergroup"])
def test_in_a_group_only_what_addresses_this_bot_is_heard(kind: str, members: dict[str, Any], heard: bool) -> None:
    talk = said(message({"id": -7, "type": kind}, **members)).group
    assert talk is not None
    assert addressed(talk, "700", "Shop_bot") is heard


def test_a_bot_whose_name_is_not_known_hears_every_mention_of_a_bot() -> None:
    group = {"id": -7, "type": "group"}
    for text, heard in (("@any_bot hi", True), ("/price@any_bot", True), ("@ann hi", False)):
        talk = said(message(group, text=text)).group
        assert talk is not None
        assert addressed(talk, "700", "") is heard


def test_between_two_everything_is_heard() -> None:
    assert said(message(text="hi")).group is None


def test_files_are_kept_by_their_ids() -> None:
    sizes = [{"file_id": "small", "file_size": 1}, {"file_id": "large", "file_unique_id": "u", "file_size": 900}]
    assert said(message(photo=sizes)).data == {"media": [{"kind": "photo", "file_id": "large", "file_unique_id": "u", "size": 900}]}
    document = {"file_id": "d", "file_name": "price.pdf", "mime_type": "application/pdf", "file_size": True}
    assert said(message(document=document, caption="?")).data == {
        "media": [{"kind": "document", "file_id": "d", "name": "price.pdf", "mime_type": "application/pdf"}]
    }
    assert said(message(voice={"file_id": "v", "duration": 7})).data == {"media": [{"kind": "voice", "file_id": "v", "duration": 7}]}


def test_a_part_of_an_album_says_so() -> None:
    parsed = said(message(photo=[{"file_id": "a"}], media_group_id="77"))
    assert (parsed.album, parsed.spoken, parsed.data) == ("77", False, {"media": [{"kind": "photo", "file_id": "a"}], "album": "77"})


def test_what_a_message_answers_and_passes_on_is_quoted() -> None:
    answered = {"message_id": 4, "from": {"is_bot": True}, "text": "12 euros, or 15 with delivery"}
    assert said(message(text="why?", reply_to_message=answered, quote={"text": "15 with delivery"})).data == {
        "in_reply_to": {"message_id": "4", "from": "bot", "text": "15 with delivery"}
    }
    assert said(message(text="this?", reply_to_message={"from": {"first_name": "Bob"}, "photo": [{}]})).data == {
        "in_reply_to": {"from": "Bob", "text": "[photo]"}
    }
    origin = {"type": "hidden_user", "sender_user_name": "Carol", "date": 1}
    assert said(message(text="look", forward_origin=origin)).data == {"forwarded_from": "Carol"}
    assert said(message(text="look", forward_origin={"type": "channel", "chat": {"title": "News"}})).data == {"forwarded_from": "News"}
    assert said(message(text="in a topic", reply_to_message={"forum_topic_created": {"name": "Shop"}})).data is None


def test_how_old_a_message_was() -> None:
    written = int(NOW.timestamp()) - 7_200
    assert said(message(text="hi", date=written)).age_s == 7_200
    assert said(message(text="hi", date=1)).age_s == 0.0  # no moment at which there was a bot


def test_a_pressed_button_says_what_stands_on_it() -> None:
    keyboard = {"inline_keyboard": [[{"text": "No", "callback_data": "n"}, {"text": "Yes, please", "callback_data": "y"}], "broken"]}
    under = {"message_id": 3, "date": 1, "chat": {"id": 5}, "reply_markup": keyboard}
    query = {"id": "987", "from": {"id": 5, "first_name": "Ann", "language_code": "ru"}, "message": under, "data": "y"}
    pressed = said({"update_id": 1, "callback_query": query})
    assert (pressed.text, pressed.press, pressed.spoken, pressed.author, pressed.language) == ("Yes, please", "987", False, "Ann", "ru")
    assert pressed.data == {"pressed": {"label": "Yes, please", "data": "y", "message_id": "3"}}
    assert pressed.external_id is None
    assert said({"update_id": 1, "callback_query": {**query, "data": "gone"}}).text == "gone"


def test_an_edit_is_a_revision() -> None:
    update = {"update_id": 2, "edited_message": message(text="better")["message"]}
    assert parse(update) == MessageEdited(InboxId(1), NOW, "9", "better")


@pytest.mark.parametrize(("status", "blocked"), [("kicked", True), ("left", True), ("member", False), ("administrator", False)])
def test_blocked_and_unblocked(status: str, blocked: bool) -> None:
    update = {"update_id": 1, "my_chat_member": {"chat": {"id": 5}, "new_chat_member": {"status": status}}}
    assert parse(update) == ContactBlocked(InboxId(1), NOW, blocked)


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
_NAMES = ["chat", "from", "text", "caption", "message_id", "photo", "voice", "reply_to_message", "is_topic_message", "date", "quote"]
_NAMES += ["entities", "forward_origin", "media_group_id", "message", "data", "id", "new_chat_member", "reply_markup"]
_KINDS = ["message", "edited_message", "callback_query", "my_chat_member"]


_PARTS = _JSON | st.fixed_dictionaries({"id": st.integers(), "type": _JSON})


@given(st.sampled_from(_KINDS), st.dictionaries(st.sampled_from(_NAMES), _PARTS))
def test_no_update_ever_raises_anything_but_invalid_input(kind: str, members: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidInput):
        assert isinstance(parse({"update_id": 1, kind: members}), InboundMessage | IgnoredInput | MessageEdited | ContactBlocked)


@given(st.dictionaries(st.sampled_from(_NAMES), _JSON))
def test_no_member_of_a_good_message_raises_anything_but_invalid_input(members: dict[str, Any]) -> None:
    chat = {"id": -7, "type": "group"}
    with contextlib.suppress(InvalidInput):
        parsed = parse({"update_id": 1, "message": {"message_id": 1, "text": "hi", **members, "chat": chat}})
        assert isinstance(parsed, InboundMessage | IgnoredInput)
