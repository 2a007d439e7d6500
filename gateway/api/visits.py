"""What a widget on a company's site asks for: public, for the pages of that site, and limited."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel

from actors.domain.errors import TransientError
from actors.domain.ids import Address, ConversationId
from gateway.api.operation import Answer, Call, Handler, Method, Operation, Plain
from gateway.limits import Buckets, Open, admit
from gateway.middleware import REQUEST_ID
from gateway.origin import Origins
from gateway.problems import Problem
from gateway.schemas.widgets import AcceptedView, SaidList, SaidQuery, SaidView, VisitorMessage, VisitView, said_json
from gateway.visiting import HEADER, Visiting, fresh_visitor, visitor_of
from storage.live import Events
from storage.signals import RedisSignals
from storage.widgets import OpenWidget, Said

STREAM = "text/event-stream"
STREAM_S = 50.0  # then the page asks again: proxies cut what is longer, and a widget that was taken off ends
LOOK_S = 3.0  # between two looks without a hint
ALIVE_S = 10.0
PREFIX = "/api/widget/"
_REFUSED = frozenset({403, 404})
CORS: Mapping[str, str] = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": f"Content-Type, {HEADER}",
    "Access-Control-Max-Age": "600",
}
# At once: tabs of one visitor; an office or a mobile operator behind one address; a site with a great many visitors.
STREAMS_OF_VISITOR, STREAMS_OF_ADDRESS, STREAMS_OF_WIDGET = 4, 40, 1000


class VisitsApi:
    """Sessions, messages and events of visitors."""

    def __init__(self, visiting: Visiting, signals: RedisSignals, origins: Origins) -> None:
        self._visiting = visiting
        self._signals = signals
        self._origins = origins
        self._streams = Open()
        self._stopping = asyncio.Event()
        # A person writes a few messages in a row, then waits for an answer. Addresses are shared, widgets are for all.
        self._writing = Buckets(0.3, 8), Buckets(2, 40), Buckets(50, 500)
        self._opening = Buckets(0.2, 30), Buckets(50, 1000)
        self._reading = Buckets(2, 40), Buckets(30, 300)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        base = PREFIX + "{token}"
        return [
            _public("POST", f"{base}/session", self.open, answer=VisitView),
            _public("GET", f"{base}/messages", self.read, query=SaidQuery, answer=SaidList),
            _public("POST", f"{base}/messages", self.write, body=VisitorMessage, answer=AcceptedView, status=202),
            _public("GET", f"{base}/events", self.events, query=SaidQuery, media={STREAM: "messages and deltas"}),
        ]

    def plain(self) -> list[Plain]:
        """Return the routes outside the JSON API."""
        return [Plain("OPTIONS", PREFIX + "{token}/{what}", self.preflight, tag="widget", media=(), statuses=(204,))]

    async def open(self, call: Call) -> Answer:
        """Begin or continue: returns the visitor's credential, which is the one that was sent in `X-Callboard-Visitor`, or a new one."""
        widget = await self._visiting.widget(call.request)
        per_address, per_widget = self._opening
        admit((per_address, self._origins.address(call.request)), (per_widget, widget.id))
        visitor = visitor_of(call.request) or fresh_visitor()
        return Answer(VisitView(visitor=visitor, agent=widget.agent_name, locale=widget.locale), headers={"Cache-Control": "no-store"})

    async def read(self, call: Call[None, SaidQuery]) -> Answer:
        """Read the conversation: at most 100 messages after one, or the latest 100."""
        widget, address = await self._visit(call.request)
        per_visitor, per_address = self._reading
        admit((per_visitor, address.key), (per_address, self._origins.address(call.request)))
        conversation_id = await self._visiting.conversation(widget, address)
        said = await self._visiting.said(widget, conversation_id, _after(call.query)) if conversation_id else []
        return Answer(SaidList(items=[_view(one) for one in said]), headers={"Cache-Control": "no-store"})

    async def write(self, call: Call[VisitorMessage]) -> Answer:
        """Write to the company. It is stored once this is answered; the answer comes as an event."""
        widget, address = await self._visit(call.request)
        per_visitor, per_address, per_widget = self._writing
        admit((per_visitor, address.key), (per_address, self._origins.address(call.request)), (per_widget, widget.id))
        await self._visiting.submit(widget, address, call.body.text, call.body.message_id)
        return Answer(AcceptedView(message_id=call.body.message_id))

    async def events(self, call: Call[None, SaidQuery]) -> web.StreamResponse:
        """Stream what is said after a message: `message` events, `delta` events while an answer is being made, at most 50 s long."""
        request = call.request
        widget, address = await self._visit(request)
        network = self._origins.address(request)
        per_visitor, per_address = self._reading
        admit((per_visitor, address.key), (per_address, network))
        conversation_id = await self._visiting.conversation(widget, address)
        if conversation_id is None:
            raise Problem(404, "nothing was said yet: write first")
        limits = [(address.key, STREAMS_OF_VISITOR), (network, STREAMS_OF_ADDRESS), (widget.id, STREAMS_OF_WIDGET)]
        with self._streams.hold(limits):
            async with self._signals.watch(conversation_id) as hints:
                return await self._stream(request, widget, conversation_id, _after(call.query) or 0, hints)

    async def preflight(self, request: web.Request) -> web.Response:
        """Let a browser ask: who may not talk to the widget hears it from the request itself, which is refused."""
        return web.Response(status=204, headers=CORS)

    async def allow(self, request: web.Request, response: web.StreamResponse) -> None:
        """Let the widget's own sites read the answer, and every site that it is refused; called before every answer of the gateway."""
        if not request.path.startswith(PREFIX):
            return
        response.headers["Vary"] = "Origin"
        if origin := await self._visiting.allowed_origin(request):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "Retry-After, X-Request-ID"
        elif response.status in _REFUSED or request.method == "OPTIONS":
            # A page cannot tell an answer that it may not read from a line that is down, and would try again for ever.
            response.headers["Access-Control-Allow-Origin"] = "*"

    async def close(self) -> None:
        """End every stream: pages ask again, and find another gateway."""
        self._stopping.set()

    async def _visit(self, request: web.Request) -> tuple[OpenWidget, Address]:
        widget = await self._visiting.widget(request)
        return widget, self._visiting.address(request, widget)

    async def _stream(
        self, request: web.Request, widget: OpenWidget, conversation_id: ConversationId, after: int, hints: Events
    ) -> web.StreamResponse:
        headers = {"Content-Type": STREAM, "Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Request-ID": request[REQUEST_ID]}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        clock = asyncio.get_running_loop().time
        end, spoke_at = clock() + STREAM_S, 0.0

        async def send(event: bytes) -> None:
            nonlocal spoke_at
            await response.write(event)
            spoke_at = clock()

        while clock() < end and not self._stopping.is_set():
            for said in await self._look(widget, conversation_id, after):
                await send(_event("message", said_json(_view(said))))
                after = said.id
            if clock() - spoke_at > ALIVE_S:
                await send(b": waiting\n\n")
            await self._until_a_hint(hints, send)
        await response.write_eof()
        return response

    async def _look(self, widget: OpenWidget, conversation_id: ConversationId, after: int) -> list[Said]:
        try:
            return await self._visiting.said(widget, conversation_id, after)
        except TransientError:
            return []  # the database will be back

    async def _until_a_hint(self, hints: Events, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Pass on parts of the answer until a turn ends, somebody writes, the gateway stops or it is time to look."""
        stop = asyncio.create_task(self._stopping.wait())
        hint = asyncio.create_task(_deltas(hints, send))
        try:
            await asyncio.wait((stop, hint), timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            hint.cancel()
            await asyncio.gather(stop, hint, return_exceptions=True)
        if hint.done() and not hint.cancelled():
            hint.result()


async def _deltas(hints: Events, send: Callable[[bytes], Awaitable[None]]) -> None:
    while (event := await hints.get()).get("type") == "delta":
        await send(_event("delta", {"turn_id": event.get("turn_id"), "text": event.get("text", "")}))


def _public(
    method: Method,
    path: str,
    handler: Handler,
    *,
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    answer: type[BaseModel] | None = None,
    status: int = 200,
    media: Mapping[str, str] | None = None,
) -> Operation:
    return Operation(
        method,
        path,
        handler,
        level=None,
        tag="widget",
        query=query,
        body=body,
        answer=answer,
        status=status,
        texts={"token"},
        media=media or {},
        also=(403, 429),
    )


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(dict(data)) + b"\n\n"


def _after(query: SaidQuery) -> int | None:
    return min(int(query.after), 2**63 - 1) if query.after else None


def _view(said: Said) -> SaidView:
    return SaidView(
        id=str(said.id),
        role=said.role,
        text=said.body,
        message_id=said.external_id,
        created_at=said.created_at,
        buttons=said.buttons,
        attachment=said.attachment,
    )
