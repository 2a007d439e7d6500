"""Who may come in from Kommo, and what they brought on its way to a disk: the same for all that Kommo sends."""

import hashlib
import hmac

from aiohttp import web

from actors.ports.inbox import NewInput
from gateway import ids
from gateway.committer import Refused, Unavailable
from gateway.directory import Directory
from gateway.intake import Accepted, Intake
from gateway.problems import Problem, unauthorized, unavailable
from storage.integrations import Route

_NOBODY = bytes(32)


async def genuine(directory: Directory, request: web.Request) -> Route:
    """Return whose the address is.

    Raises:
        Problem: 401, the same for an unknown integration and a wrong secret.
        TransientError: the database is away and we do not know.
    """
    secret = request.match_info["secret"].removesuffix("/")
    presented = hashlib.sha256(secret.encode("utf-8", "replace")).digest()
    integration_id = ids.read(request.match_info["integrationId"])
    route = await directory.find(integration_id) if integration_id else None
    if route and not _genuine(route, presented):
        route = await directory.find(route.id, fresh=True)
    if route and _genuine(route, presented):
        return route
    raise unauthorized("the integration or its secret is wrong", challenge="")


async def accepted_by(intake: Intake, directory: Directory, route: Route, news: list[NewInput], deadline: float) -> list[Accepted]:
    """Return once everything is on a disk.

    Raises:
        Problem: 503, or 422 if the integration was deleted in this moment.
    """
    if not news:
        return []
    try:
        return await intake.accept_all(news, deadline, spool=True)
    except Unavailable:
        raise unavailable() from None
    except Refused:
        directory.forget(route.id)
        raise Problem(422, "the events cannot be stored", reason="refused-by-database") from None


def ok() -> web.Response:
    """Return what Kommo is told."""
    return web.Response(body=b'{"ok":true}', content_type="application/json")


def _genuine(route: Route, presented: bytes) -> bool:
    usable = route.channel == "kommo" and route.status != "disconnected"
    return hmac.compare_digest(route.secret_hash or _NOBODY, presented) and usable and route.secret_hash is not None
