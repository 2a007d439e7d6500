"""Hooks of the Chats API: what a manager wrote in a chat of our channel. Everything else they tell of is left."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from actors.domain.messages import clean_text

MAX_HOOK = 256 * 1024
_LONGEST_ID = 128
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class ChatHook:
    """One message of a manager. `chat` is our id of the chat: empty where Kommo has none, as in chats that were begun there."""

    message_id: str
    chat: str
    chat_ref: str
    text: str
    name: str

    def to_bytes(self) -> bytes:
        """Return the stored form: an event of the customer's conversation, see actors/services/reading.py."""
        return orjson.dumps({"kind": "operator_wrote", "id": self.message_id, "text": self.text, "name": self.name})


def read_hook(body: bytes) -> ChatHook | None:
    """Return the message of a hook; None: it tells of something else (typing, a reaction), or of nothing.

    Raises:
        ValueError: it is no JSON.
    """
    hook = orjson.loads(body)
    message = _branch(hook, "message")
    said = _branch(message, "message")
    message_id = clean_text(_text(said, "id"), _LONGEST_ID)
    if not message_id or not (text := _said(said)):
        return None
    chat = _branch(message, "conversation")
    name = clean_text(_text(_branch(message, "sender"), "name"), _LONGEST_NAME)
    return ChatHook(message_id, _text(chat, "client_id"), _text(chat, "id"), text, name)


def _said(said: Mapping[str, Any]) -> str:
    """Return the text; a file becomes a line of it: its address, with its name where Kommo gives one."""
    media, name = _text(said, "media"), _text(said, "file_name")
    lines = [_text(said, "text").strip(), f"{name}: {media}" if media and name else media]
    return clean_text("\n".join(line for line in lines if line))


def _branch(tree: Any, name: str) -> Mapping[str, Any]:
    found = tree.get(name) if isinstance(tree, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _text(tree: Mapping[str, Any], name: str) -> str:
    found = tree.get(name)
    return found if isinstance(found, str) else ""
