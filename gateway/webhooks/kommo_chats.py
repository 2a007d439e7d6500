"""Kommo's Chats API: what managers write in chats of our own channels. Signed, sent once and never repeated: store, then answer."""

import asyncio
import logging
import re

from aiohttp import web

from actors.ports.inbox import NewInput
from gateway.api.operation import Plain
from gateway.bodies import read_body
from gateway.channel_desk import HOOKS
from gateway.committer import Refused, Unavailable
from gateway.intake import Intake
from gateway.metrics import Metrics
from gateway.own_channels import OwnChannels
from gateway.problems import Problem, unauthorized, unavailable
from gateway.webhooks.kommo_door import ok
from integrations.kommo.chat_hook import MAX_HOOK, ChatHook, read_hook
from integrations.kommo.chat_ids import address_of
from integrations.kommo.chats_api import is_hook
from storage.kommo_scopes import Scope

log = logging.getLogger(__name__)

PATH = f"{HOOKS}/{{scopeId}}"
SIGNATURE = "X-Signature"
WRONG = "the scope or the signature is wrong"
_SCOPE = re.compile(r"[0-9A-Za-z_-]{1,128}")


class ChatHooks:
    """Accepts the hooks of all channels of our own."""

    def __init__(self, channels: OwnChannels, intake: Intake, metrics: Metrics) -> None:
        self._channels = channels
        self._intake = intake
        self._metrics = metrics

    def plain(self) -> list[Plain]:
        """Return the routes."""
        json = ("application/json",)
        return [
            Plain("POST", PATH, self.receive, tag="webhooks", accepts=json, credential=SIGNATURE, also=(400, 401, 408, 413, 415, 422, 503))
        ]

    async def receive(self, request: web.Request) -> web.Response:
        """Take in what a manager wrote in a chat of ours: 200 once it is on a disk, within a second."""
        deadline = self._intake.deadline()
        started = asyncio.get_running_loop().time()
        body = await read_body(request, MAX_HOOK)
        scope = await self._genuine(request, body)
        verdict = await self._taken(scope, _hook(body), deadline)
        self._metrics.input("kommo", verdict, asyncio.get_running_loop().time() - started)
        return ok()

    async def _genuine(self, request: web.Request, body: bytes) -> Scope:
        """Return whose hook it is.

        Raises:
            Problem: 401, the same for an unknown scope and a wrong signature.
        """
        scope_id, signature = request.match_info["scopeId"], request.headers.get(SIGNATURE, "")
        if not _SCOPE.fullmatch(scope_id):
            raise unauthorized(WRONG, challenge="")
        scope = await self._channels.find(scope_id)
        if scope and is_hook(self._channels.secret(scope), body, signature):
            return scope
        # The channel, or its secret, may be a moment old.
        scope = await self._channels.find(scope_id, fresh=True)
        if scope and is_hook(self._channels.secret(scope), body, signature):
            return scope
        raise unauthorized(WRONG, challenge="")

    async def _taken(self, scope: Scope, hook: ChatHook | None, deadline: float) -> str:
        if hook is None:
            return "empty"
        address = address_of(self._channels.mark, scope.tenant_id, hook.chat)
        if address is None:
            log.warning("kommo: a manager wrote in chat %s of scope %s, which is no chat of ours", hook.chat_ref[:64], scope.scope_id)
            return "empty"
        new = NewInput(scope.tenant_id, address, "event", f"kommo-chat:{scope.scope_id}:{hook.message_id}", hook.to_bytes())
        try:
            accepted = await self._intake.accept(new, deadline, spool=True)
        except Unavailable:
            raise unavailable() from None
        except Refused:
            raise Problem(422, "the message cannot be stored", reason="refused-by-database") from None
        return accepted.verdict


def _hook(body: bytes) -> ChatHook | None:
    try:
        return read_hook(body)
    except ValueError:
        raise Problem(400, "the body is no JSON", reason="hook-invalid") from None
