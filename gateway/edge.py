"""The HTTP server's edge: our error form for what never reaches a handler, and an end for senders that dribble."""

import asyncio
import contextlib
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway import ids
from gateway.metrics import Metrics
from gateway.problems import Problem

HEADERS_TIMEOUT_S = 10.0  # a connection that has not sent a whole request by then is closed
KEEPALIVE_S = 75.0  # Telegram and proxies reuse connections for about a minute
LINGERING_S = 2.0  # for the rest of a body that nobody wants
SWEEP_S = 2.0
DRAIN_S, LAST_S = 2.0, 0.5  # from SIGTERM to the end of the last request; the supervisor grants 3 s


class _EdgeHandler(RequestHandler):
    """One connection."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer in our form; nothing of what the sender wrote is logged or repeated."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer had begun")
        manager = self._manager
        if isinstance(manager, _EdgeServer):
            manager.metrics.refused("broken-http" if status < 500 else "internal")
        detail = "the request breaks the rules of HTTP" if status < 500 else "something went wrong on our side"
        return Problem(status, detail, close=True).response(ids.request_id())


class _EdgeServer(web.Server):
    """All connections of one listening socket."""

    def __init__(self, *args: Any, metrics: Metrics, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.metrics = metrics

    def __call__(self) -> RequestHandler:
        return _EdgeHandler(self, loop=self._loop, **self._kwargs)


class EdgeRunner(web.AppRunner):
    """Runs the application; `sweep` must run beside it."""

    def __init__(self, app: web.Application, metrics: Metrics, busy: "Busy") -> None:
        super().__init__(
            app, access_log=None, auto_decompress=False, keepalive_timeout=KEEPALIVE_S, lingering_time=LINGERING_S, shutdown_timeout=LAST_S
        )
        self._metrics = metrics
        self._busy = busy

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return _EdgeServer(
            server.request_handler,
            request_factory=server.request_factory,
            loop=asyncio.get_running_loop(),
            metrics=self._metrics,
            **server._kwargs,
        )

    async def drain(self) -> None:
        """Accept no more connections and let begun requests end: closing a connection would lose the rest of its body."""
        for site in list(self.sites):
            await site.stop()
        self._busy.draining = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._busy.idle.wait(), DRAIN_S)

    async def sweep(self) -> None:
        """Close connections that wait too long for their next whole request, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            if self.server:
                self._busy.close_idle(self.server.connections, loop.time())


class Busy:
    """Knows which connections carry a request right now, and since when the others wait."""

    def __init__(self) -> None:
        self._carrying: set[RequestHandler] = set()
        self._waiting_since: dict[RequestHandler, float] = {}
        self._used: set[RequestHandler] = set()
        self.draining = False
        self.idle = asyncio.Event()
        self.idle.set()

    def begin(self, connection: RequestHandler) -> None:
        """A whole request head arrived."""
        self._carrying.add(connection)
        self.idle.clear()

    def end(self, connection: RequestHandler) -> None:
        """Its answer is on the way."""
        self._carrying.discard(connection)
        self._waiting_since.pop(connection, None)
        self._used.add(connection)
        if not self._carrying:
            self.idle.set()

    def close_idle(self, connections: list[RequestHandler], now: float) -> None:
        """Close who waits too long: dribbled headers keep a connection busy for ever otherwise."""
        for connection in connections:
            if connection in self._carrying:
                continue
            patience_s = KEEPALIVE_S + HEADERS_TIMEOUT_S if connection in self._used else HEADERS_TIMEOUT_S
            if now - self._waiting_since.setdefault(connection, now) > patience_s and connection.transport:
                connection.transport.abort()
        self._forget(set(connections))

    def _forget(self, alive: set[RequestHandler]) -> None:
        self._used &= alive
        for gone in self._waiting_since.keys() - alive:
            del self._waiting_since[gone]
