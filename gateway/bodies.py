"""Reads request bodies: bounded in size, time, depth and number of values; strict about JSON."""

import asyncio
import json
import math
from typing import Any, NoReturn

import orjson
from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from gateway.problems import Problem

BODY_TIMEOUT_S = 10.0  # a sender that dribbles is cut off; Telegram and programs send a body in one piece
MAX_DEPTH = 100  # a real update nests about 12 deep
# A real update has below 2,000 values. The cap bounds what parsing may cost the others: about 2 ms.
MAX_SEPARATORS = 20_000
MAX_DIGITS = 40  # nothing we know counts further; reading 10,000 digits takes time that grows with their square


async def read_body(request: web.Request, limit: int, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """Return the body of at most `limit` bytes, read within `timeout_s`.

    Raises:
        Problem: 408, 413, 415 (a content encoding), or 400 (the body breaks the rules of HTTP).
    """
    _refuse_encoded(request)
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    if not request.body_exists:
        return b""
    try:
        async with asyncio.timeout(timeout_s):
            return await _read_up_to(request, limit)
    except TimeoutError:
        raise Problem(408, f"the body did not arrive within {timeout_s:.0f} s", reason="slow-body", close=True) from None
    except (HttpProcessingError, RequestPayloadError, ClientPayloadError, ConnectionError) as error:
        raise Problem(400, "the body breaks the rules of HTTP", reason="broken-body", close=True) from error


def parse_json(body: bytes) -> Any:
    """Return the JSON value in `body`.

    Raises:
        Problem: 400: not UTF-8, not JSON, too deep, too many values, duplicate names, numbers out of range.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") > MAX_SEPARATORS:
        raise _bad("too many values", "json-too-large")
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_bounded
        )
    except RecursionError:
        raise _bad(f"nested deeper than {MAX_DEPTH}", "json-depth") from None
    except ValueError as error:
        raise _bad(_why(error), "json-invalid") from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise _bad(f"nested deeper than {MAX_DEPTH}", "json-depth")
    return value


def storable_json(body: bytes, value: Any) -> bytes:
    """Return `body` itself if every JSON reader accepts it, else the same value without lone surrogates."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "ignore")
    return body


def require_json(request: web.Request) -> None:
    """Refuse a request that does not say it carries JSON.

    Raises:
        Problem: 415.
    """
    if request.content_type != "application/json":
        raise Problem(415, "send application/json", headers={"Accept-Post": "application/json"}, close=True)
    if (request.charset or "utf-8").lower() not in {"utf-8", "utf8"}:
        raise Problem(415, "send UTF-8", close=True)


async def _read_up_to(request: web.Request, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _refuse_encoded(request: web.Request) -> None:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "send the body without a content encoding", headers={"Accept-Encoding": "identity"}, close=True)


def _too_large(limit: int) -> Problem:
    return Problem(413, f"the body is larger than {limit} bytes", close=True)


def _bad(detail: str, reason: str) -> Problem:
    return Problem(400, f"the body is not acceptable JSON: {detail}", reason=reason)


def _why(error: ValueError) -> str:
    match error:
        case json.JSONDecodeError():
            return f"{error.msg} at character {error.pos}"
        case UnicodeDecodeError():
            return f"invalid UTF-8 at byte {error.start}"
        case _:
            return str(error) if isinstance(error, _Refused) else "a number is out of range"


class _Refused(ValueError):
    """Valid for Python's reader, refused by ours; the message holds nothing of the body."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("a name occurs twice in one object")
    return found


def _refuse_constant(_: str) -> NoReturn:
    raise _Refused("NaN and Infinity are not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _Refused("a number is out of range")
    return value


def _bounded(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _Refused("a number is out of range")
    return int(digits)


def _deeper_than(value: Any, depth: int) -> bool:
    level = [value]
    while level and depth >= 0:
        level = [child for node in level if isinstance(node, list | dict) for child in (node.values() if isinstance(node, dict) else node)]
        depth -= 1
    return bool(level)
