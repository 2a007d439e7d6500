"""Visitors of a company's site: who they are, and the way of what they write. Nobody here has logged in anywhere."""

import asyncio
import hashlib
import logging
import re
import secrets

import orjson
from aiohttp import web

from actors.domain.errors import TransientError
from actors.domain.ids import Address, ConversationId
from actors.ports.inbox import NewInput
from gateway.cache import Cache
from gateway.committer import Refused, Unavailable
from gateway.intake import Intake
from gateway.metrics import Metrics
from gateway.patience import Patience
from gateway.problems import Problem, not_found, unauthorized, unavailable
from storage.postgres import Database
from storage.widgets import OpenWidget, Said, Visits

log = logging.getLogger(__name__)

HEADER = "X-Callboard-Visitor"
TTL_S = 5.0  # a widget that is changed or taken off: pages notice within this
CALL_S = 5.0
PAGE = 100  # messages a page gets at once

_TOKEN = re.compile(r"cbw_[A-Za-z0-9_-]{22}")
_VISITOR = re.compile(r"cbv_[A-Za-z0-9_-]{43}")


class Visiting:
    """Widgets by their token, visitors by their secret, and their conversations."""

    def __init__(self, database: Database, intake: Intake, patience: Patience, metrics: Metrics) -> None:
        self._visits = Visits(database)
        self._widgets: Cache[str, OpenWidget | None] = Cache(self._visits.widget, patience, ttl_s=TTL_S, load_timeout_s=CALL_S)
        self._intake = intake
        self._patience = patience
        self._metrics = metrics

    async def allowed_origin(self, request: web.Request) -> str | None:
        """Return the page's origin if its widget may be used there, for the answer's CORS headers."""
        origin = request.headers.get("Origin")
        try:
            return origin if origin and (widget := await self._find(request)) and origin in widget.origins else None
        except TransientError:
            return None

    async def widget(self, request: web.Request) -> OpenWidget:
        """Return the widget that a page of one of its sites asks for.

        Raises:
            Problem: 404: there is none that takes messages; 403: the page belongs to another site.
            TransientError: the database is away and nothing is remembered.
        """
        widget = await self._find(request)
        if widget is None:
            raise not_found("widget")
        origin = request.headers.get("Origin")
        # Browsers name the origin with everything that another site's page asks for; only pages of ours come without.
        own = origin is None and request.headers.get("Sec-Fetch-Site") == "same-origin"
        if not own and origin not in widget.origins:
            raise Problem(403, "this widget may not be used on this site", reason="widget-origin")
        return widget

    def address(self, request: web.Request, widget: OpenWidget) -> Address:
        """Return where a visitor's messages belong; the secret itself is stored nowhere.

        Raises:
            Problem: 401.
        """
        secret = visitor_of(request)
        if secret is None:
            raise unauthorized("the visitor's credential is missing: open a session first", challenge="")
        return Address(widget.integration_id, hashlib.sha256(secret.encode()).hexdigest())

    async def conversation(self, widget: OpenWidget, address: Address) -> ConversationId | None:
        """Return a visitor's conversation; None before the first message."""
        return await self._patience.within(CALL_S, self._visits.conversation(widget.tenant_id, address))

    async def said(self, widget: OpenWidget, conversation_id: ConversationId, after: int | None) -> list[Said]:
        """Return messages after the message `after`, or the latest ones; oldest first."""
        return await self._patience.within(CALL_S, self._visits.said(widget.tenant_id, conversation_id, after, PAGE))

    async def submit(self, widget: OpenWidget, address: Address, text: str, message_id: str) -> None:
        """Store what a visitor wrote; the page repeats it with the same `message_id` if this fails.

        Raises:
            Problem: 503 or 422.
        """
        await self._patience.within(CALL_S, self._visits.begin(widget.tenant_id, address))
        raw = orjson.dumps({"text": text, "message_id": message_id})
        key = f"web:{address.integration_id}:{address.key}:{message_id}"
        started = asyncio.get_running_loop().time()
        try:
            accepted = await self._intake.accept(NewInput(widget.tenant_id, address, "message", key, raw), self._intake.deadline())
        except Unavailable:
            raise unavailable() from None
        except Refused:
            raise Problem(422, "the message cannot be stored", reason="refused-by-database") from None
        self._metrics.input("web", accepted.verdict, asyncio.get_running_loop().time() - started)

    async def _find(self, request: web.Request) -> OpenWidget | None:
        token = request.match_info.get("token", "")
        return await self._widgets.get(token) if _TOKEN.fullmatch(token) else None


def visitor_of(request: web.Request) -> str | None:
    """Return the visitor's secret; None if there is none of its form."""
    given = request.headers.get(HEADER, "")
    return given if _VISITOR.fullmatch(given) else None


def fresh_visitor() -> str:
    """Return a secret that nobody has seen yet (256 bits)."""
    return "cbv_" + secrets.token_urlsafe(32)
