"""Raw update to domain input. Hosts import this: no bot framework here."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from actors.domain.errors import InvalidInput
from actors.domain.messages import ContactBlocked, GroupTalk, IgnoredInput, InboundMessage, Input, MessageEdited, clean_text
from actors.ports.inbox import InboxRow
from integrations.telegram.codec import decode
from integrations.telegram.context import context_of, group_talk, label_of
from integrations.telegram.media import Media, media_of
from integrations.telegram.members import full_name, loose, mapping, member, string
from integrations.telegram.routing import chat_key, payload_of, strict_route

GROUPS = ("group", "supergroup")
_BEGINNING = 1_433_000_000  # no bot got a message before June 2015: an earlier date is none
_GONE = ("kicked", "left")  # a private chat: blocked; a group: the bot is out


class TelegramParser:
    """Understands messages, edits, buttons and blocks; everything else is stored, counted and ignored."""

    def parse(self, row: InboxRow) -> Input:
        """Return what the update says.

        Raises:
            InvalidInput: the update cannot be understood; the reason is for people.
        """
        update = _update(row.raw)
        kind, body = payload_of(update)
        if (understand := _KINDS.get(kind)) is None:
            return IgnoredInput(row.id, row.received_at, clean_text(kind, 64))
        return understand(row, mapping(body, kind))


def _update(raw: bytes) -> Mapping[str, Any]:
    try:
        update = mapping(decode(raw), "the update")
    except ValueError as error:
        raise InvalidInput(f"the update is {error}") from None
    strict_route(update)
    return update


def _message(row: InboxRow, message: Mapping[str, Any]) -> Input:
    sender = _sender(message, "message")
    if sender.get("is_bot") is True:
        return IgnoredInput(row.id, row.received_at, "message.from_bot")
    text, media = _said(message)
    if not text and media is None:
        return _wordless(row, message, "message")
    return InboundMessage(
        row.id,
        row.received_at,
        text or (clean_text(media.text) if media else ""),
        external_id=_external_id(message),
        author=full_name(sender),
        language=clean_text(string(sender, "language_code"), 16) or None,
        media=media.kind if media else None,
        data=_data(message, media),
        spoken=bool(text),
        age_s=_age_s(row, message.get("date")),
        album=loose(message, "media_group_id", 64),
        group=_group(message),
    )


def _edited(row: InboxRow, message: Mapping[str, Any]) -> Input:
    sender = _sender(message, "edited_message")
    text, media = _said(message)
    if sender.get("is_bot") is True or (not text and media is None):
        return _wordless(row, message, "edited_message")
    body = text or (clean_text(media.text) if media else "")
    return MessageEdited(row.id, row.received_at, _external_id(message), body, _data(message, media))


def _pressed(row: InboxRow, query: Mapping[str, Any]) -> Input:
    """A button under a message of the bot: the customer says what stands on it."""
    pressed, message = string(query, "data"), member(query, "message")
    if not pressed or chat_key(message) is None:
        return IgnoredInput(row.id, row.received_at, "callback_query")
    sender, label = member(query, "from"), label_of(message, pressed)
    message_id = message.get("message_id")
    button = {"label": label, "data": pressed, "message_id": str(message_id) if type(message_id) is int else ""}
    return InboundMessage(
        row.id,
        row.received_at,
        clean_text(label),
        author=full_name(sender),
        language=clean_text(string(sender, "language_code"), 16) or None,
        data={"pressed": {name: clean_text(value, 256) for name, value in button.items()}},
        spoken=False,
        press=clean_text(string(query, "id"), 128),
    )


def _membership(row: InboxRow, change: Mapping[str, Any]) -> Input:
    status = loose(member(change, "new_chat_member"), "status", 32)
    if not status:
        return IgnoredInput(row.id, row.received_at, "my_chat_member")
    return ContactBlocked(row.id, row.received_at, status in _GONE)


def _sender(message: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if chat_key(message) is None:
        raise InvalidInput(f"{name}.chat is missing")
    return member(message, "from")


def _said(message: Mapping[str, Any]) -> tuple[str, Media | None]:
    return clean_text(string(message, "text") or string(message, "caption")), media_of(message)


def _wordless(row: InboxRow, message: Mapping[str, Any], kind: str) -> IgnoredInput:
    what = next((name for name in message if not _ENVELOPE.fullmatch(str(name))), "nothing")
    return IgnoredInput(row.id, row.received_at, clean_text(f"{kind}.{what}", 64))


def _data(message: Mapping[str, Any], media: Media | None) -> Mapping[str, Any] | None:
    data = context_of(message)
    if media is not None:
        data["media"] = [media.data]
        if album := loose(message, "media_group_id", 64):
            data["album"] = album
    return data or None


def _group(message: Mapping[str, Any]) -> GroupTalk | None:
    return group_talk(message) if member(message, "chat").get("type") in GROUPS else None


def _age_s(row: InboxRow, date: Any) -> float:
    return row.received_at.timestamp() - date if type(date) is int and date >= _BEGINNING else 0.0


def _external_id(message: Mapping[str, Any]) -> str:
    message_id = message.get("message_id")
    if type(message_id) is not int:
        raise InvalidInput("message.message_id is not an integer")
    return str(message_id)


_KINDS: Mapping[str, Callable[[InboxRow, Mapping[str, Any]], Input]] = {
    "message": _message,
    "edited_message": _edited,
    "callback_query": _pressed,
    "my_chat_member": _membership,
}

# Members that say where a message comes from, not what it says.
_ENVELOPE = re.compile(
    "message_(id|thread_id)|from|sender_.*|date|business_connection_id|chat|is_.*|forward_.*|reply_.*|external_reply|quote|via_bot|"
    "edit_date|has_.*|media_group_id|author_signature|entities|link_preview_options|effect_id|(show_)?caption.*|text|direct_messages_topic"
)
