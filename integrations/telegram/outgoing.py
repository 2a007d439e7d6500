"""The body of an outbox row as Bot API calls.

What such a body may hold:

    {"text", "format"?: "markdown", "buttons"?: [[{"text", "data" | "url"}]], "media"?: {"kind": "photo" | "document", "file_id" | "url"}}

A text that is too long becomes several calls; media comes first, with the text as its caption if that fits; buttons are
below the last one. `format` is only set for what a model wrote: what people wrote is sent as they wrote it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actors.domain.errors import TerminalError
from actors.domain.messages import clean_text
from integrations.telegram.entities import CAPTION_LIMIT, Piece, split_formatted
from integrations.telegram.markdown import formatted

DATA_BYTES = 64  # of a button
_FILES = {"photo": "sendPhoto", "document": "sendDocument"}


@dataclass(frozen=True, slots=True)
class Call:
    """One Bot API call; the chat is added by who sends it."""

    method: str
    payload: Mapping[str, Any]

    @property
    def formatted(self) -> bool:
        """Whether the server may refuse its entities."""
        return "entities" in self.payload or "caption_entities" in self.payload

    @property
    def plain(self) -> "Call":
        """Return it without entities."""
        return Call(self.method, {k: v for k, v in self.payload.items() if k not in ("entities", "caption_entities")})


def calls_of(body: Mapping[str, Any]) -> list[Call]:
    """Return the calls of a body in their order, at least one.

    Raises:
        TerminalError: there is nothing to send, or a part of it is not what the contract says.
    """
    text = _text(body)
    calls = _with_media(body["media"], text) if body.get("media") else [Call("sendMessage", p.payload()) for p in split_formatted(text)]
    if not calls:
        raise TerminalError("there is no text to send")
    if body.get("buttons"):
        calls[-1] = Call(calls[-1].method, {**calls[-1].payload, "reply_markup": {"inline_keyboard": _keyboard(body["buttons"])}})
    return calls


def without_file(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the body with the address of its file as a line of the text; None if its file has no address."""
    media = body.get("media")
    url = media.get("url") if isinstance(media, Mapping) else None
    if not isinstance(url, str) or not url:
        return None
    said = str(body.get("text") or "").strip()
    return {**{name: value for name, value in body.items() if name != "media"}, "text": f"{said}\n{url}".strip()}


def _text(body: Mapping[str, Any]) -> Piece:
    text = body.get("text")
    if not isinstance(text, str):
        return Piece("")
    text = clean_text(text)
    return formatted(text) if body.get("format") == "markdown" else Piece(text.strip())


def _with_media(media: Any, text: Piece) -> list[Call]:
    kind = media.get("kind") if isinstance(media, Mapping) else None
    where = (media.get("file_id") or media.get("url")) if isinstance(media, Mapping) else None
    if kind not in _FILES or not isinstance(where, str):
        raise TerminalError("the media is no photo or document with a file_id or a url")
    pieces = split_formatted(text, CAPTION_LIMIT)
    if len(pieces) > 1:
        return [Call(_FILES[kind], {kind: where}), *(Call("sendMessage", p.payload()) for p in split_formatted(text))]
    caption = pieces[0].payload("caption", "caption_entities") if pieces else {}
    return [Call(_FILES[kind], {kind: where, **caption})]


def _keyboard(rows: Any) -> list[list[dict[str, str]]]:
    if not isinstance(rows, Sequence) or not all(isinstance(row, Sequence) for row in rows):
        raise TerminalError("the buttons are no rows")
    return [[_button(button) for button in row] for row in rows]


def _button(button: Any) -> dict[str, str]:
    text, data, url = (button.get(name) for name in ("text", "data", "url")) if isinstance(button, Mapping) else (None, None, None)
    if isinstance(text, str) and text.strip():
        if isinstance(url, str) and url:
            return {"text": text, "url": url}
        if isinstance(data, str) and 0 < len(data.encode()) <= DATA_BYTES:
            return {"text": text, "callback_data": data}
    raise TerminalError(f"a button needs a text, and a url or data of at most {DATA_BYTES} bytes")
