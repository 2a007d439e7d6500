"""What a message shows instead of text, in words a person and a model can read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from actors.domain.messages import clean_text


@dataclass(frozen=True, slots=True)
class Media:
    """The kind of an attachment, the text that stands for it, and how to fetch it; files are not fetched here."""

    kind: str
    text: str
    data: Mapping[str, Any]


def media_of(message: Mapping[str, Any]) -> Media | None:
    """Return what is attached to a message, or None. An animation or a venue carries a second member for old clients: order matters."""
    for kind, describe in _KINDS.items():
        if kind in message:
            body = message[kind]
            return Media(kind, f"[{describe(body if isinstance(body, Mapping) else {})}]", {"kind": kind, **_file(_largest(body))})
    return None


def _largest(body: Any) -> Mapping[str, Any]:
    """A photo comes in several sizes, the largest last."""
    sizes = [size for size in body if isinstance(size, Mapping)] if isinstance(body, list) else [body]
    return sizes[-1] if sizes and isinstance(sizes[-1], Mapping) else {}


def _file(body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for ours, theirs, kind in _FILE:
        value = body.get(theirs)
        if type(value) is kind:
            found[ours] = clean_text(value, 512) if isinstance(value, str) else value
    return found


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


# Ours and core.telegram.org/bots/api's names. file_id is this bot's alone; file_unique_id tells whether two files are one.
_FILE: tuple[tuple[str, str, type], ...] = (
    ("file_id", "file_id", str),
    ("file_unique_id", "file_unique_id", str),
    ("size", "file_size", int),
    ("name", "file_name", str),
    ("mime_type", "mime_type", str),
    ("duration", "duration", int),
)

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
