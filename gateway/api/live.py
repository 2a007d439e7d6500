"""The live stream: one WebSocket per tab that says what changed, so that pages need not ask again and again."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Collection
from uuid import UUID

from aiohttp import web

from actors.domain.errors import TransientError
from gateway.api.operation import Call, Operation
from gateway.auth import Caller, Callers
from gateway.live_socket import HEARTBEAT_S, MAX_FRAME, Code, LiveSocket
from gateway.origin import Origins
from gateway.patience import Patience
from gateway.problems import Problem
from storage.listings import Listings
from storage.postgres import Database
from storage.signals import RedisSignals

MAX_SOCKETS = 16  # of one session or key, in one gateway
LOOKUP_S = 5.0
STOP_S = 1.0  # for the closing handshakes when the gateway stops; requests in progress have 2 s


class LiveApi:
    """GET /api/live."""

    def __init__(self, database: Database, signals: RedisSignals, callers: Callers, origins: Origins, patience: Patience) -> None:
        self._listings = Listings(database)
        self._signals = signals
        self._callers = callers
        self._origins = origins
        self._patience = patience
        self._open: Counter[UUID | None] = Counter()
        self._sockets: set[LiveSocket] = set()
        self._ended = asyncio.Event()
        self._stopping = False

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [Operation("GET", "/api/live", self.live, level="viewer", tag="live", status=101, also=(426, 429))]

    async def live(self, call: Call) -> web.StreamResponse:
        """Say what changes, while it changes: hints as JSON frames; what was said is read through the API.

        The client sends `{"subscribe": ["conversations", "conversation:123"], "unsubscribe": [...]}`. Each topic is
        answered by `{"type": "subscribed", "topic"}`; from then on nothing is missed, so read what you show after it.

        - `conversation:ID`: `turn` (`turn_id`), `delta` (`turn_id`, `text`), `message` (`id`, `role`), `control`
          (`control`, `version`); each with `topic`.
        - `conversations`: `conversations` with `messages` and `changed`, lists of ids.
        - `updates`: `updates` with `items` as /api/dashboard/updates shows them, at most 50; `left_out` says how many more there are.
        - `reconnected`: events may have been missed; read anew what you show.
        - `hello` at the start, `alive` every 20 s, `unsubscribed`, `error` (`code`, `detail`, `topic`).

        Closed with 4401 when the login or key ended, 4408 when the client does not read, 4400 after three messages of
        another form, 1009 after one above 4 KiB, 1012 when the gateway stops.
        """
        request, caller = call.request, call.caller
        self._refuse_foreign(request, caller)
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, timeout=STOP_S, max_msg_size=MAX_FRAME, compress=False)
        if not socket.can_prepare(request):
            raise Problem(426, "this is a WebSocket", headers={"Upgrade": "websocket", "Connection": "Upgrade"})
        if self._stopping:
            raise Problem(503, "this gateway is stopping", headers={"Retry-After": "1"}, close=True)
        holder = caller.session_id or caller.key_id
        if self._open[holder] >= MAX_SOCKETS:
            raise Problem(429, f"{MAX_SOCKETS} live streams of one login at the most", headers={"Retry-After": "5"})
        self._open[holder] += 1
        try:
            await self._serve(request, socket, caller)
        finally:
            self._open[holder] -= 1
            self._open += Counter()  # drops what is zero
        return socket

    async def close(self) -> None:
        """End every socket, so that its page looks for another gateway at once."""
        self._stopping = True
        for socket in self._sockets:
            socket.end(Code.RESTART)
        if self._sockets:
            self._ended.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 2 * STOP_S)

    async def _serve(self, request: web.Request, socket: web.WebSocketResponse, caller: Caller) -> None:
        async def stands() -> bool:
            try:
                now = await self._callers.of(request)
            except Problem:
                return False
            except TransientError:
                return True  # nobody can say; the page stays as it is
            return (now.tenant_id, now.session_id, now.key_id) == (caller.tenant_id, caller.session_id, caller.key_id)

        async def existing(conversations: Collection[int]) -> set[int]:
            return await self._patience.within(LOOKUP_S, self._listings.existing(caller.tenant_id, conversations))

        await socket.prepare(request)
        live = LiveSocket(socket, self._signals, caller.tenant_id, existing)
        self._sockets.add(live)
        try:
            await live.run(stands, request.transport)
        finally:
            self._sockets.discard(live)
            if not self._sockets:
                self._ended.set()

    def _refuse_foreign(self, request: web.Request, caller: Caller) -> None:
        """Refuse another site's page: browsers send cookies along with its WebSockets, and its scripts could read them.

        Raises:
            Problem: 403.
        """
        by_cookie = caller.session_id is not None
        if (by_cookie or "Origin" in request.headers) and not self._origins.is_own_origin(request):
            raise Problem(403, "a live stream must be opened by a page of this site", reason="cross-site")
