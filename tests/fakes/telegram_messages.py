"""What the strict fake Bot API takes as the content of a message, and what of it a customer sees."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.telegram_bot import Refused

MAX_UNITS = 4096
MAX_CAPTION_UNITS = 1024
KINDS = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler", "code", "pre", "text_link", "blockquote"})
ALONE = frozenset({"code", "pre"})  # take no other entity inside them or around them, except a quote around code


def text_message(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of sendMessage."""
    text = arguments.get("text")
    if not isinstance(text, str) or not text.strip():
        raise Refused(400, "Bad Request: message text is empty")
    text = text.strip()
    if _units(text) > MAX_UNITS:
        raise Refused(400, "Bad Request: message is too long")
    return {"text": text, **_entities(text, arguments, "entities"), **_markup(arguments)}


def file_message(kind: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of sendPhoto and sendDocument, by file_id or URL."""
    where = arguments.get(kind)
    if not isinstance(where, str) or not where:
        raise Refused(400, f"Bad Request: there is no {kind} in the request")
    if "://" in where:
        _fetched(kind, where)
    caption = str(arguments.get("caption", "")).strip()
    if _units(caption) > MAX_CAPTION_UNITS:
        raise Refused(400, "Bad Request: message caption is too long")
    said = {"caption": caption, **_entities(caption, arguments, "caption_entities")} if caption else {}
    return {kind: where, **said, **_markup(arguments)}


def _fetched(kind: str, url: str) -> None:
    """Refuse what Telegram would not get: names it does not know, hosts that are not there, pages instead of pictures."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or "." not in host:
        raise Refused(400, "Bad Request: wrong file identifier/HTTP URL specified")
    if host.endswith(".invalid"):  # never there: RFC 2606
        raise Refused(400, "Bad Request: failed to get HTTP URL content")
    if kind == "photo" and parts.path.endswith((".html", ".pdf")):
        raise Refused(400, "Bad Request: wrong type of the web page content")


def _entities(text: str, arguments: Mapping[str, Any], name: str) -> dict[str, Any]:
    entities: Sequence[Mapping[str, Any]] = arguments.get(name) or []
    borders, at = {0}, 0
    for character in text:
        at += _units(character)
        borders.add(at)
    for entity in entities:
        start, end = entity["offset"], entity["offset"] + entity["length"]
        if entity["type"] not in KINDS or entity["length"] < 1 or not {start, end} <= borders:
            raise Refused(400, f"Bad Request: can't parse entities: {entity} does not fit the text")
        if entity["type"] in ALONE and any(_overlap(entity, other) for other in entities if other is not entity):
            raise Refused(400, "Bad Request: can't parse entities: code can't be nested")
    return {name: list(entities)} if entities else {}


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if other["type"] == "blockquote":
        return False
    return bool(one["offset"] < other["offset"] + other["length"] and other["offset"] < one["offset"] + one["length"])


def _markup(arguments: Mapping[str, Any]) -> dict[str, Any]:
    rows = (arguments.get("reply_markup") or {}).get("inline_keyboard")
    if rows is None:
        return {}
    for button in (button for row in rows for button in row):
        data, url = button.get("callback_data"), button.get("url")
        if not button.get("text") or (data is None) == (url is None):
            raise Refused(400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
        if data is not None and not 1 <= len(data.encode()) <= 64:
            raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
    return {"inline_keyboard": rows}


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
