"""The body of an outbox row as a text for a chat of Kommo.

    {"text", "talk_id"?, "contact_id"?, "buttons"?: [[{"text", "url"?}]], "media"?: {"url"}}

Kommo's own channels take text; buttons become lines below it, and so does the address of a file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from actors.domain.errors import TerminalError
from actors.domain.messages import clean_text


def text_of(body: Mapping[str, Any]) -> str:
    """Return the text.

    Raises:
        TerminalError: there is none.
    """
    text = body.get("text")
    lines = [clean_text(text).strip() if isinstance(text, str) else "", *_media(body.get("media")), *_buttons(body.get("buttons"))]
    whole = "\n".join(line for line in lines if line)
    if not whole:
        raise TerminalError("there is no text to send")
    return whole


def talk_of(body: Mapping[str, Any]) -> int | None:
    """Return the talk that the answer belongs to, as far as it is known."""
    return _number(body.get("talk_id"))


def contact_of(body: Mapping[str, Any]) -> int | None:
    """Return the contact, as far as it is known."""
    return _number(body.get("contact_id"))


def _number(value: Any) -> int | None:
    """Webhooks write numbers as texts."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    return value if type(value) is int and value > 0 else None


def _media(media: Any) -> list[str]:
    url = media.get("url") if isinstance(media, Mapping) else None
    return [url] if isinstance(url, str) else []


def _buttons(rows: Any) -> list[str]:
    buttons = [button for row in rows if _is_list(row) for button in row] if _is_list(rows) else []
    return [_button(button) for button in buttons if isinstance(button, Mapping)]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _button(button: Mapping[str, Any]) -> str:
    text, url = str(button.get("text", "")).strip(), button.get("url")
    return f"• {text}: {url}" if isinstance(url, str) and url else f"• {text}"
