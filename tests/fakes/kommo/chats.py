"""The Chats API of the fake (amojo): channels that its maker registered, signed both ways, chats and their messages.

A request is refused (403) whose signature is wrong, or whose `Date` is more than 15 minutes away. A message id that was posted
before is posted again all the same: nothing here repairs what a sender does twice.
"""

import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from tests.fakes.kommo.hooks import Hooks, message_event
from tests.fakes.kommo.state import Account, Kommo, Refused, Talk

DATE_S = 900.0
ANSWER_S = 5.0
PAGE = 50


@dataclass
class Shown:
    """A message of a chat; `msgid` is the sender's own id, empty for what was written in Kommo."""

    id: str
    msgid: str
    side: str  # customer, bot, manager
    text: str
    at: float
    status: int = 0


@dataclass
class Chat:
    ref_id: str
    conversation_id: str
    user_id: str
    name: str
    talk: Talk
    messages: list[Shown] = field(default_factory=list)


@dataclass
class Channel:
    id: str
    secret: str
    bot_id: str
    hook: str  # with `:scope_id` in it
    accounts: dict[str, Account] = field(default_factory=dict)  # connected, by amojo id
    chats: dict[str, dict[str, Chat]] = field(default_factory=dict)  # by scope, by our id


def amojo_id(account: Account) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"amojo-{account.id}"))


Run = Callable[[Channel, tuple[str, ...], Any, dict[str, str]], Awaitable[tuple[int, Any]]]


class Chats:
    """Answers requests below /v2/origin/custom/, and lets managers write."""

    def __init__(self, kommo: Kommo) -> None:
        self._kommo = kommo
        self._hooks = Hooks(kommo)
        self.channels: dict[str, Channel] = {}
        self._routes: list[tuple[str, re.Pattern[str], Run]] = [
            ("POST", re.compile(r"connect"), self._connect),
            ("DELETE", re.compile(r"disconnect"), self._disconnect),
            ("POST", re.compile(r""), self._post),
            ("POST", re.compile(r"chats"), self._create),
            ("GET", re.compile(r"chats/([^/]+)/history"), self._history),
            ("POST", re.compile(r"([^/]+)/delivery_status"), self._status),
        ]

    async def answer(self, request: web.BaseRequest, body: Any) -> tuple[int, Any]:
        """Answer one request.

        Raises:
            Refused: what is wrong with it.
        """
        where, _, rest = request.path.removeprefix("/v2/origin/custom/").partition("/")
        channel = self.channels.get(where[:36])
        if channel is None:
            raise Refused(404, "Not Found", "no such channel")
        self._signed(channel, request, await request.read())
        for method, pattern, run in self._routes:
            if method == request.method and (match := pattern.fullmatch(rest)):
                if rest not in ("connect", "disconnect") and where[37:] not in channel.accounts:
                    raise Refused(404, "Not Found", "the account is not connected to the channel")
                return await run(channel, (where[37:], *match.groups()), body, dict(request.query))
        raise Refused(404, "Not Found")

    def _signed(self, channel: Channel, request: web.BaseRequest, content: bytes) -> None:
        told = {name: request.headers.get(name, "") for name in ("Date", "Content-Type", "Content-MD5", "X-Signature")}
        text = "\n".join((request.method, told["Content-MD5"], told["Content-Type"], told["Date"], request.path))
        right = hmac.new(channel.secret.encode(), text.encode(), hashlib.sha1).hexdigest()
        fresh = abs(parsedate_to_datetime(told["Date"]).timestamp() - time.time()) <= DATE_S if told["Date"] else False
        whole = told["Content-MD5"] == hashlib.md5(content).hexdigest() and told["Content-Type"] == "application/json"
        if not (hmac.compare_digest(right, told["X-Signature"]) and fresh and whole):
            raise Refused(403, "Forbidden", "invalid signature")

    async def _connect(self, channel: Channel, _: tuple[str, ...], body: Any, __: dict[str, str]) -> tuple[int, Any]:
        account = next((a for a in self._kommo.accounts.values() if amojo_id(a) == body["account_id"]), None)
        if account is None or body["hook_api_version"] != "v2":
            raise Refused(400, "Bad Request")
        channel.accounts[body["account_id"]] = account
        return 200, {**body, "scope_id": f"{channel.id}_{body['account_id']}"}

    async def _disconnect(self, channel: Channel, _: tuple[str, ...], body: Any, __: dict[str, str]) -> tuple[int, Any]:
        channel.accounts.pop(body["account_id"], None)
        return 200, None

    async def _create(self, channel: Channel, where: tuple[str, ...], body: Any, _: dict[str, str]) -> tuple[int, Any]:
        chat = self._chat(channel, where[0], str(body["conversation_id"]), body["user"])
        return 200, {"id": chat.ref_id, "user": {"id": str(uuid.uuid4()), "client_id": chat.user_id, "name": chat.name}}

    def _chat(self, channel: Channel, amojo: str, conversation_id: str, user: dict[str, Any]) -> Chat:
        chats = channel.chats.setdefault(amojo, {})
        if conversation_id not in chats:
            ref_id = str(uuid.uuid4())
            talk = self._kommo.add_talk(channel.accounts[amojo], ref_id)
            chats[conversation_id] = Chat(ref_id, conversation_id, str(user["id"]), str(user.get("name", "")), talk)
        return chats[conversation_id]

    async def _post(self, channel: Channel, where: tuple[str, ...], body: Any, _: dict[str, str]) -> tuple[int, Any]:
        if body["event_type"] != "new_message":
            raise Refused(400, "Bad Request")
        told = body["payload"]
        receiver, sender = told.get("receiver"), told["sender"]
        if (receiver is None) != ("ref_id" not in sender) or (receiver and sender["ref_id"] != channel.bot_id):
            raise Refused(400, "Bad Request", "whose message is it?")
        if not isinstance(told["timestamp"], int) or not told["message"]["text"]:
            raise Refused(400, "Bad Request")
        account = channel.accounts[where[0]]
        chat = self._chat(channel, where[0], told["conversation_id"], receiver or sender)
        if told.get("conversation_ref_id", chat.ref_id) != chat.ref_id:
            raise Refused(400, "Bad Request", "two chats at once")
        side = "bot" if receiver else "customer"
        shown = Shown(str(uuid.uuid4()), told["msgid"], side, told["message"]["text"], told["msec_timestamp"] / 1000)
        chat.messages.append(shown)
        self._kommo.ledger.write("shown", chat=chat.conversation_id, msgid=shown.msgid, side=side, text=shown.text)
        if side == "customer":  # for what its own bot posts, Kommo sends no hooks
            message = self._kommo.message(chat.talk, shown.text, "external", outgoing=False)
            message.id = shown.id
            await self._hooks.push(account, "add_message", message_event(account, chat.talk, message))
        new = {"conversation_id": chat.ref_id, "sender_id": str(uuid.uuid4()), "receiver_id": None, "msgid": shown.id, "ref_id": shown.id}
        return 200, {"new_message": new}

    async def _history(self, channel: Channel, where: tuple[str, ...], _: Any, query: dict[str, str]) -> tuple[int, Any]:
        chat = next((c for c in channel.chats.get(where[0], {}).values() if c.ref_id == where[1]), None)
        if chat is None:
            raise Refused(404, "Not Found")
        first, limit = int(query.get("offset", 0)), min(int(query.get("limit", PAGE)), PAGE)
        page = chat.messages[::-1][first : first + limit]
        items = [
            {"timestamp": int(m.at), "message": {"id": m.id, "type": "text", "text": m.text, **({"client_id": m.msgid} if m.msgid else {})}}
            for m in page
        ]
        return 200, {"messages": items}

    async def _status(self, channel: Channel, where: tuple[str, ...], body: Any, _: dict[str, str]) -> tuple[int, Any]:
        found = [m for c in channel.chats.get(where[0], {}).values() for m in c.messages if where[1] in (m.id, m.msgid)]
        if not found:
            raise Refused(404, "Not Found")
        found[0].status = body["status_code"]
        self._kommo.ledger.write("status", id=found[0].id, code=body["status_code"], error=body.get("error", ""))
        return 200, None

    def register(self, body: dict[str, Any]) -> Channel:
        """What Kommo's support does."""
        old = self.channels.get(body["id"])
        channel = Channel(body["id"], body["secret"], body.get("bot_id", ""), body.get("hook", ""))
        if old is not None:
            channel.accounts, channel.chats = old.accounts, old.chats
        self.channels[channel.id] = channel
        return channel

    async def manager_writes(self, body: dict[str, Any]) -> dict[str, Any]:
        """A manager writes in a chat: our hook is sent, and the ordinary webhook's `outgoing_message[add]`."""
        channel = self.channels[body["channel"]]
        amojo, chats = next(iter(channel.chats.items()))
        chat = chats[body["chat"]] if "chat" in body else next(iter(chats.values()))
        shown = Shown(str(uuid.uuid4()), "", "manager", body.get("text", ""), time.time())
        chat.messages.append(shown)
        hook = self._hook(amojo, chat, shown, body)
        content, scope = orjson.dumps(hook), f"{channel.id}_{amojo}"
        signature = hmac.new(channel.secret.encode(), content, hashlib.sha1).hexdigest()
        headers = {"Content-Type": "application/json", "X-Signature": signature}
        path = f"/webhooks/kommo-chats/{scope}"
        bases = body.get("to")  # of gateways, in place of the registered address
        urls = [f"{base}{path}" for base in bases] if bases else [channel.hook.replace(":scope_id", scope)] if channel.hook else []
        statuses = [await _send(url, content, headers) for url in urls]
        account = channel.accounts[amojo]
        message = self._kommo.message(chat.talk, shown.text, "internal", outgoing=True)
        message.id = shown.id
        echo = await self._hooks.push(account, "add_outgoing_message", message_event(account, chat.talk, message))
        sent = {"body": content.decode(), "signature": signature, "path": path}
        return {"id": shown.id, "statuses": statuses, "echo": echo, **sent}

    @staticmethod
    def _hook(amojo: str, chat: Chat, shown: Shown, body: dict[str, Any]) -> dict[str, Any]:
        conversation = {"id": chat.ref_id, **({} if body.get("stranger") else {"client_id": chat.conversation_id})}
        said = {
            "id": shown.id,
            "type": "text",
            "text": shown.text,
            "markup": None,
            "media": body.get("media", ""),
            "file_name": "",
            "tag": "",
        }
        message = {
            "receiver": {"id": str(uuid.uuid4()), "client_id": chat.user_id},
            "sender": {"id": str(uuid.uuid4()), **({"name": body["name"]} if "name" in body else {})},  # documented without a name
            "conversation": conversation,
            "timestamp": int(shown.at),
            "msec_timestamp": int(shown.at * 1000),
            "message": said,
        }
        return {"account_id": amojo, "time": int(time.time()), "message": message}

    def look(self) -> list[dict[str, Any]]:
        """Return all chats with their messages."""
        return [
            {
                "channel": channel.id,
                "chat": chat.conversation_id,
                "ref_id": chat.ref_id,
                "name": chat.name,
                "messages": [{"id": m.id, "msgid": m.msgid, "side": m.side, "text": m.text, "status": m.status} for m in chat.messages],
            }
            for channel in self.channels.values()
            for chats in channel.chats.values()
            for chat in chats.values()
        ]


async def _send(url: str, content: bytes, headers: dict[str, str]) -> int:
    try:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        async with aiohttp.ClientSession(timeout=timeout) as http, http.post(url, data=content, headers=headers) as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0
