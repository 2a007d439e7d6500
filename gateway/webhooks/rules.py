"""Webhooks of the tenants' own systems, for rules: authenticate, store, answer. What a rule makes of it is the worker's."""

import asyncio
import hashlib
import hmac
from typing import Any

import orjson
from aiohttp import web

from actors.domain.errors import TransientError
from actors.domain.ids import Address
from actors.ports.inbox import NewInput
from gateway import ids
from gateway.api.operation import Plain
from gateway.api.requests import idempotency_key
from gateway.bodies import parse_json, read_body, require_json, storable_json
from gateway.committer import Refused, Unavailable
from gateway.directory import Directory
from gateway.intake import Accepted, Intake
from gateway.metrics import Metrics
from gateway.problems import Problem, invalid, unauthorized, unavailable
from storage.integrations import Route, secret_hash
from storage.postgres import Database
from storage.rule_hooks import chat_address

PATH = "/webhooks/rules/{integrationId}/{rule:[A-Za-z0-9._-]+}/{secret}"
MAX_BODY = 64 * 1024
LONGEST_KEY = 64  # of a rule
LOOKUP_TIMEOUT_S = 0.3  # within the budget of a webhook
_NOBODY = bytes(32)


class RuleWebhook:
    """Accepts calls for the rules of all agents. The secret is in the address, and never in a log."""

    def __init__(self, database: Database, directory: Directory, intake: Intake, metrics: Metrics) -> None:
        self._database = database
        self._directory = directory
        self._intake = intake
        self._metrics = metrics

    def plain(self) -> list[Plain]:
        """Return the routes."""
        also = (400, 401, 404, 408, 413, 415, 422, 503)
        return [Plain("POST", PATH, self.receive, tag="webhooks", accepts=("application/json",), statuses=(202,), also=also)]

    async def receive(self, request: web.Request) -> web.Response:
        """Take a JSON object in for a rule: 202 once it is on a disk.

        `conversation_id` in it names the conversation that it is about. With an `Idempotency-Key` the same call is taken in once
        within 8 days.
        """
        deadline = self._intake.deadline()
        started = asyncio.get_running_loop().time()
        route = await self._authenticate(request)
        require_json(request)
        key = idempotency_key(request)
        body = await read_body(request, MAX_BODY)
        value = parse_json(body)
        if not isinstance(value, dict):
            raise Problem(400, "send a JSON object", reason="json-invalid")
        rule = request.match_info["rule"]
        if len(rule) > LONGEST_KEY:
            raise Problem(404, "no rule has such a key", reason="no-rule")
        address = await self._address(route, rule, value)
        accepted = await self._accept(_input(route, address, rule, key, storable_json(body, value)), route, deadline)
        self._metrics.input("agent", accepted.verdict, asyncio.get_running_loop().time() - started)
        return web.json_response({"ok": True, "duplicate": accepted.verdict == "duplicate"}, status=202)

    async def _authenticate(self, request: web.Request) -> Route:
        presented = secret_hash(request.match_info["secret"].encode("utf-8", "replace"))
        integration_id = ids.read(request.match_info["integrationId"])
        route = await self._directory.find(integration_id) if integration_id else None
        if route and not _genuine(route, presented):
            route = await self._directory.find(route.id, fresh=True)
        if route and _genuine(route, presented):
            return route
        # The same answer for an unknown agent and a wrong secret.
        raise unauthorized("the address or its secret is wrong", challenge="")

    async def _address(self, route: Route, rule: str, value: dict[str, Any]) -> Address:
        """Return whose call it is: a conversation's that is named, else the rule's own."""
        named = value.get("conversation_id")
        if named is None:
            return Address(route.id, f"rule:{rule}")
        if isinstance(named, bool) or not str(named).isascii() or not str(named).isdecimal() or int(named) >= 2**63:
            raise invalid("must be the number of a conversation", "conversation-id", pointer="/conversation_id")
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                found = await chat_address(self._database, route.tenant_id, route.agent_id, int(named))
        except (TransientError, TimeoutError):
            raise unavailable() from None
        if found is None:
            raise Problem(404, "this agent has no such conversation", reason="no-conversation")
        return found

    async def _accept(self, new: NewInput, route: Route, deadline: float) -> Accepted:
        try:
            return await self._intake.accept(new, deadline, spool=True)
        except Unavailable:
            raise unavailable() from None
        except Refused:
            self._directory.forget(route.id)
            raise Problem(422, "the call cannot be stored", reason="refused-by-database") from None


def _input(route: Route, address: Address, rule: str, key: str | None, body: bytes) -> NewInput:
    raw = orjson.dumps({"kind": "webhook", "payload": {"rule": rule, "body": orjson.Fragment(body)}})
    named = hashlib.sha256(f"{rule} {key}".encode()).hexdigest() if key else ids.request_id()
    return NewInput(route.tenant_id, address, "result", f"rule:{route.id}:{named}", raw)


def _genuine(route: Route, presented: bytes) -> bool:
    usable = route.channel == "agent" and route.status != "disconnected"
    return hmac.compare_digest(route.secret_hash or _NOBODY, presented) and usable and route.secret_hash is not None
