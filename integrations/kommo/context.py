"""What surrounds a message of Kommo: where an answer goes, and what came with it instead of text."""

from dataclasses import dataclass
from typing import Any

from actors.domain.messages import clean_text
from integrations.kommo.forms import Tree, text
from integrations.kommo.routing import number

_WORDS = 256
_LINK = 2_048
# message_type (since July 2026) or attachment[type]: the text that stands for it.
_KINDS = {
    "picture": "picture",
    "voice": "voice message",
    "audio": "audio",
    "video": "video",
    "file": "file",
    "sticker": "sticker",
    "location": "location",
    "contact": "contact",
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """The kind of an attachment, the text that stands for it, and where it lies; files are not fetched here."""

    kind: str
    text: str
    data: dict[str, Any]


def reply_to(item: Tree) -> dict[str, str]:
    """Return what a sender needs to answer: a talk is a period within the chat, and the lead may change with it."""
    entity_id = number(item, "entity_id") or number(item, "element_id")
    kind = text(item, "entity_type") or {"1": "contact", "2": "lead"}.get(text(item, "element_type"), "")
    known = {
        "chat_id": clean_text(text(item, "chat_id"), 64),
        "talk_id": number(item, "talk_id"),
        "contact_id": number(item, "contact_id"),
        "entity_type": clean_text(kind, 32) if entity_id else "",
        "entity_id": entity_id,
        "origin": clean_text(text(item, "origin"), 64),
    }
    return {name: value for name, value in known.items() if value}


def attachment_of(item: Tree) -> Attachment | None:
    """Return what is attached to a message, or None. The link's ending says nothing: voice may be .ogg and hold M4A."""
    kind = text(item, "attachment", "type") or text(item, "message_type")
    link, name = text(item, "attachment", "link"), clean_text(text(item, "attachment", "file_name"), _WORDS)
    if not link and kind not in _KINDS:
        return None
    kind = clean_text(kind, 32) if kind and kind != "text" else "file"
    what = _KINDS.get(kind, kind)
    data = {"kind": kind, "url": clean_text(link, _LINK), "name": name}
    return Attachment(kind, f"[{what}: {name}]" if name else f"[{what}]", {n: v for n, v in data.items() if v})


def author_of(item: Tree) -> str:
    """Return the name of who wrote."""
    return clean_text(text(item, "author", "name"), _WORDS)


def seconds(item: Tree, name: str) -> float:
    """Return a time in seconds since 1970, 0 if there is none."""
    found = number(item, name)
    return float(found) if found and len(found) <= 11 else 0.0
