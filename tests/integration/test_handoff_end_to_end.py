"""A customer and an operator, each in their own Telegram: through gateway, host, scheduler and sender to the fake Bot API and back."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from actors.runtime.clock import SystemClock
from actors.runtime.scheduler_actor import SchedulerActor
from storage.catalogue import Agents
from storage.housekeeping import Housekeeping
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.operators.asking import Handoffs
from storage.outbox import PostgresOutbox
from storage.signals import RedisSignals
from storage.timers import PostgresTimers
from tests.fakes.telegram_process import TelegramProcess
from tests.integration.gateway.browser import arrive
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.host_lab import HostLab
from tests.integration.office import SHOP
from tests.integration.sender_process import SenderProcess
from tests.integration.shop import Shop

TOKEN, SECRET = "700:shop-token-700", "a-webhook-secret"
CUSTOMER, OPERATOR = 5, 101


class Person:
    """Somebody with a Telegram app: what they see is what the fake accepted for their chat."""

    _numbers = itertools.count(1000)

    def __init__(self, telegram: TelegramProcess, chat: int, name: str) -> None:
        self._telegram = telegram
        self._chat = {"id": chat, "type": "private", "first_name": name}
        self._me = {"id": chat, "is_bot": False, "first_name": name}
        self._seen = 0

    async def says(self, text: str, answering: Mapping[str, Any] | None = None) -> None:
        message = {
            "message_id": next(self._numbers),
            "date": int(datetime.now(UTC).timestamp()),
            "chat": self._chat,
            "from": self._me,
            "text": text,
        }
        if answering is not None:
            bot = {"id": 700, "is_bot": True, "first_name": "Shop"}
            shown = {"message_id": answering["message_id"], "date": 1, "chat": self._chat, "from": bot, "text": answering["text"]}
            message["reply_to_message"] = shown
        await self._telegram.push(TOKEN, {"message": message})

    async def presses(self, shown: Mapping[str, Any], label: str) -> None:
        rows = shown["inline_keyboard"]
        data = next(button["callback_data"] for row in rows for button in row if button["text"] == label)
        under = {
            "message_id": shown["message_id"],
            "date": 1,
            "chat": self._chat,
            "text": shown["text"],
            "reply_markup": {"inline_keyboard": rows},
        }
        query = {"id": f"q{next(self._numbers)}", "from": self._me, "message": under, "chat_instance": "1", "data": data}
        await self._telegram.push(TOKEN, {"callback_query": query})

    async def gets(self, timeout_s: float = 60.0) -> Mapping[str, Any]:
        """Return the next message that the app shows."""
        async with asyncio.timeout(timeout_s):
            while len(shown := [e for e in self._telegram.accepted() if e["chat_id"] == self._chat["id"]]) <= self._seen:
                await asyncio.sleep(0.02)
        self._seen += 1
        return shown[self._seen - 1]


async def set_webhook(telegram: TelegramProcess, url: str) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{telegram.url}/bot{TOKEN}/setWebhook", json={"url": url, "secret_token": SECRET}) as answer,
    ):
        assert answer.status == 200, await answer.text()


@pytest.fixture
async def running(shop: Shop, telegram: TelegramProcess, database: str, redis_url: str, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """Everything that a message goes through."""
    agent = await Agents(shop.api).create(shop.tenant_id, "Anna", SHOP)
    new = NewIntegration(agent, "telegram", "700", token=TOKEN, secret=SECRET, username="shop_bot")
    bot = await IntegrationAdmin(shop.api, shop.box).create(shop.tenant_id, new)
    await telegram.add_bot(TOKEN)
    sender = SenderProcess(database, redis_url, tmp_path, telegram.url)
    scheduler = SchedulerActor(
        SystemClock(), PostgresTimers(shop.engine), PostgresOutbox(shop.engine), Housekeeping(shop.engine), Handoffs(shop.engine)
    )
    async with RedisSignals(redis_url) as signals, GatewayProcess(database, redis_url, tmp_path) as gateway:
        lab = HostLab(shop)
        async with lab.running(lab.host(signals=signals)):
            work = asyncio.create_task(scheduler.run())
            sender.start(shop.epoch)
            try:
                await set_webhook(telegram, f"{gateway.url}/webhooks/telegram/{bot}")
                yield gateway
            finally:
                sender.kill()
                await scheduler.drain()
                await work


async def test_a_handoff_from_the_customers_phone_to_the_operators_and_back(
    running: GatewayProcess, shop: Shop, telegram: TelegramProcess, database: str
) -> None:
    customer, operator = Person(telegram, CUSTOMER, "Пётр"), Person(telegram, OPERATOR, "Olga's phone")
    olga = await arrive(running, database, shop.tenant_id, "operator", "olga@example.com")  # their language is Russian
    _, made, _ = await olga.send("POST", "/api/me/telegram-link")
    await operator.says(f"/start {made['code']}")
    assert "этот чат теперь ваш" in (await operator.gets(150.0))["text"]
    assert (await olga.send("GET", "/api/me/telegram-link"))[1]["chat"]["name"] == "Olga's phone"

    await customer.says("delivery?")
    assert (await customer.gets())["text"] == "Tomorrow"
    await customer.says("human")
    assert (await customer.gets())["text"] == "A colleague will answer"
    began = time.monotonic()
    notice = await operator.gets()
    assert time.monotonic() - began < 5.0
    assert notice["text"].startswith("Пётр ждёт человека.")
    assert "👤 delivery?" in notice["text"]

    await operator.presses(notice, "Взять")
    taken = await operator.gets()
    assert "бот молчит" in taken["text"]
    await operator.says("Здравствуйте, это Ольга", answering=notice)
    assert (await customer.gets())["text"] == "Здравствуйте, это Ольга"
    await customer.says("delivery?")
    passed_on = await operator.gets()
    assert passed_on["text"] == "👤 Пётр: delivery?"
    await operator.says("Завтра", answering=passed_on)
    assert (await customer.gets())["text"] == "Завтра"

    await operator.presses(taken, "Вернуть боту")
    assert "снова отвечает бот" in (await operator.gets())["text"]
    await customer.says("delivery?")
    assert (await customer.gets())["text"] == "Tomorrow"

    await operator.says("/stop")
    await operator.presses(await operator.gets(), "⛔ Остановить бота")
    assert "Бот молчит" in (await operator.gets())["text"]
    await customer.says("delivery?")
    assert (await operator.gets())["text"].startswith("Пётр ждёт человека.")
    assert (await olga.send("GET", "/api/tenant/stop"))[1]["company"]["by"] == "Operator"
    assert [e["text"] for e in telegram.accepted() if e["chat_id"] == CUSTOMER][-1] == "Tomorrow"
    assert await shop.owner.fetchval("select count(*) from outbox where uncertain > 0 or state in ('failed', 'unknown')") == 0
