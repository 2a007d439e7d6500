"""What a message shows instead of text, in words a person and a model can read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Media:
    """The kind of an attachment and the text that stands for it."""

    kind: str
    text: str


def media_of(message: Mapping[str, Any]) -> Media | None:
    """Return what is attached to a message, or None. An animation or a venue carries a second member for old clients: order matters."""
    for kind, describe in _KINDS.items():
        if kind in message:
            body = message[kind]
            return Media(kind, f"[{describe(body if isinstance(body, Mapping) else {})}]")
    return None


def _timed(name: str) -> Callable[[Mapping[str, Any]], str]:
    def describe(body: Mapping[str, Any]) -> str:
        seconds = body.get("duration")
        return f"{name}, {seconds} s" if type(seconds) is int else name

    return describe


def _named(name: str, *members: str) -> Callable[[Mapping[str, Any]], str]:
    def describe(body: Mapping[str, Any]) -> str:
        values = [str(body[m])[:200] for m in members if isinstance(body.get(m), str | int | float)]
        return f"{name}: {' '.join(values)}" if values else name

    return describe


_KINDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "photo": _named("photo"),
    "voice": _timed("voice message"),
    "video_note": _timed("video message"),
    "video": _timed("video"),
    "animation": _named("animation", "file_name"),
    "audio": _named("audio", "performer", "title"),
    "document": _named("file", "file_name"),
    "sticker": _named("sticker", "emoji"),
    "venue": _named("place", "title", "address"),
    "location": _named("location", "latitude", "longitude"),
    "contact": _named("contact", "first_name", "last_name", "phone_number"),
    "poll": _named("poll", "question"),
    "dice": _named("dice", "emoji", "value"),
    "story": _named("story"),
}
