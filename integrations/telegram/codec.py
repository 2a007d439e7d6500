"""JSON as Telegram may send it: lone surrogates and huge numbers included."""

import json
from typing import Any

import orjson


def decode(raw: bytes) -> Any:
    """Return the decoded JSON; what the fast decoder refuses (lone surrogates) is tried with the lenient one.

    Raises:
        ValueError: not JSON, or nested too deeply, or a number without a value.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {type(error).__name__}: {str(error)[:200]}") from None


def encode(value: Any) -> bytes:
    """Return `value` as JSON that `decode` reads back, lone surrogates included."""
    try:
        return orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        return json.dumps(value).encode()
