"""Kommo's webhook: authenticate, store, answer within 2 s. A hook that is refused too often is switched off at the other end."""

import asyncio

from aiohttp import web

from actors.domain.ids import Address
from actors.ports.inbox import NewInput
from gateway.api.operation import Plain
from gateway.bodies import read_body
from gateway.directory import Directory
from gateway.intake import Intake
from gateway.metrics import Metrics
from gateway.problems import Problem
from gateway.webhooks.kommo_door import accepted_by, genuine, ok
from integrations.kommo.forms import FORM, MAX_BODY, parse_form
from integrations.kommo.routing import account_of, routed
from storage.integrations import Route

PATH = "/webhooks/kommo/{integrationId}/{secret:[^/]+/?}"  # some save the address with a slash at its end


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
            Plain("POST", PATH, self.receive, tag="webhooks", accepts=(FORM,), also=(400, 401, 403, 408, 413, 415, 422, 503)),
        ]

    async def probe(self, request: web.Request) -> web.Response:
        """Say that the address works: Kommo asks when it is saved."""
        await genuine(self._directory, request)
        return ok()

    async def receive(self, request: web.Request) -> web.Response:
        """Take events in from Kommo: 200 once all of them are on a disk, within a second."""
        deadline = self._intake.deadline()
        started = asyncio.get_running_loop().time()
        route = await genuine(self._directory, request)
        _require_form(request)
        body = await read_body(request, MAX_BODY)
        accepted = await accepted_by(self._intake, self._directory, route, _inputs(route, body), deadline)
        waited_s = asyncio.get_running_loop().time() - started
        for one in accepted:
            self._metrics.input("kommo", one.verdict, waited_s)
        if not accepted:
            self._metrics.input("kommo", "empty", waited_s)
        return ok()


def _require_form(request: web.Request) -> None:
    if request.content_type != FORM:
        raise Problem(415, f"send {FORM}", headers={"Accept-Post": FORM}, close=True)


def _inputs(route: Route, body: bytes) -> list[NewInput]:
    form = parse_form(body)
    if account_of(form) not in ("", route.account):  # documentation shows bodies without it
        raise Problem(403, "this address belongs to another account of Kommo", reason="wrong-account")
    return [
        NewInput(route.tenant_id, Address(route.id, event.key), event.kind, event.dedupe_key, event.raw)
        for event in routed(route.account, form, body)
    ]
