"""REST v4 and OAuth of the fake, as far as Callboard uses them."""

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web

from tests.fakes.kommo.asked import Asked, page
from tests.fakes.kommo.chats import Chats, amojo_id
from tests.fakes.kommo.crm import Crm
from tests.fakes.kommo.hooks import Hooks, message_event
from tests.fakes.kommo.salesbots import Salesbots
from tests.fakes.kommo.state import Account, Blocked, Kommo, Refused, Talk

BLOCKED_PAGE = b"<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body><center><h1>403 Forbidden</h1></center></body>\r\n</html>\r\n"
BOT_DELAY_S = 0.3


Run = Callable[[Asked], Awaitable[tuple[int, Any]]]


class Api:
    """Answers requests."""

    def __init__(self, kommo: Kommo) -> None:
        self._kommo = kommo
        self._hooks = Hooks(kommo)
        self.chats = Chats(kommo)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._routes: list[tuple[str, re.Pattern[str], Run]] = [
            (method, re.compile(path), run)
            for method, path, run in (
                ("GET", r"/api/v4/account", self._account),
                ("GET", r"/api/v4/webhooks", self._webhooks),
                ("POST", r"/api/v4/webhooks", self._subscribe),
                ("DELETE", r"/api/v4/webhooks", self._unsubscribe),
                ("GET", r"/api/v4/events", self._events),
                ("GET", r"/api/v4/talks", self._talks),
                ("GET", r"/api/v4/talks/(\d+)", self._talk),
                ("GET", r"/api/v4/talks/(\d+)/messages", self._messages),
                ("POST", r"/api/v4/talks/(\d+)/send_message", self._send),
                ("GET", r"/api/v4/contacts/chats", self._chats),
                ("GET", r"/api/v4/leads/pipelines", self._pipelines),
                ("GET", r"/api/v4/(?:leads|contacts)/custom_fields", self._fields),
                ("GET", r"/api/v4/users", self._users),
                *Crm(kommo, self._hooks).routes(),
                ("POST", r"/api/v4/bots/(\d+)/run", self._run_bot),
                ("POST", r"/api/v4/salesbot/(\d+)/continue/(\d+)", Salesbots(kommo, self._hooks).go_on),
            )
        ]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request and write it into the ledger at the moment it came."""
        began, account_id, status = time.time(), 0, 500
        fault = self._kommo.fault(request.method, request.path)
        try:
            body = await _json_of(request)
            if fault is not None and fault.kind.endswith("_before"):
                return await _break(request, fault.kind, fault.seconds)
            account_id, (status, answer) = await self._answer(request, body, None if fault is None else fault.kind)
            if fault is not None and fault.kind.endswith("_after"):
                return await _break(request, fault.kind, fault.seconds)
            return _hal(status, answer, request)
        except Refused as refused:
            status, account_id = refused.status, account_id or _claimed(self._kommo, request)
            return web.Response(status=status, body=orjson.dumps(refused.body), content_type="application/problem+json")
        except Blocked:
            status = 403
            return web.Response(status=403, body=BLOCKED_PAGE, content_type="text/html")
        finally:
            entry = {"method": request.method, "path": request.path, "account": account_id, "status": status}
            self._kommo.ledger.write("request", at=began, **entry)

    async def _answer(self, request: web.BaseRequest, body: Any, fault: str | None) -> tuple[int, tuple[int, Any]]:
        kommo, path = self._kommo, request.path
        if kommo.blocked_until > time.time():
            raise Blocked
        if path == "/oauth":
            return 0, self._authorize(dict(request.query))
        if path == "/oauth2/access_token":
            return self._token(body)
        if path.startswith("/v2/origin/custom/"):
            if fault == "too_many":
                raise Refused(429, "Too Many Requests")
            return 0, await self.chats.answer(request, body)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        account, grant = kommo.authorized(token)
        kommo.count(account)
        if fault == "too_many":
            raise Refused(429, "Too Many Requests")
        if path == "/oauth2/account/current/subdomain":
            account.moved = False
            return account.id, (200, {"id": account.id, "subdomain": account.subdomain, "domain": f"{account.subdomain}.kommo.com"})
        if account.moved:
            raise Refused(401, "Unauthorized", "Account not found")
        for method, pattern, run in self._routes:
            if method == request.method and (match := pattern.fullmatch(path)):
                url = f"{request.scheme}://{request.host}{path}"
                asked = Asked(account, grant, dict(request.query), body, [int(group) for group in match.groups()], url)
                return account.id, await run(asked)
        raise Refused(404, "Not Found")

    def _authorize(self, query: dict[str, str]) -> tuple[int, Any]:
        """The person at the browser allows it for the first account."""
        client = self._kommo.clients.get(query.get("client_id", ""))
        if client is None:
            raise Refused(404, "Not Found", "no such integration")
        account = next(iter(self._kommo.accounts.values()))
        code = uuid.uuid4().hex
        self._kommo.codes[code] = (account, client.client_id)
        back = {
            "code": code,
            "state": query.get("state", ""),
            "referer": f"{account.subdomain}.kommo.com",
            "platform": "2",
            "client_id": client.client_id,
        }
        return 302, f"{client.redirect_uri}?{urlencode(back)}"

    def _token(self, body: Any) -> tuple[int, tuple[int, Any]]:
        client = self._kommo.clients.get(str(body.get("client_id")))
        if client is None or client.secret != body.get("client_secret") or client.redirect_uri != body.get("redirect_uri"):
            raise Refused(400, "Bad Request", "Client authentication failed")
        if body.get("grant_type") == "authorization_code":
            account, client_id = self._kommo.codes.pop(str(body.get("code")), (None, ""))
            if account is None or client_id != client.client_id:
                raise Refused(400, "Bad Request", "Cannot decrypt the authorization code")
            return account.id, (200, self._kommo.grant(account, client_id))
        return self._refresh(client.client_id, str(body.get("refresh_token")))

    def _refresh(self, client_id: str, refresh: str) -> tuple[int, tuple[int, Any]]:
        for account in self._kommo.accounts.values():
            grant = account.grants.get(client_id)
            if grant is not None and grant.refresh == refresh:
                self._kommo.count(account)
                self._kommo.refreshes += 1
                return account.id, (200, self._kommo.grant(account, client_id))
        raise Refused(401, "Unauthorized", "The refresh token is invalid.", hint="Token has been revoked")

    async def _account(self, asked: Asked) -> tuple[int, Any]:
        account = asked.account
        shown = {"id": account.id, "name": account.name, "subdomain": account.subdomain, "current_user_id": account.users[0]["id"]}
        return 200, shown | ({"amojo_id": amojo_id(account)} if "amojo_id" in asked.query.get("with", "") else {})

    async def _webhooks(self, asked: Asked) -> tuple[int, Any]:
        wanted = asked.query.get("filter[destination]")
        hooks = [hook for hook in asked.account.webhooks.values() if wanted in (None, hook["destination"])]
        return (200, {"_total_items": len(hooks), "_embedded": {"webhooks": hooks}}) if hooks else (204, None)

    async def _subscribe(self, asked: Asked) -> tuple[int, Any]:
        destination, settings = asked.body.get("destination"), asked.body.get("settings")
        if not str(destination).startswith("http") or not settings:
            raise Refused(400, "Bad Request", "Request validation failed")
        hook = {"id": self._kommo.fresh(), "destination": destination, "settings": settings, "sort": 10, "disabled": False}
        asked.account.webhooks[destination] = hook
        return 201, hook

    async def _unsubscribe(self, asked: Asked) -> tuple[int, Any]:
        if asked.account.webhooks.pop(asked.body.get("destination"), None) is None:
            raise Refused(404, "Not Found")
        return 204, None

    async def _talks(self, asked: Asked) -> tuple[int, Any]:
        talks = list(asked.account.talks.values())
        if contact := asked.query.get("filter[contact_id][]"):
            talks = [talk for talk in talks if talk.contact_id == int(contact)]
        if lead := asked.query.get("filter[entity_id]"):
            talks = [talk for talk in talks if talk.lead_id == int(lead)]
        if asked.query.get("filter[only_in_work]"):
            talks = [talk for talk in talks if talk.is_in_work]
        return page(asked, "talks", [talk.shown() for talk in talks])

    async def _events(self, asked: Asked) -> tuple[int, Any]:
        """One event a message, the newest first."""
        wanted = asked.query.get("filter[type][]")
        first, last = (int(asked.query.get(f"filter[created_at][{end}]", limit)) for end, limit in (("from", 0), ("to", 10**12)))
        found = [
            {
                "id": f"event-{message.id}",
                "type": kind,
                "entity_id": talk.lead_id or talk.contact_id,
                "entity_type": "lead" if talk.lead_id else "contact",
                "created_at": message.created_at,
                "value_after": [{"message": {"id": message.id, "origin": talk.origin, "talk_id": talk.talk_id}}],
            }
            for talk in asked.account.talks.values()
            for message in talk.messages
            for kind in (f"{'outgoing' if message.outgoing else 'incoming'}_chat_message",)
            if wanted in (None, kind) and first <= message.created_at <= last
        ]
        return page(asked, "events", sorted(found, key=lambda event: -int(event["created_at"])), most=100)

    async def _talk(self, asked: Asked) -> tuple[int, Any]:
        talk = asked.account.talks.get(asked.ids[0])
        return (200, talk.shown()) if talk else (204, None)

    async def _messages(self, asked: Asked) -> tuple[int, Any]:
        _scope(asked, "list_external_messages")
        since = int(asked.query.get("filter[created_at][from]", 0))
        return page(asked, "messages", [m.shown() for m in _open(asked).messages if m.created_at >= since])

    async def _send(self, asked: Asked) -> tuple[int, Any]:
        _scope(asked, "send_external_messages")
        account, talk, text = asked.account, _open(asked), str(asked.body.get("text", ""))
        if not account.knows_sending:
            raise Refused(404, "Not Found")
        if not account.has_sending:
            raise Refused(402, "Payment Required", "Endpoint not available for current account tariff")
        if account.quota is not None and account.quota <= 0:
            raise Refused(402, "Payment Required", "Over chat API limit")
        if not talk.is_in_work:
            raise Refused(422, "Unprocessable Entity", "Talk is closed")
        if not text:
            raise Refused(400, "Bad Request", "Request validation failed")
        account.quota = None if account.quota is None else account.quota - 1
        message = self._kommo.message(talk, text, "internal", outgoing=True)
        # Our own message comes back before we are told that it was taken.
        await self._hooks.push(account, "add_outgoing_message", message_event(account, talk, message))
        return 202, {"id": message.id}

    async def _chats(self, asked: Asked) -> tuple[int, Any]:
        chat, contact = asked.query.get("chat_id"), asked.query.get("contact_id")
        talks = [t for t in asked.account.talks.values() if chat in (None, t.chat_id) and contact in (None, str(t.contact_id))]
        links = {(t.chat_id, t.contact_id): {"id": n, "chat_id": t.chat_id, "contact_id": t.contact_id} for n, t in enumerate(talks)}
        return (200, {"_total_items": len(links), "_embedded": {"chats": list(links.values())}}) if links else (204, None)

    async def _pipelines(self, asked: Asked) -> tuple[int, Any]:
        return 200, {"_total_items": len(asked.account.pipelines), "_embedded": {"pipelines": asked.account.pipelines}}

    async def _users(self, asked: Asked) -> tuple[int, Any]:
        return page(asked, "users", asked.account.users)

    async def _fields(self, asked: Asked) -> tuple[int, Any]:
        entity = asked.url.split("/")[-2]
        return page(asked, "custom_fields", [field for field in asked.account.fields if field["entity_type"] == entity])

    async def _run_bot(self, asked: Asked) -> tuple[int, Any]:
        field_id, lead_id = asked.account.bots.get(asked.ids[0]), asked.body.get("entity_id")
        if field_id is None:
            raise Refused(404, "Not Found")
        if asked.body.get("entity_type") not in ("leads", "contacts"):
            flaw = {"code": "InvalidType", "path": "entity_type", "detail": "This value should be a word."}
            raise Refused(400, "Bad Request", "Request validation failed", **{"validation-errors": [{"request_id": "0", "errors": [flaw]}]})
        talks = [talk for talk in asked.account.talks.values() if talk.lead_id == lead_id]
        if talks:
            task = asyncio.create_task(self._bot_sends(asked.account, max(talks, key=lambda t: (t.is_in_work, t.talk_id)), field_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return 202, None

    async def _bot_sends(self, account: Account, talk: Talk, field_id: int) -> None:
        """The bot reads its field when it gets there, not when it was started."""
        await asyncio.sleep(BOT_DELAY_S)
        fields = account.leads[talk.lead_id or 0].get("custom_fields_values") or []
        text = next((f["values"][0]["value"] for f in fields if f["field_id"] == field_id), "")
        message = self._kommo.message(talk, text, "bot", outgoing=True)
        await self._hooks.push(account, "add_outgoing_message", message_event(account, talk, message))


def _open(asked: Asked) -> Talk:
    talk = asked.account.talks.get(asked.ids[0])
    if talk is None:
        raise Refused(404, "Not Found")
    return talk


def _scope(asked: Asked, scope: str) -> None:
    if asked.grant is not None and scope not in asked.grant.scopes:
        raise Refused(403, "Forbidden", "Invalid scope")


def _claimed(kommo: Kommo, request: web.BaseRequest) -> int:
    """Whose request a refused one was, as far as it can be known."""
    try:
        return kommo.authorized(request.headers.get("Authorization", "").removeprefix("Bearer "))[0].id
    except Refused:
        return 0


def _hal(status: int, answer: Any, request: web.BaseRequest) -> web.Response:
    if status == 302:
        return web.Response(status=302, headers={"Location": answer})
    if answer is None:
        return web.Response(status=status)
    media = "application/json" if request.path.startswith("/oauth2") else "application/hal+json"
    return web.Response(status=status, body=orjson.dumps(answer), content_type=media)


async def _json_of(request: web.BaseRequest) -> Any:
    raw = await request.read()
    if not raw:
        return {}
    if request.content_type != "application/json":
        raise Refused(400, "Bad Request", "send application/json")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refused(400, "Bad Request", "invalid JSON") from None


async def _break(request: web.BaseRequest, kind: str, seconds: float) -> web.StreamResponse:
    match kind.rpartition("_")[0]:
        case "error_500":
            return web.Response(status=500, body=b"<html><body>Internal Server Error</body></html>", content_type="text/html")
        case "error_504":
            return web.Response(status=504, body=b"<html><body>Gateway Time-out</body></html>", content_type="text/html")
        case "garbage":
            return web.Response(status=202, body=b'{"id":"', content_type="application/json")
        case "redirect":
            return web.Response(status=302, headers={"Location": f"{request.scheme}://{request.host}/elsewhere"})
        case "hang":
            await asyncio.sleep(seconds)
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
