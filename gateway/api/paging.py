"""Lists in pages: opaque cursors, bound to the filters they were made with."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson

from gateway.problems import Problem, invalid
from gateway.schemas.bodies import DEFAULT_LIMIT, ListQuery

_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class Page:
    """What a list request asks for; `after` is the place where the last page ended, None at the start."""

    limit: int
    filters: Mapping[str, str]
    after: Any | None

    def cursor(self, place: Any) -> str:
        """Return the cursor of the page that begins after a place."""
        parts = [_binding(self.filters), place]
        return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode("ascii")

    def query(self, cursor: str) -> str:
        """Return the query of the page with this cursor."""
        return urlencode({**self.filters, "limit": self.limit, "cursor": cursor})


WHOLE = Page(DEFAULT_LIMIT, {}, None)


def page_of(query: ListQuery, given: Mapping[str, str]) -> Page:
    """Return the page that is asked for.

    Args:
        query: the query as parsed.
        given: the query as sent.

    Raises:
        Problem: 422: the cursor is not ours, or belongs to other filters.
    """
    filters = {name: value for name, value in given.items() if name not in {"limit", "cursor"}}
    return Page(query.limit, filters, _after(query.cursor, filters))


def after_uuid(page: Page) -> UUID | None:
    """Return the place where the last page ended as an id, None at the start.

    Raises:
        Problem: 422.
    """
    try:
        return UUID(page.after) if page.after is not None else None
    except (ValueError, AttributeError, TypeError):
        raise bad_cursor() from None


def after_number(page: Page) -> int | None:
    """Return the place where the last page ended as a 64-bit number, None at the start.

    Raises:
        Problem: 422.
    """
    match page.after:
        case None:
            return None
        case int(number) if not isinstance(number, bool) and 0 <= number < _INT64:
            return number
        case _:
            raise bad_cursor()


def after_moment(page: Page) -> tuple[datetime, int] | None:
    """Return the place where the last page ended as `[time, number]`, None at the start.

    Raises:
        Problem: 422.
    """
    match page.after:
        case None:
            return None
        case [str(at), int(number)] if not isinstance(number, bool) and 0 <= number < _INT64:
            return _moment(at), number
        case _:
            raise bad_cursor()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad_cursor() from None
    if moment.tzinfo is None or not 1970 < moment.year < 9999:  # what PostgreSQL or its driver would choke on
        raise bad_cursor()
    return moment


def bad_cursor() -> Problem:
    """Return the refusal of a cursor that is not ours or belongs to other filters."""
    return invalid("not a cursor of this list", "cursor", parameter="cursor")


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


def _binding(filters: Mapping[str, str]) -> str:
    joined = urlencode(sorted(filters.items()), errors="surrogatepass")
    return hashlib.sha256(joined.encode()).hexdigest()[:16]
