"""Salesbots of Kommo that ask for an answer (`widget_request`): check, store, answer within 2 s; the answer itself comes later."""

import asyncio

from aiohttp import web

from actors.domain.ids import Address
from actors.ports.inbox import NewInput
from gateway.api.operation import Plain
from gateway.bodies import read_body
from gateway.directory import Directory
from gateway.intake import Intake
from gateway.kommo_desk import KommoDesk
from gateway.metrics import Metrics
from gateway.problems import Problem, unauthorized
from gateway.webhooks.kommo_door import accepted_by, genuine, ok
from integrations.kommo.asking import JSON, BotRequest, ElsewhereRefused, NotGenuine, checked, read_request
from integrations.kommo.forms import FORM
from integrations.kommo.routing import Routed
from storage.integrations import Route

PATH = "/webhooks/kommo/{integrationId}/{secret}/widget"
MAX_BODY = 64 * 1024  # a token, an address, and what the owner chose to send along
_MEDIA = (JSON, FORM)


class SalesbotRequests:
    """Takes in what Salesbots of all accounts ask."""

    def __init__(self, directory: Directory, intake: Intake, metrics: Metrics, desk: KommoDesk) -> None:
        self._directory = directory
        self._intake = intake
        self._metrics = metrics
        self._desk = desk

    def plain(self) -> list[Plain]:
        """Return the routes."""
        return [Plain("POST", PATH, self.receive, tag="webhooks", accepts=_MEDIA, also=(400, 401, 403, 408, 409, 413, 415, 422, 503))]

    async def receive(self, request: web.Request) -> web.Response:
        """Note that a Salesbot waits for an answer: 200 once that is on a disk, within a second."""
        deadline = self._intake.deadline()
        started = asyncio.get_running_loop().time()
        route = await genuine(self._directory, request)
        if request.content_type not in _MEDIA:
            raise Problem(415, f"send {JSON} or {FORM}", headers={"Accept-Post": f"{JSON}, {FORM}"}, close=True)
        asked = read_request(request.content_type, await read_body(request, MAX_BODY))
        if asked is None:
            raise Problem(400, "the body holds no token or no return_url", reason="no-salesbot-request")
        event = await self._checked(asked, route)
        new = NewInput(route.tenant_id, Address(route.id, event.key), event.kind, event.dedupe_key, event.raw)
        for one in await accepted_by(self._intake, self._directory, route, [new], deadline):
            self._metrics.input("kommo", one.verdict, asyncio.get_running_loop().time() - started)
        return ok()

    async def _checked(self, asked: BotRequest, route: Route) -> Routed:
        try:
            return self._check(asked, route)
        except Problem:  # of an account that was connected again just now the keys are others
            newer = await self._directory.find(route.id, fresh=True)
            return self._check(asked, newer or route)

    def _check(self, asked: BotRequest, route: Route) -> Routed:
        of = self._desk.signing(route)
        if of is None:
            detail = "what a Salesbot signs cannot be checked: connect this account by allowing the access, not with a token"
            raise Problem(409, detail, reason="no-secret-key")
        try:
            return checked(asked, of)
        except NotGenuine:
            raise unauthorized("the token is not signed for this account, or it is over", challenge="") from None
        except ElsewhereRefused:
            raise Problem(403, "return_url is no address of this account", reason="return-url") from None
