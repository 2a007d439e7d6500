"""Where a Telegram update belongs. The only place that knows; the webhook and polling use it alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actors.domain.errors import InvalidInput

NO_CHAT = "update"  # the key of updates that belong to no chat (polls, inline queries, ...)
_INT64 = 2**63
# The parts of an update that carry a `chat` of their own; core.telegram.org/bots/api#update.
_WITH_CHAT = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "message_reaction",
    "message_reaction_count",
    "chat_boost",
    "removed_chat_boost",
)


@dataclass(frozen=True, slots=True)
class Route:
    """What storing an update needs: its id and the key of its conversation."""

    update_id: int
    key: str


def strict_route(update: object) -> Route:
    """Return the route of an update from the network.

    Raises:
        InvalidInput: the update, or a part that routing needs, has a wrong type.
    """
    fields = _mapping(update, "the update")
    return Route(_integer(fields, "update_id", minimum=0), _key_of(fields))


def route(update: object) -> Route | None:
    """Return the route of an update that must be stored whatever it holds, or None if it has no usable id."""
    try:
        fields = _mapping(update, "the update")
        update_id = _integer(fields, "update_id", minimum=0)
    except InvalidInput:
        return None
    try:
        return Route(update_id, _key_of(fields))
    except InvalidInput:
        return Route(update_id, NO_CHAT)


def payload_of(update: Mapping[str, Any]) -> tuple[str, Any]:
    """Return the kind of an update and its body: the one member besides `update_id`."""
    return next(((name, body) for name, body in update.items() if name != "update_id"), ("nothing", None))


def chat_key(message: Mapping[str, Any]) -> str | None:
    """Return the key of the message's chat (with its topic), or None if the message has no usable chat."""
    try:
        key = _key_of_part(message)
    except InvalidInput:
        return None
    return None if key == NO_CHAT else key


def dedupe_key(bot_id: str, update_id: int) -> str:
    """Return the account-wide key under which an update is stored once."""
    return f"telegram:{bot_id}:{update_id}"


def _key_of(update: Mapping[str, Any]) -> str:
    for name in _WITH_CHAT:
        if name in update:
            return _key_of_part(_mapping(update[name], name))
    if "callback_query" in update:
        query = _mapping(update["callback_query"], "callback_query")
        return _key_of_part(_mapping(query["message"], "message")) if "message" in query else NO_CHAT
    return NO_CHAT


def _key_of_part(part: Mapping[str, Any]) -> str:
    if "chat" not in part:
        return NO_CHAT
    chat_id = _integer(_mapping(part["chat"], "chat"), "id", minimum=1 - _INT64)
    # Replies in ordinary supergroups carry a message_thread_id too; only topics are conversations of their own.
    if part.get("is_topic_message") is not True:
        return str(chat_id)
    return f"{chat_id}:{_integer(part, 'message_thread_id', minimum=0)}"


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"{name} is not an object")
    return value


def _integer(owner: Mapping[str, Any], name: str, *, minimum: int) -> int:
    value = owner.get(name)
    # bool is an int in Python, and `true` is not an id
    if type(value) is not int or not minimum <= value < _INT64:
        raise InvalidInput(f"{name} is not an integer in range")
    return value
