"""Widgets as their owners see them: which sites may show them, and the line to put there."""

from html import escape
from typing import Any, NoReturn

from aiohttp import web

from gateway.api.operation import Answer, Call, Operation
from gateway.problems import stale
from gateway.schemas.widgets import WidgetCreate, WidgetList, WidgetPatch, WidgetView
from storage.authoring.changes import Stale
from storage.authoring.drafts import Drafts
from storage.postgres import Database
from storage.widgets import Widget, Widgets


class WidgetsApi:
    """Widgets of an agent."""

    def __init__(self, database: Database, public_url: str) -> None:
        self._drafts = Drafts(database)
        self._widgets = Widgets(database)
        self._public_url = public_url.rstrip("/")

    def operations(self) -> list[Operation]:
        """Return the operations."""
        all_, one = "/api/agents/{id}/widgets", "/api/agents/{id}/widgets/{widget_id}"
        return [
            Operation("GET", all_, self.list, level="viewer", tag="widgets", answer=WidgetList),
            Operation(
                "POST", all_, self.create, level="admin", tag="widgets", body=WidgetCreate, answer=WidgetView, status=201, idempotent=True
            ),
            Operation("GET", one, self.one, level="viewer", tag="widgets", answer=WidgetView),
            Operation("PATCH", one, self.change, level="admin", tag="widgets", body=WidgetPatch, answer=WidgetView, versioned=True),
            Operation("DELETE", one, self.delete, level="admin", tag="widgets", status=204, versioned=True),
        ]

    async def list(self, call: Call) -> Answer:
        """List an agent's widgets, oldest first."""
        if await self._drafts.find(call.tenant_id, call.uuid("id")) is None:
            raise call.missing()
        found = await self._widgets.of_agent(call.tenant_id, call.uuid("id"))
        return Answer(WidgetList(items=[self._view(call.request, widget) for widget in found]))

    async def create(self, call: Call[WidgetCreate]) -> Answer:
        """Create a widget; `script` is the line for the company's page."""
        body = call.body
        made = await self._widgets.create(call.tenant_id, call.caller.actor, call.uuid("id"), body.name, body.origins, enabled=body.enabled)
        if made is None:
            raise call.missing("id")
        return self._shown(call, made)

    async def one(self, call: Call) -> Answer:
        """Show a widget."""
        return self._shown(call, await self._widgets.find(call.tenant_id, call.uuid("id"), call.uuid("widget_id")))

    async def change(self, call: Call[WidgetPatch]) -> Answer:
        """Change a widget: its name, its sites, or whether it is there at all. Pages notice within seconds."""
        body, ids = call.body, (call.uuid("id"), call.uuid("widget_id"))
        try:
            changed = await self._widgets.change(
                call.tenant_id, call.caller.actor, *ids, call.if_match, body.name, body.origins, body.enabled
            )
        except Stale as error:
            _refuse_stale(error)
        return self._shown(call, changed)

    async def delete(self, call: Call) -> Answer:
        """Take a widget off for good; its conversations stay."""
        try:
            gone = await self._widgets.delete(call.tenant_id, call.caller.actor, call.uuid("id"), call.uuid("widget_id"), call.if_match)
        except Stale as error:
            _refuse_stale(error)
        if gone is None:
            raise call.missing()
        return Answer(status=204)

    def _shown(self, call: Call[Any, Any], widget: Widget | None) -> Answer:
        if widget is None:
            raise call.missing()
        return Answer(self._view(call.request, widget), etag=widget.version)

    def _view(self, request: web.Request, widget: Widget) -> WidgetView:
        return WidgetView(
            id=widget.id,
            agent_id=widget.agent_id,
            integration_id=widget.integration_id,
            token=widget.token,
            name=widget.name,
            origins=widget.origins,
            enabled=widget.enabled,
            version=widget.version,
            script=self._script(request, widget.token),
            created_at=widget.created_at,
        )

    def _script(self, request: web.Request, token: str) -> str:
        base = self._public_url or f"{request.scheme}://{request.host}"
        return f'<script src="{escape(base)}/widget.js" data-agent="{token}" async></script>'


def _refuse_stale(error: Stale) -> NoReturn:
    raise stale(error.current) from None
