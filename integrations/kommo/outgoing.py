"""The body of an outbox row as a text for a chat of Kommo.

    {"text", "talk_id"?, "contact_id"?}

Kommo's own channels take text: buttons and files are lines of it already, since by it our own message is known again.
"""

from collections.abc import Mapping
from typing import Any

from actors.domain.errors import TerminalError
from actors.domain.messages import clean_text


def text_of(body: Mapping[str, Any]) -> str:
    """Return the text.

    Raises:
        TerminalError: there is none.
    """
    text = body.get("text")
    whole = clean_text(text).strip() if isinstance(text, str) else ""
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
