"""Telegram's webhook: authenticate, store, answer. Everything else about an update is the worker's."""

import asyncio
import hashlib
import hmac

from aiohttp import web

from actors.domain.errors import InvalidInput
from actors.domain.ids import Address
from actors.ports.inbox import NewInput
from gateway import ids
from gateway.api.operation import Plain
from gateway.bodies import parse_json, read_body, require_json, storable_json
from gateway.committer import Refused, Unavailable
from gateway.directory import Directory
from gateway.intake import Accepted, Intake
from gateway.metrics import Metrics
from gateway.problems import Problem, unauthorized, unavailable
from integrations.telegram.routing import dedupe_key, strict_route
from storage.integrations import Route

MAX_BODY = 1024 * 1024  # a real update has some kilobytes
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105
_NOBODY = bytes(32)
_OK = b'{"ok":true}'


class TelegramWebhook:
    """Accepts updates of all bots."""

    def __init__(self, directory: Directory, intake: Intake, metrics: Metrics) -> None:
        self._directory = directory
        self._intake = intake
        self._metrics = metrics

    def plain(self) -> list[Plain]:
        """Return the routes."""
        return [
            Plain(
                "POST",
                "/webhooks/telegram/{integrationId}",
                self.receive,
                tag="webhooks",
                accepts=("application/json",),
                credential=SECRET_HEADER,
                also=(400, 401, 408, 413, 415, 422, 503),
            )
        ]

    async def receive(self, request: web.Request) -> web.Response:
        """Take an update in from Telegram: 200 after it is committed; Telegram repeats after anything else."""
        route = await self._authenticate(request)
        require_json(request)
        body = await read_body(request, MAX_BODY)
        started = asyncio.get_running_loop().time()
        new = _new_input(route, body)
        accepted = await self._accept(new)
        self._metrics.input("telegram", accepted.verdict, asyncio.get_running_loop().time() - started)
        return web.Response(body=_OK, content_type="application/json")

    async def _authenticate(self, request: web.Request) -> Route:
        presented = _secret_hash(request)
        integration_id = ids.read(request.match_info["integrationId"])
        route = await self._directory.find(integration_id) if integration_id else None
        if _genuine(route, presented):
            assert route is not None
            return route
        if route and _genuine(again := await self._directory.find(route.id, fresh=True), presented):
            assert again is not None
            return again
        # The same answer for an unknown integration, a wrong secret and none.
        raise unauthorized("the integration or its secret is wrong", challenge="")

    async def _accept(self, new: NewInput) -> Accepted:
        try:
            return await self._intake.accept(new, self._intake.deadline())
        except Unavailable:
            raise unavailable() from None
        except Refused:
            self._directory.forget(new.address.integration_id)
            raise Problem(422, "the update cannot be stored", reason="refused-by-database") from None


def _secret_hash(request: web.Request) -> bytes:
    """Hash the header's bytes as they came: comparing text would raise on non-ASCII ones."""
    header = request.headers.get(SECRET_HEADER, "")
    return hashlib.sha256(header.encode("utf-8", "surrogateescape")).digest()


def _genuine(route: Route | None, presented: bytes) -> bool:
    usable = route is not None and route.channel == "telegram" and route.status != "disconnected" and route.secret_hash is not None
    expected = route.secret_hash if route and usable else None
    return hmac.compare_digest(expected or _NOBODY, presented) and usable


def _new_input(route: Route, body: bytes) -> NewInput:
    value = parse_json(body)
    try:
        where = strict_route(value)
    except InvalidInput as error:
        raise Problem(400, f"the update is not acceptable: {error}", reason="update-invalid") from None
    key = dedupe_key(route.account, where.update_id)
    return NewInput(route.tenant_id, Address(route.id, where.key), "message", key, storable_json(body, value))
