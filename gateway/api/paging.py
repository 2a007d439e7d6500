"""Lists in pages: opaque cursors, bound to the filters they were made with."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
from aiohttp import web

from gateway.problems import Problem, invalid, not_found

MAX_LIMIT = 100
DEFAULT_LIMIT = 50
_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class Page:
    """What a list request asks for; `after` is the place where the last page ended."""

    limit: int
    filters: Mapping[str, str]
    after: Any | None


def page_of(request: web.Request, allowed: Sequence[str] = ()) -> Page:
    """Read `limit`, `cursor` and the allowed filters.

    Raises:
        Problem: 422, with the parameter that is wrong.
    """
    query = request.query
    for name in query:
        if name not in {"limit", "cursor", *allowed}:
            raise invalid("there is no such parameter", "unknown", parameter=name[:64])
        if len(query.getall(name)) > 1:
            raise invalid("given more than once", "repeated", parameter=name)
    filters = {name: query[name] for name in allowed if name in query}
    return Page(_limit(query.get("limit")), filters, _after(query.get("cursor"), filters))


def respond(request: web.Request, page: Page, items: list[dict[str, Any]], last: Any | None) -> web.Response:
    """Return one page; `last` is the place where it ends, None if nothing follows."""
    following = None if last is None else _encode([_binding(page.filters), last])
    response = json_response({"items": items, "next": following})
    if following:
        query = urlencode({**page.filters, "limit": page.limit, "cursor": following})
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return response


def json_response(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a document."""
    return web.Response(body=orjson.dumps(dict(document)), content_type="application/json", headers=headers)


def number_in_path(request: web.Request, name: str, what: str) -> int:
    """Return a 64-bit id from the path.

    Raises:
        Problem: 404: whatever is not such a number names nothing.
    """
    text = request.match_info[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) < _INT64):
        raise not_found(what)
    return int(text)


def uuid_filter(page: Page, name: str) -> UUID | None:
    """Return a filter that is an id.

    Raises:
        Problem: 422.
    """
    try:
        return UUID(page.filters[name]) if name in page.filters else None
    except ValueError:
        raise invalid("not an id", "uuid", parameter=name) from None


def choice_filter(page: Page, name: str, choices: Sequence[str]) -> str | None:
    """Return a filter that is one of a few words.

    Raises:
        Problem: 422.
    """
    value = page.filters.get(name)
    if value is not None and value not in choices:
        raise invalid(f"one of {', '.join(choices)}", "choice", parameter=name)
    return value


def bad_cursor() -> Problem:
    """Return the refusal of a cursor that is not ours or belongs to other filters."""
    return invalid("not a cursor of this list", "cursor", parameter="cursor")


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT):
        raise invalid(f"a number from 1 to {MAX_LIMIT}", "limit", parameter="limit")
    return int(text)


def _after(cursor: str | None, filters: Mapping[str, str]) -> Any | None:
    if cursor is None:
        return None
    try:
        binding, after = orjson.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=="))
    except (ValueError, TypeError):
        raise bad_cursor() from None
    if binding != _binding(filters):
        raise bad_cursor()
    return after


def _encode(parts: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode("ascii")


def _binding(filters: Mapping[str, str]) -> str:
    joined = urlencode(sorted(filters.items()), errors="surrogatepass")
    return hashlib.sha256(joined.encode()).hexdigest()[:16]
