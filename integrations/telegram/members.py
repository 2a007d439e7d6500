"""Members of an update, read strictly: what has the wrong type says so."""

from collections.abc import Mapping
from typing import Any

from actors.domain.errors import InvalidInput
from actors.domain.messages import clean_text


def mapping(value: Any, name: str) -> Mapping[str, Any]:
    """Return `value` if it is an object.

    Raises:
        InvalidInput: it is not.
    """
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} is {type(value).__name__}, not an object")
    return value


def member(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object of `holder`, an empty one if it is absent."""
    value = holder.get(name)
    return {} if value is None else mapping(value, name)


def string(holder: Mapping[str, Any], name: str) -> str:
    """Return a text of `holder`, an empty one if it is absent."""
    value = holder.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"{name} is {type(value).__name__}, not text")
    return value


def loose(holder: Any, name: str, limit: int = 256) -> str:
    """Return a text of `holder` cleaned, an empty one if there is none: for what is nice to have."""
    value = holder.get(name) if isinstance(holder, Mapping) else None
    return clean_text(value, limit) if isinstance(value, str) else ""


def id_of(holder: Any) -> str:
    """Return the id of an object as text, an empty one if it has none."""
    value = holder.get("id") if isinstance(holder, Mapping) else None
    return str(value) if type(value) is int else ""


def full_name(sender: Mapping[str, Any]) -> str:
    """Return a person's name as Telegram shows it."""
    return clean_text(" ".join(filter(None, (string(sender, "first_name"), string(sender, "last_name")))), 256)
