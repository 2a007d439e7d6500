"""Raw update to domain input. Hosts import this: no bot framework here."""

import re
from collections.abc import Mapping
from typing import Any

from actors.domain.errors import InvalidInput
from actors.domain.messages import IgnoredInput, InboundMessage, Input, clean_text
from actors.ports import InboxRow
from integrations.telegram.codec import decode
from integrations.telegram.media import media_of
from integrations.telegram.routing import chat_key, payload_of, strict_route

GROUPS = ("group", "supergroup")


class TelegramParser:
    """Understands messages; everything else is stored, counted and ignored."""

    def parse(self, row: InboxRow) -> Input:
        """Return what the update says.

        Raises:
            InvalidInput: the update cannot be understood; the reason is for people.
        """
        update = _update(row.raw)
        kind, body = payload_of(update)
        if kind != "message":
            return IgnoredInput(row.id, row.received_at, clean_text(kind, 64))
        message = _object(body, "message")
        if chat_key(message) is None:
            raise InvalidInput("message.chat is missing")
        if (ignored := _why_ignored(message)) is not None:
            return IgnoredInput(row.id, row.received_at, f"message.{ignored}")
        return _inbound(row, message)


def _update(raw: bytes) -> Mapping[str, Any]:
    try:
        update = _object(decode(raw), "the update")
    except ValueError as error:
        raise InvalidInput(f"the update is {error}") from None
    strict_route(update)
    return update


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} is {type(value).__name__}, not an object")
    return value


def _inbound(row: InboxRow, message: Mapping[str, Any]) -> Input:
    text = clean_text(_string(message, "text") or _string(message, "caption"))
    media = media_of(message)
    if not text and media is None:
        what = next((name for name in message if not _ENVELOPE.fullmatch(str(name))), "nothing")
        return IgnoredInput(row.id, row.received_at, clean_text(f"message.{what}", 64))
    sender = _member(message, "from")
    return InboundMessage(
        row.id,
        row.received_at,
        text or clean_text(media.text if media else ""),
        external_id=_external_id(message),
        author=clean_text(" ".join(filter(None, (_string(sender, "first_name"), _string(sender, "last_name")))), 256),
        language=clean_text(_string(sender, "language_code"), 16) or None,
        media=media.kind if media else None,
    )


def _external_id(message: Mapping[str, Any]) -> str:
    message_id = message.get("message_id")
    if type(message_id) is not int:
        raise InvalidInput("message.message_id is not an integer")
    return str(message_id)


def _string(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"{name} is {type(value).__name__}, not text")
    return value


def _member(message: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = message.get(name)
    return {} if value is None else _object(value, name)


def _why_ignored(message: Mapping[str, Any]) -> str | None:
    if _member(message, "from").get("is_bot") is True:
        return "from_bot"
    if _member(message, "chat").get("type") in GROUPS and not _is_addressed(message):
        return "not_addressed"
    return None


def _is_addressed(message: Mapping[str, Any]) -> bool:
    """In a group: a command, a reply to a bot, or a mention of one (names of bots end in `bot`)."""
    text = _string(message, "text") or _string(message, "caption")
    if text.startswith("/"):
        return True
    answered = message.get("reply_to_message")
    if isinstance(answered, Mapping) and _member(answered, "from").get("is_bot") is True:
        return True
    return any(word.startswith("@") and word.rstrip(",.!?:;").lower().endswith("bot") for word in text.split())


# Members that say where a message comes from, not what it says.
_ENVELOPE = re.compile(
    "message_(id|thread_id)|from|sender_.*|date|business_connection_id|chat|is_.*|forward_.*|reply_.*|external_reply|quote|via_bot|"
    "edit_date|has_.*|media_group_id|author_signature|entities|link_preview_options|effect_id|(show_)?caption.*|text|direct_messages_topic"
)
