"""State of the strict fake Bot API: bots, their waiting updates, scripted faults, the ledger of accepted messages."""

import asyncio
import itertools
import os
import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{6,}")
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
# The real server takes https on these ports only; tests reach a gateway on this machine.
WEBHOOK_URL = re.compile(r"https://[^/:]+(:(443|80|88|8443))?/.*|http://(127\.0\.0\.1|localhost):\d+/.*")
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
PUSH_RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)


class Refused(Exception):
    """An answer with ok=false."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


@dataclass(slots=True)
class Fault:
    """What goes wrong the next `times` times a call matches; `*` matches everything, `times` -1 never ends.

    Kinds: too_many (429), cant_parse, forbidden, bad_request, unauthorized, conflict, html_502, error_500_before, error_500_after,
    hang_before, hang_after (`seconds`), reset_before, reset_after, garbage_after. `after`: the message was accepted.
    """

    kind: str
    token: str = "*"
    chat: str = "*"
    method: str = "sendMessage"
    times: int = 1
    retry_after: int = 1
    seconds: float = 3600.0

    def matches(self, token: str, chat: str, method: str) -> bool:
        return self.times != 0 and self.token in ("*", token) and self.chat in ("*", chat) and self.method.lower() in ("*", method.lower())


class Ledger:
    """One JSON line for each accepted message, written by this process at once: a kill -9 loses none."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, entry: Mapping[str, Any]) -> None:
        os.write(self._file, orjson.dumps(entry) + b"\n")


@dataclass(slots=True)
class Webhook:
    """Where updates are pushed to."""

    url: str
    secret: str
    max_connections: int = 40
    last_error: str = ""


@dataclass(slots=True)
class Bot:
    """One bot as Telegram sees it."""

    token: str
    username: str
    updates: deque[dict[str, Any]] = field(default_factory=deque)
    webhook: Webhook | None = None
    poll: int = 0  # number of the newest getUpdates: an older one that still waits is terminated
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    next_update_id: int = 100_000_001
    pushes: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    push_queues: dict[str, deque[dict[str, Any]]] = field(default_factory=dict)
    pushed: int = 0
    moved: dict[int, int] = field(default_factory=dict)  # groups that became supergroups
    files: dict[str, bytes] = field(default_factory=dict)  # what customers sent, by file_id
    queries: set[str] = field(default_factory=set)  # buttons pressed and not answered

    @property
    def id(self) -> int:
        return int(self.token.partition(":")[0])

    def me(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "is_bot": True,
            "first_name": self.username,
            "username": self.username,
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }


class Telegram:
    """All bots, all faults, one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.bots: dict[str, Bot] = {}
        self.faults: list[Fault] = []
        self.message_ids = itertools.count(1)
        self.accepted = 0
        self.calls: dict[str, int] = {}
        self._http: aiohttp.ClientSession | None = None

    def add_bot(self, token: str, username: str = "") -> Bot:
        if not TOKEN.fullmatch(token):
            raise ValueError(f"{token!r} is no token")
        return self.bots.setdefault(token, Bot(token, username or f"fake{token.partition(':')[0]}bot"))

    def bot(self, token: str) -> Bot:
        if (bot := self.bots.get(token)) is None:
            raise Refused(401, "Unauthorized") if TOKEN.fullmatch(token) else Refused(404, "Not Found")
        return bot

    def fault(self, token: str, chat: str, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.matches(token, chat, method):
                fault.times -= fault.times > 0
                return fault
        return None

    def accept(self, bot: Bot, chat_id: int, content: Mapping[str, Any], thread_id: int | None) -> dict[str, Any]:
        """Take a message: from here on the customer has it."""
        message_id = next(self.message_ids)
        self.accepted += 1
        entry = {"t": time.monotonic(), "token": bot.token, "chat_id": chat_id, "message_id": message_id, **content}
        self.ledger.write(entry if thread_id is None else entry | {"message_thread_id": thread_id})
        chat = {"id": chat_id, "type": "private" if chat_id > 0 else "supergroup"}
        return {"message_id": message_id, "date": int(time.time()), "chat": chat, "from": bot.me(), **content}

    def push(self, bot: Bot, update: dict[str, Any]) -> int:
        """A customer did something; an `update_id` of the caller's choice is kept."""
        update = {"update_id": bot.next_update_id, **update} if isinstance(update, dict) else update
        if isinstance(update, dict) and isinstance(update.get("update_id"), int):
            bot.next_update_id = update["update_id"] + 1
        if isinstance(update, dict) and isinstance(query := update.get("callback_query"), dict):
            bot.queries.add(str(query.get("id")))
        if bot.webhook is None:
            bot.updates.append(update)
            bot.wake.set()
        else:
            self._push_to_webhook(bot, update)
        return bot.next_update_id - 1

    def set_webhook(self, bot: Bot, webhook: Webhook | None) -> None:
        bot.webhook = webhook
        bot.wake.set()  # a waiting poll is terminated
        while webhook is not None and bot.updates:
            self._push_to_webhook(bot, bot.updates.popleft())

    def _push_to_webhook(self, bot: Bot, update: dict[str, Any]) -> None:
        """Updates of one chat go one after another, chats in parallel."""
        chat = str((update.get("message") or {}).get("chat", {}).get("id", ""))
        bot.push_queues.setdefault(chat, deque()).append(update)
        if chat not in bot.pushes:
            bot.pushes[chat] = asyncio.create_task(self._push_chat(bot, chat))

    async def _push_chat(self, bot: Bot, chat: str) -> None:
        queue = bot.push_queues[chat]
        try:
            while queue and bot.webhook is not None:
                await self._push_until_taken(bot, queue[0])
                queue.popleft()
        finally:
            del bot.pushes[chat]

    async def _push_until_taken(self, bot: Bot, update: dict[str, Any]) -> None:
        attempt = 0
        while (webhook := bot.webhook) is not None and not await self._push_once(webhook, update):
            await asyncio.sleep(PUSH_RETRY_S[min(attempt, len(PUSH_RETRY_S) - 1)])
            attempt += 1
        bot.pushed += 1

    async def _push_once(self, webhook: Webhook, update: dict[str, Any]) -> bool:
        if self._http is None:
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=webhook.max_connections))
        headers = {"Content-Type": "application/json"} | ({SECRET_HEADER: webhook.secret} if webhook.secret else {})
        try:
            timeout = aiohttp.ClientTimeout(total=60)
            async with self._http.post(webhook.url, data=orjson.dumps(update), headers=headers, timeout=timeout) as answer:
                await answer.read()
                webhook.last_error = "" if answer.status < 300 else f"Wrong response from the webhook: {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            webhook.last_error = type(error).__name__
        return not webhook.last_error
