"""What surrounds a message's text: what it answers or passes on, whom it addresses in a group, the button behind it."""

from collections.abc import Iterator, Mapping
from typing import Any

from actors.domain.messages import GroupTalk
from integrations.telegram.media import media_of
from integrations.telegram.members import id_of, loose, member

_QUOTED = 1_000  # characters; enough to know what is meant
_ENTITIES = 100  # Telegram's limit for one message


def context_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a message answers and where it was forwarded from: data written by others."""
    found: dict[str, Any] = {}
    if "reply_to_message" in message and (answered := _answered(message)):
        found["in_reply_to"] = answered
    if "forward_origin" in message:
        found["forwarded_from"] = _origin(message["forward_origin"])
    return found


def group_talk(message: Mapping[str, Any]) -> GroupTalk:
    """Return what in a group's message may address a bot."""
    text = loose(message, "text", 4096) or loose(message, "caption", 4096)
    answered = message.get("reply_to_message")
    sender = member(answered, "from") if isinstance(answered, Mapping) else {}
    return GroupTalk(frozenset(_mentions(message, text)), id_of(sender) if sender.get("is_bot") is True else "", _command(text))


def label_of(message: Mapping[str, Any], pressed: str) -> str:
    """Return what stands on the button of `message` that carries `pressed`, which itself if no button does."""
    rows = member(message, "reply_markup").get("inline_keyboard")
    for row in rows if isinstance(rows, list) else ():
        for button in row if isinstance(row, list) else ():
            if isinstance(button, Mapping) and button.get("callback_data") == pressed:
                return loose(button, "text") or pressed
    return pressed


def _answered(message: Mapping[str, Any]) -> dict[str, Any]:
    answered = message["reply_to_message"]
    # The message that made a topic is named as answered by every message of it: nobody quoted it.
    if not isinstance(answered, Mapping) or "forum_topic_created" in answered:
        return {}
    media = media_of(answered)
    text = loose(message.get("quote"), "text", _QUOTED) or loose(answered, "text", _QUOTED) or loose(answered, "caption", _QUOTED)
    sender = answered.get("from")
    by = "bot" if isinstance(sender, Mapping) and sender.get("is_bot") is True else loose(sender, "first_name")
    message_id = answered.get("message_id")
    full = {"message_id": str(message_id) if type(message_id) is int else "", "from": by, "text": text or (media.text if media else "")}
    return {name: value for name, value in full.items() if value}


def _origin(origin: Any) -> str:
    """core.telegram.org/bots/api#messageorigin: a user, a hidden user, a chat or a channel."""
    if not isinstance(origin, Mapping):
        return "unknown"
    names = (
        loose(origin.get("sender_user"), "first_name"),
        loose(origin, "sender_user_name"),
        loose(origin.get("sender_chat"), "title"),
        loose(origin.get("chat"), "title"),
    )
    return next(filter(None, names), "unknown")


def _mentions(message: Mapping[str, Any], text: str) -> Iterator[str]:
    entities = message.get("entities", message.get("caption_entities"))
    for entity in entities[:_ENTITIES] if isinstance(entities, list) else ():
        if isinstance(entity, Mapping) and entity.get("type") == "text_mention":
            yield id_of(entity.get("user"))
    for word in text.split():
        if word.startswith("@"):
            yield word[1:].rstrip(",.!?:;)").lower()


def _command(text: str) -> str | None:
    if not text.startswith("/"):
        return None
    return text.split(maxsplit=1)[0].partition("@")[2].lower()
