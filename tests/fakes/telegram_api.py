"""A strict fake of Telegram's Bot API, as a process of its own.

    python -m tests.fakes.telegram_api --port 0 --ledger FILE [--token TOKEN ...]

Prints one JSON line `{"url": ...}` when it listens. Control, by POST with JSON:
    /control/bots     {"token", "username"?}                   a token that is not registered is 401
    /control/updates  {"token", "updates": [...]}              what customers do; goes to the webhook if one is set
    /control/faults   {"kind", "token"?, "chat"?, "method"?, "times"?, "retry_after"?, "seconds"?} or {"clear": true}
    /control/files    {"token", "file_id", "text" | "size" | "base64"}   a file that a customer sent
    /control/moved    {"token", "chat", "to"}                  a group became a supergroup
    /control/state    {}                                       counts
"""

import argparse
import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import uvloop
from aiohttp import web

from tests.fakes.telegram_bot import SECRET, WEBHOOK_URL, Bot, Fault, Ledger, Refused, Telegram, Webhook
from tests.fakes.telegram_messages import file_message, text_message

HTML_502 = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"
Arguments = Mapping[str, Any]


class FakeBotApi:
    """HTTP in front of the state."""

    def __init__(self, telegram: Telegram) -> None:
        self.telegram = telegram
        self._methods: dict[str, Callable[[Bot, Arguments], Awaitable[Any]]] = {
            "getme": self._get_me,
            "sendmessage": self._send_message,
            "sendphoto": self._send_photo,
            "senddocument": self._send_document,
            "getupdates": self._get_updates,
            "setwebhook": self._set_webhook,
            "deletewebhook": self._delete_webhook,
            "getwebhookinfo": self._get_webhook_info,
            "sendchataction": self._send_chat_action,
            "answercallbackquery": self._answer_callback_query,
            "getfile": self._get_file,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith("/control/"):
            return _json(200, self._control(path[9:], json.loads(await request.read() or b"{}")))
        if path.startswith("/file/bot"):
            try:
                return await self._download(request)
            except Refused as refused:
                return _refusal(refused)
        token, _, method = path[4:].partition("/") if path.startswith("/bot") else ("", "", "")
        try:
            arguments = await _arguments(request)
            return await self._call(request, token, method, arguments)
        except Refused as refused:
            return _refusal(refused)

    async def _call(self, request: web.BaseRequest, token: str, method: str, arguments: Arguments) -> web.StreamResponse:
        telegram = self.telegram
        telegram.calls[method] = telegram.calls.get(method, 0) + 1
        bot = telegram.bot(token)
        if (run := self._methods.get(method.lower())) is None:
            raise Refused(404, "Not Found: method not found")
        fault = telegram.fault(token, str(arguments.get("chat_id", "")), method) if telegram.faults else None
        if fault is None:
            return _json(200, {"ok": True, "result": await run(bot, arguments)})
        result = await run(bot, arguments) if fault.kind.endswith("_after") else None
        return await _fail(request, fault, result)

    async def _get_me(self, bot: Bot, _: Arguments) -> Any:
        return bot.me()

    async def _send_message(self, bot: Bot, arguments: Arguments) -> Any:
        return self._accept(bot, arguments, text_message(arguments))

    async def _send_photo(self, bot: Bot, arguments: Arguments) -> Any:
        return self._accept(bot, arguments, file_message("photo", arguments))

    async def _send_document(self, bot: Bot, arguments: Arguments) -> Any:
        return self._accept(bot, arguments, file_message("document", arguments))

    def _accept(self, bot: Bot, arguments: Arguments, content: Mapping[str, Any]) -> Any:
        chat_id, thread = _chat_id(arguments), arguments.get("message_thread_id")
        if (moved_to := bot.moved.get(chat_id)) is not None:
            raise Refused(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=moved_to)
        return self.telegram.accept(bot, chat_id, content, int(thread) if thread is not None else None)

    async def _send_chat_action(self, _: Bot, arguments: Arguments) -> Any:
        _chat_id(arguments)
        if arguments.get("action") not in ("typing", "upload_photo", "upload_document"):
            raise Refused(400, "Bad Request: wrong parameter action in request")
        return True

    async def _answer_callback_query(self, bot: Bot, arguments: Arguments) -> Any:
        """Telegram knows a query for some seconds only; here until it is answered."""
        if (query_id := str(arguments.get("callback_query_id", ""))) not in bot.queries:
            raise Refused(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        bot.queries.discard(query_id)
        return True

    async def _get_file(self, bot: Bot, arguments: Arguments) -> Any:
        file_id = str(arguments.get("file_id", ""))
        if (content := bot.files.get(file_id)) is None:
            raise Refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        return {"file_id": file_id, "file_unique_id": file_id, "file_size": len(content), "file_path": f"photos/{file_id}.jpg"}

    async def _download(self, request: web.BaseRequest) -> web.StreamResponse:
        token, _, path = request.path.removeprefix("/file/bot").partition("/")
        bot = self.telegram.bot(token)
        if (fault := self.telegram.fault(token, "", "download")) is not None:
            return await _fail(request, fault, None)
        content = bot.files.get(path.removeprefix("photos/").removesuffix(".jpg"))
        if content is None:
            raise Refused(404, "Not Found")
        return web.Response(body=content, content_type="application/octet-stream")

    async def _get_updates(self, bot: Bot, arguments: Arguments) -> Any:
        limit = min(max(_int(arguments, "limit", 100), 1), 100)
        _confirm(bot, _int(arguments, "offset", 0))
        bot.poll += 1
        mine = bot.poll
        bot.wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(_int(arguments, "timeout", 0), 50)):
                await _wait_for_updates(bot, mine)
        _check_poll(bot, mine)
        return list(bot.updates)[:limit]

    async def _set_webhook(self, bot: Bot, arguments: Arguments) -> Any:
        url, secret = str(arguments.get("url", "")), str(arguments.get("secret_token", ""))
        if not url:
            self.telegram.set_webhook(bot, None)
            return True
        if not WEBHOOK_URL.fullmatch(url):
            raise Refused(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if secret and not SECRET.fullmatch(secret):
            raise Refused(400, "Bad Request: secret token contains unallowed characters")
        self.telegram.set_webhook(bot, Webhook(url, secret, _int(arguments, "max_connections", 40)))
        return True

    async def _delete_webhook(self, bot: Bot, arguments: Arguments) -> Any:
        if arguments.get("drop_pending_updates") in (True, "true", "True"):
            bot.updates.clear()
        self.telegram.set_webhook(bot, None)
        return True

    async def _get_webhook_info(self, bot: Bot, _: Arguments) -> Any:
        waiting = len(bot.updates) + sum(map(len, bot.push_queues.values()))
        info = {"url": bot.webhook.url if bot.webhook else "", "has_custom_certificate": False, "pending_update_count": waiting}
        return info | ({"last_error_message": bot.webhook.last_error} if bot.webhook and bot.webhook.last_error else {})

    def _control(self, what: str, body: dict[str, Any]) -> Any:
        telegram = self.telegram
        match what:
            case "bots":
                return telegram.add_bot(body["token"], body.get("username", "")).me()
            case "updates":
                bot = telegram.bot(body["token"])
                return {"update_ids": [telegram.push(bot, update) for update in body["updates"]]}
            case "files":
                telegram.bot(body["token"]).files[body["file_id"]] = _content(body)
            case "moved":
                telegram.bot(body["token"]).moved[int(body["chat"])] = int(body["to"])
            case "faults" if body.get("clear"):
                telegram.faults.clear()
            case "faults":
                telegram.faults.append(Fault(**body))
            case "state":
                waiting = {token: len(bot.updates) for token, bot in telegram.bots.items()}
                open_queries = {token: sorted(bot.queries) for token, bot in telegram.bots.items()}
                pushed = {token: bot.pushed for token, bot in telegram.bots.items()}
                return {
                    "accepted": telegram.accepted,
                    "calls": telegram.calls,
                    "waiting": waiting,
                    "pushed": pushed,
                    "queries": open_queries,
                }
            case _:
                return {"error": f"{what} is no control"}
        return {}


async def _wait_for_updates(bot: Bot, mine: int) -> None:
    while not bot.updates:
        _check_poll(bot, mine)
        bot.wake.clear()
        await bot.wake.wait()


def _check_poll(bot: Bot, mine: int) -> None:
    if bot.webhook is not None:
        raise Refused(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
    if bot.poll != mine:
        raise Refused(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")


def _confirm(bot: Bot, offset: int) -> None:
    """Everything before `offset` is forgotten; a negative one keeps that many from the end. What has no id is never confirmed."""
    if offset < 0:
        while len(bot.updates) > -offset:
            bot.updates.popleft()
        return
    if offset:
        bot.updates = type(bot.updates)(u for u in bot.updates if _update_id(u) >= offset)


def _update_id(update: Any) -> int:
    value = update.get("update_id") if isinstance(update, dict) else None
    return value if type(value) is int else -1


async def _fail(request: web.BaseRequest, fault: Fault, result: Any) -> web.StreamResponse:
    kind = fault.kind.removesuffix("_after").removesuffix("_before")
    match kind:
        case "too_many":
            raise Refused(429, f"Too Many Requests: retry after {fault.retry_after}", retry_after=fault.retry_after)
        case "cant_parse":
            raise Refused(400, "Bad Request: can't parse entities: unexpected end of the entity")
        case "forbidden":
            raise Refused(403, "Forbidden: bot was blocked by the user")
        case "bad_request":
            raise Refused(400, "Bad Request: chat not found")
        case "unauthorized":
            raise Refused(401, "Unauthorized")
        case "conflict":
            raise Refused(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")
        case "error_500":
            raise Refused(500, "Internal Server Error")
        case "html_502":
            return web.Response(status=502, body=HTML_502, content_type="text/html")
        case "garbage":
            return web.Response(body=orjson.dumps({"ok": True, "result": result})[:-9], content_type="application/json")
        case "hang":
            await asyncio.sleep(fault.seconds)
        case "reset":
            pass
        case _:
            raise AssertionError(f"{fault.kind} is no fault")
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _content(body: Mapping[str, Any]) -> bytes:
    if "base64" in body:
        return base64.b64decode(body["base64"])
    return b"x" * body["size"] if "size" in body else bytes(body["text"], "utf-8")


async def _arguments(request: web.BaseRequest) -> Arguments:
    """JSON, url-encoded, multipart or the query: the Bot API takes all four."""
    if request.content_type == "application/json":
        body = await request.read()
        try:
            arguments = orjson.loads(body) if body else {}
        except orjson.JSONDecodeError:
            raise Refused(400, "Bad Request: can't parse JSON object") from None
        return arguments if isinstance(arguments, dict) else {}
    form = await request.post() if request.method == "POST" else {}
    return {**request.query, **form}


def _chat_id(arguments: Arguments) -> int:
    value = arguments.get("chat_id")
    if value in (None, ""):
        raise Refused(400, "Bad Request: chat_id is empty")
    try:
        return int(str(value))
    except ValueError:
        raise Refused(400, "Bad Request: chat not found") from None


def _int(arguments: Arguments, name: str, default: int) -> int:
    try:
        return int(arguments.get(name) or default)
    except (TypeError, ValueError):
        raise Refused(400, f"Bad Request: {name} must be an integer") from None


def _json(status: int, body: Any) -> web.Response:
    try:
        encoded = orjson.dumps(body)
    except TypeError:  # a lone surrogate: JSON can spell it as an escape
        encoded = json.dumps(body).encode()
    return web.Response(status=status, body=encoded, content_type="application/json")


def _refusal(refused: Refused) -> web.Response:
    body: dict[str, Any] = {"ok": False, "error_code": refused.code, "description": refused.description}
    return _json(refused.code, body | ({"parameters": refused.parameters} if refused.parameters else {}))


async def serve(port: int, ledger: str, tokens: list[str]) -> None:
    """Listen until cancelled."""
    telegram = Telegram(Ledger(ledger))
    for token in tokens:
        telegram.add_bot(token)
    runner = web.ServerRunner(web.Server(FakeBotApi(telegram).handle, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
    await site.start()
    host, bound = runner.addresses[0][:2]
    print(orjson.dumps({"url": f"http://{host}:{bound}"}).decode(), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--token", action="append", default=[])
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(options.port, options.ledger, options.token))


if __name__ == "__main__":
    main()
