"""Kommo's webhook: authenticate, store, answer within 2 s. A hook that is refused too often is switched off at the other end."""

import asyncio
import hashlib
import hmac

from aiohttp import web

from actors.domain.ids import Address
from actors.ports.inbox import NewInput
from gateway import ids
from gateway.api.operation import Plain
from gateway.bodies import read_body
from gateway.committer import Refused, Unavailable
from gateway.directory import Directory
from gateway.intake import Accepted, Intake
from gateway.metrics import Metrics
from gateway.problems import Problem, unauthorized, unavailable
from integrations.kommo.forms import MAX_BODY, parse_form
from integrations.kommo.routing import account_of, routed
from storage.integrations import Route

PATH = "/webhooks/kommo/{integrationId}/{secret:[^/]+/?}"  # some save the address with a slash at its end
_FORM = "application/x-www-form-urlencoded"
_NOBODY = bytes(32)


class KommoWebhook:
    """Accepts the webhooks of all accounts. They carry no signature: the secret is in the address, and never in a log."""

    def __init__(self, directory: Directory, intake: Intake, metrics: Metrics) -> None:
        self._directory = directory
        self._intake = intake
        self._metrics = metrics

    def plain(self) -> list[Plain]:
        """Return the routes."""
        return [
            Plain("GET", PATH, self.probe, tag="webhooks", also=(401, 503)),
            Plain("POST", PATH, self.receive, tag="webhooks", accepts=_FORM, also=(400, 401, 403, 408, 413, 415, 422, 503)),
        ]

    async def probe(self, request: web.Request) -> web.Response:
        """Say that the address works: Kommo asks when it is saved."""
        await self._authenticate(request)
        return _ok()

    async def receive(self, request: web.Request) -> web.Response:
        """Take events in from Kommo: 200 once all of them are on a disk, within a second."""
        deadline = self._intake.deadline()
        started = asyncio.get_running_loop().time()
        route = await self._authenticate(request)
        _require_form(request)
        body = await read_body(request, MAX_BODY)
        accepted = await self._accept(_inputs(route, body), route, deadline)
        waited_s = asyncio.get_running_loop().time() - started
        for one in accepted:
            self._metrics.input("kommo", one.verdict, waited_s)
        if not accepted:
            self._metrics.input("kommo", "empty", waited_s)
        return _ok()

    async def _authenticate(self, request: web.Request) -> Route:
        secret = request.match_info["secret"].removesuffix("/")
        presented = hashlib.sha256(secret.encode("utf-8", "replace")).digest()
        integration_id = ids.read(request.match_info["integrationId"])
        route = await self._directory.find(integration_id) if integration_id else None
        if route and not _genuine(route, presented):
            route = await self._directory.find(route.id, fresh=True)
        if route and _genuine(route, presented):
            return route
        # The same answer for an unknown integration and a wrong secret.
        raise unauthorized("the integration or its secret is wrong", challenge="")

    async def _accept(self, news: list[NewInput], route: Route, deadline: float) -> list[Accepted]:
        if not news:
            return []
        try:
            return await self._intake.accept_all(news, deadline, spool=True)
        except Unavailable:
            raise unavailable() from None
        except Refused:
            self._directory.forget(route.id)
            raise Problem(422, "the events cannot be stored", reason="refused-by-database") from None


def _require_form(request: web.Request) -> None:
    if request.content_type != _FORM:
        raise Problem(415, f"send {_FORM}", headers={"Accept-Post": _FORM}, close=True)


def _inputs(route: Route, body: bytes) -> list[NewInput]:
    form = parse_form(body)
    if account_of(form) not in ("", route.account):  # documentation shows bodies without it
        raise Problem(403, "this address belongs to another account of Kommo", reason="wrong-account")
    return [
        NewInput(route.tenant_id, Address(route.id, event.key), event.kind, event.dedupe_key, event.raw)
        for event in routed(route.account, form, body)
    ]


def _ok() -> web.Response:
    return web.Response(body=b'{"ok":true}', content_type="application/json")


def _genuine(route: Route, presented: bytes) -> bool:
    usable = route.channel == "kommo" and route.status != "disconnected"
    return hmac.compare_digest(route.secret_hash or _NOBODY, presented) and usable and route.secret_hash is not None
