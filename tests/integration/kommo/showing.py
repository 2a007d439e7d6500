"""A company with a Telegram bot, a Kommo account and a channel of its own in it; every process is a real one."""

import asyncio
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import asyncpg

from actors.domain.ids import IntegrationId
from storage.carriers import PostgresPlacement
from storage.catalogue import Agents
from storage.crypto import SecretBox, load_or_create_key
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.postgres import Database, Role
from tests.fakes.kommo.process import KommoProcess
from tests.fakes.telegram_process import TelegramProcess
from tests.forked import Forked
from tests.integration.gateway.company import found, update
from tests.integration.gateway.desk import Desk
from tests.integration.gateway.processes import GatewayProcess

SECRET = "f2d7f8704eff95087ed45b23ba99c0b5aac8278e"
BOT = "344a5002-f8ca-454d-af3d-396180102ac7"
TOKEN = "4200000042:a-token-that-works"
SHOP = {
    "persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0.05},
    "scripts": [{"id": "delivery", "keywords": ["delivery"], "answer": {"en": "Tomorrow"}}],
    "passages": [],
    "rules": [
        {
            "id": "won",
            "trigger": {"on": "lead_moved"},
            "when": {"all": [{"fact": "lead.status", "op": "is", "value": "142"}]},
            "actions": [{"do": "send", "text": {"en": "You have got it!"}}],
        }
    ],
}
Shown = list[tuple[str, str]]  # who, what


class Stage:
    """Everything that a test of shown chats needs."""

    def __init__(self, dsn: str, redis_url: str, data_dir: Path, kommo: KommoProcess, telegram: TelegramProcess) -> None:
        self.dsn, self.data_dir, self.kommo, self.telegram = dsn, data_dir, kommo, telegram
        self.env = {
            "DATABASE_URL": dsn,
            "REDIS_URL": redis_url,
            "CALLBOARD_DATA_DIR": str(data_dir),
            "CALLBOARD_KOMMO_API": kommo.url,
            "CALLBOARD_TELEGRAM_API": telegram.url,
        }
        self.gateway = GatewayProcess(dsn, redis_url, data_dir, self.env)
        self.env["CALLBOARD_PUBLIC_URL"] = self.gateway.env["CALLBOARD_PUBLIC_URL"] = self.gateway.url
        self.channel = str(uuid4())
        self.actors: dict[str, Forked] = {}
        self.path = ""
        self._updates = iter(range(1, 10**6))

    async def __aenter__(self) -> "Stage":
        self.company = await found(self.dsn, "acme", bots=0)
        await self.telegram.add_bot(TOKEN)
        async with (
            await Database.open(self.dsn, Role.API, "test", size=1) as api,
            await Database.open(self.dsn, Role.ENGINE, "test", size=1) as engine,
        ):
            await Agents(api).publish(self.company.tenant_id, self.company.agent_id, SHOP)
            await PostgresPlacement(engine).claim(uuid4(), 1, 1)
            admin = IntegrationAdmin(api, SecretBox(load_or_create_key(self.data_dir)))
            new = NewIntegration(self.company.agent_id, "telegram", TOKEN.partition(":")[0], token=TOKEN, secret="hook-secret")
            self.bot: IntegrationId = await admin.create(self.company.tenant_id, new)
        self.owner = await asyncpg.connect(self.dsn)
        await self.gateway.__aenter__()
        self.desk = Desk(self.gateway, self.company)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for name in list(self.actors):
            self.end(name, signal.SIGTERM)
        await self.gateway.__aexit__(kind, error, trace)
        await self.owner.close()

    async def connect(self, *, bot: str = BOT) -> None:
        """Connect the Kommo account and the channel, as people do."""
        agent = f"/api/agents/{self.company.agent_id}/integrations"
        account = await self.desk.do("POST", f"{agent}/kommo", {"address": "demo", "token": "demo-token"}, expect=201)
        self.path = f"{agent}/{account['id']}/own-channel"
        hook = f"{self.gateway.url}/webhooks/kommo-chats/:scope_id"
        await self.kommo.control("channel", id=self.channel, secret=SECRET, bot_id=bot, hook=hook)
        await self.put(SECRET, bot)

    async def put(self, secret: str, bot: str = BOT) -> Any:
        return await self.desk.do("PUT", self.path, {"channel_id": self.channel, "secret": secret, "bot_id": bot, "title": "Shop"})

    def begin(self, *names: str, **env: str) -> None:
        """Start actors as `callboard dev` does."""
        for name in names:
            self.actors[name] = Forked("actors.runtime.carry", name, "0", env=os.environ | self.env | env)

    def end(self, name: str, how: int = signal.SIGKILL) -> None:
        actor = self.actors.pop(name)
        actor.send_signal(how)
        actor.wait(20)

    async def customer(self, chat: int, text: str) -> None:
        """Let a customer write to the bot."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": "hook-secret"}
        body = update(next(self._updates), chat, text)
        async with self.gateway.session.post(f"/webhooks/telegram/{self.bot}", json=body, headers=headers) as answer:
            assert answer.status == 200

    async def manager(self, text: str, **more: Any) -> dict[str, Any]:
        """Let a manager write in a chat in Kommo."""
        return dict(await self.kommo.control("manager", channel=self.channel, text=text, **more))

    async def chats(self) -> list[dict[str, Any]]:
        return list(await self.kommo.control("chats"))

    async def shown(self) -> list[Shown]:
        """Return what is in the chats, each in its order, the chats by their first message."""
        return sorted([(m["side"], m["text"]) for m in chat["messages"]] for chat in await self.chats())

    async def until_shown(self, *expected: Shown, timeout_s: float = 40.0) -> None:
        """Wait until exactly this is in the chats."""
        wanted = sorted(expected)
        try:
            async with asyncio.timeout(timeout_s):
                while await self.shown() != wanted:
                    await asyncio.sleep(0.1)
        except TimeoutError:
            assert await self.shown() == wanted, await self._why()

    async def _why(self) -> str:
        chats = await self.owner.fetch("select * from kommo_chats")
        channels = await self.owner.fetch("select due_at, watermark, failures, problem from kommo_channels")
        asked = [(entry["path"][-60:], entry["status"]) for entry in self.kommo.requests()][-8:]
        return "\n".join(str(line) for line in (*map(dict, chats), *map(dict, channels), *asked))

    async def until(self, condition: str, timeout_s: float = 40.0) -> None:
        """Wait until the SQL condition holds."""
        async with asyncio.timeout(timeout_s):
            while not await self.owner.fetchval(f"select {condition}"):
                await asyncio.sleep(0.05)

    async def settled(self) -> None:
        """Wait until every input is settled and everything was sent and shown."""
        await self.until("not exists (select from inbox where state = 'pending')")
        if "sender" in self.actors:
            await self.until("not exists (select from outbox where state in ('pending', 'claimed', 'sending'))")
        await self.until(
            "not exists (select from kommo_channels h join messages m on m.created_at >= h.connected_at"
            " left join kommo_chats s on s.conversation_id = m.conversation_id"
            " where s.conversation_id is null or m.id > s.cursor or s.sending is not null)"
        )

    def sent(self, chat: int) -> list[str]:
        """Return what a customer got in Telegram."""
        return [str(entry["text"]) for entry in self.telegram.accepted() if str(entry["chat_id"]) == str(chat)]

    async def until_sent(self, chat: int, texts: Iterable[str], timeout_s: float = 40.0) -> None:
        wanted = list(texts)
        async with asyncio.timeout(timeout_s):
            while self.sent(chat) != wanted:
                await asyncio.sleep(0.05)
