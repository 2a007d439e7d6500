"""Web chat widgets: as their owners configure them, and as a visitor's page talks to them."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from gateway.schemas.bodies import Body, Number, Query, Token, View, cleaned
from gateway.schemas.conversations import ShownView

MAX_TEXT = 4_000  # characters; a person types them
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")  # a name or an address, of IPv6 too


def _origin(text: str) -> str:
    """Return an origin as browsers write it: no path, no default port, lower case, ASCII."""
    try:
        parts = urlsplit(text.strip().lower())
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
    except ValueError:
        raise ValueError("not an origin like https://shop.example") from None
    rest = parts.path.rstrip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host) or rest:
        raise ValueError("not an origin like https://shop.example")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" if port in {None, {"http": 80, "https": 443}[parts.scheme]} else f"{parts.scheme}://{host}:{port}"


Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), BeforeValidator(cleaned)]
Origin = Annotated[str, StringConstraints(max_length=300), BeforeValidator(cleaned), AfterValidator(_origin)]
Origins = Annotated[list[Origin], Field(min_length=1, max_length=20)]
VisitorText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT), BeforeValidator(cleaned)]


class WidgetCreate(Body):
    """A new widget: `origins` are the sites on which it may be used, as `https://shop.example`."""

    name: Name = ""
    origins: Origins
    enabled: bool = True


class WidgetPatch(Body):
    """What becomes of a widget; what is left out stays."""

    name: Name | None = None
    origins: Origins | None = None
    enabled: bool | None = None


class WidgetView(View):
    """A widget. `script` is the line for the company's page."""

    id: UUID
    agent_id: UUID
    integration_id: UUID
    token: str
    name: str
    origins: Sequence[str]
    enabled: bool
    version: int
    script: str
    created_at: datetime


class WidgetList(View):
    """All widgets of an agent."""

    items: Sequence[WidgetView]


class VisitView(View):
    """A visitor's credential, kept by the visitor's browser only, and what the widget shows before anything is said."""

    visitor: str
    agent: str
    locale: str


class VisitorMessage(Body):
    """What a visitor writes. Repeating it with the same `message_id` stores it once."""

    text: VisitorText
    message_id: Token


class AcceptedView(View):
    """The message is stored; the answer comes as an event."""

    message_id: str


class SaidQuery(Query):
    """Where to begin: after the message with this id; without it, with the latest ones."""

    after: Number | None = None


class SaidView(ShownView):
    """A message as the visitor sees it; `message_id` is what their page called their own one."""

    id: str
    role: str
    text: str
    message_id: str | None
    created_at: datetime


class SaidList(View):
    """Messages, oldest first."""

    items: Sequence[SaidView]


def said_json(view: SaidView) -> dict[str, Any]:
    """Return a message as an event's data."""
    return view.model_dump(mode="json")
