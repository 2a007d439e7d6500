"""Copies of the same updates reach two gateways at once, in opposite order; behind them a host and a sender answer each once."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from config.demo.definition import demo_definition
from storage.carriers import PostgresPlacement
from storage.crypto import SecretBox
from storage.integrations import IntegrationAdmin
from storage.postgres import Database, Role
from tests.chaos.plan import Bot
from tests.chaos.setup import make_bots, token_of
from tests.fakes.telegram_process import TelegramProcess
from tests.integration.gateway.company import Company, add_bot, data_dir_of, update
from tests.integration.gateway.held_gateway import GROUP_GATE, PLUG_GATE
from tests.integration.gateway.processes import GatewayProcess

ROUNDS = int(os.environ.get("ROUNDS", "20"))  # 60 in the long form
BATCH = 300
HEADER = "X-Telegram-Bot-Api-Secret-Token"
HELD = "tests.integration.gateway.held_gateway"
QUESTION = "Сколько стоит доставка?"
COUNTS = """
select (select count(*) from inbox) as stored, (select count(*) from inbox_keys) as keys,
  (select count(*) from inbox where state = 'done') as done, (select count(*) from traces) as turns,
  (select count(*) from messages where role = 'customer') as questions, (select count(*) from messages where role = 'agent') as answers,
  (select count(*) from outbox where state = 'sent' and uncertain = 0 and attempts = 1) as sent,
  (select count(distinct convert_from(raw, 'UTF8')::json->>'update_id') from inbox) as updates"""


@asynccontextmanager
async def two_gateways(database: str, redis_url: str, base: Path) -> AsyncIterator[list[GatewayProcess]]:
    env = {"CALLBOARD_INGEST_BUDGET_S": "30"}
    async with (
        GatewayProcess(database, redis_url, data_dir_of(base, "a"), env, HELD) as a,
        GatewayProcess(database, redis_url, data_dir_of(base, "b"), env, HELD) as b,
    ):
        yield [a, b]


class Gates:
    """Holds commits of the gateways back and lets all of them go at once."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def close(self, gate: int) -> None:
        await self._connection.execute("select pg_advisory_lock($1)", gate)

    async def open(self, gate: int) -> None:
        await self._connection.execute("select pg_advisory_unlock($1)", gate)

    async def waiting(self, gate: int, number: int) -> None:
        query = """select count(*) from pg_locks where locktype = 'advisory' and objid = $1 and not granted
                   and database = (select oid from pg_database where datname = current_database())"""
        async with asyncio.timeout(20):
            while await self._connection.fetchval(query, gate) < number:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def gates(dsn: str) -> AsyncIterator[Gates]:
    connection = await asyncpg.connect(dsn)
    try:
        yield Gates(connection)
    finally:
        await connection.close()


async def post(gateway: GatewayProcess, bot: object, secret: str, body: bytes) -> int:
    headers = {HEADER: secret, "Content-Type": "application/json"}
    async with gateway.session.post(f"/webhooks/telegram/{bot}", data=body, headers=headers) as response:
        await response.read()
        return response.status


async def queued(gateway: GatewayProcess, number: int) -> None:
    """Return when the gateway holds this many rows for its next commit."""
    async with asyncio.timeout(30):
        while True:
            async with gateway.session.get("/metrics") as response:
                lines = (await response.text()).splitlines()
            waiting = next(float(line.split()[1]) for line in lines if line.startswith("callboard_waiting "))
            if waiting >= number:
                return
            await asyncio.sleep(0.01)


def question(update_id: int) -> bytes:
    """Return an update of a chat of its own: what chats write together would be answered together."""
    chat = {"id": update_id, "type": "private"}
    message = {"message_id": update_id, "date": int(time.time()), "chat": chat, "from": {"id": update_id}, "text": QUESTION}
    return json.dumps({"update_id": update_id, "message": message}).encode()


async def one_round(sides: Sequence[GatewayProcess], held: Gates, bot: Bot, first: int) -> list[int]:
    bodies = [question(first + n) for n in range(BATCH)]
    await held.close(PLUG_GATE)
    await held.close(GROUP_GATE)
    plugs = [asyncio.create_task(post(side, bot.integration, bot.secret, question(first + BATCH + n))) for n, side in enumerate(sides)]
    await held.waiting(PLUG_GATE, 2)
    orders = [bodies, bodies[::-1]]
    copies = [
        asyncio.create_task(post(side, bot.integration, bot.secret, x)) for side, order in zip(sides, orders, strict=True) for x in order
    ]
    copies += [asyncio.create_task(post(sides[n % 2], bot.integration, bot.secret, body)) for n, body in enumerate(bodies)]
    await asyncio.gather(*(queued(side, BATCH + BATCH // 2) for side in sides))
    await held.open(PLUG_GATE)
    await held.waiting(GROUP_GATE, 2)  # both groups stand before their first INSERT
    await held.open(GROUP_GATE)
    return list(await asyncio.gather(*plugs, *copies))


@contextmanager
def line_behind(database: str, redis_url: str, data_dir: Path, telegram: str) -> Iterator[None]:
    """A host and a sender, as `callboard dev` runs them."""
    known = {"DATABASE_URL": database, "REDIS_URL": redis_url, "CALLBOARD_DATA_DIR": str(data_dir), "CALLBOARD_TELEGRAM_API": telegram}
    commands = [[sys.executable, "-m", "actors.runtime.carry", kind, "0"] for kind in ("host", "sender")]
    actors = [subprocess.Popen(command, env=os.environ | known) for command in commands]
    try:
        yield
        assert [actor.poll() for actor in actors] == [None, None]
    finally:
        for actor in actors:
            actor.send_signal(signal.SIGTERM)
        for actor in actors:
            actor.wait(20)


@pytest.mark.timeout(400)
async def test_one_turn_and_one_reply_each_whatever_order_the_copies_come_in(database: str, redis_url: str, tmp_path: Path) -> None:
    statuses: Counter[int] = Counter()
    _, _, bots = await make_bots(database, data_dir_of(tmp_path, "line"), ROUNDS, demo_definition())
    async with await Database.open(database, Role.ENGINE, "test", size=1) as engine:
        await PostgresPlacement(engine).claim(uuid4(), 1, 1)
    telegram = TelegramProcess(tmp_path / "ledger.jsonl").start()
    try:
        for bot in bots:
            await telegram.add_bot(token_of(bot.account))
        with line_behind(database, redis_url, data_dir_of(tmp_path, "line"), telegram.url):
            async with two_gateways(database, redis_url, tmp_path) as sides, gates(database) as held:
                for number, bot in enumerate(bots):
                    statuses.update(await one_round(sides, held, bot, number * 1000 + 1))
                logs = [side.logged() for side in sides]
            expected = ROUNDS * (BATCH + 2)
            replies = await telegram.wait_accepted(expected, 120)
            await all_sent(database)
    finally:
        telegram.stop()
    assert statuses == {200: ROUNDS * (BATCH * 3 + 2)}
    # A deadlock is retried and would hide behind the 200: nothing at all may have gone wrong.
    assert not [line for log in logs for line in log.splitlines() if " WARNING " in line or " ERROR " in line or "Traceback" in line]
    assert len(replies) == len(telegram.accepted()) == len({(r["token"], r["chat_id"]) for r in replies}) == expected
    connection = await asyncpg.connect(database)
    counts = await connection.fetchrow(COUNTS)
    await connection.close()
    assert counts is not None
    assert dict(counts) == dict.fromkeys(("stored", "keys", "done", "turns", "questions", "answers", "sent", "updates"), expected)


async def all_sent(dsn: str) -> None:
    """Wait until every outcome is written."""
    connection = await asyncpg.connect(dsn)
    async with asyncio.timeout(60):
        while await connection.fetchval("select exists (select from outbox where state <> 'sent')"):
            await asyncio.sleep(0.05)
    await connection.close()


async def test_one_bad_row_among_300_fails_alone(database: str, redis_url: str, company: Company, tmp_path: Path) -> None:
    async with await Database.open(database, Role.API, "test", size=1) as admin_database:
        await add_bot(company, IntegrationAdmin(admin_database, SecretBox(bytes(32))), 1)
    (bot, secret), (doomed, doomed_secret) = company.bots.items()
    async with two_gateways(database, redis_url, tmp_path) as (side, _), gates(database) as held:
        assert await post(side, doomed, "wrong", b"{}") == 401  # known from now on
        await held.close(PLUG_GATE)
        plug = asyncio.create_task(post(side, bot, secret, json.dumps(update(10**9)).encode()))
        await held.waiting(PLUG_GATE, 1)
        good = [asyncio.create_task(post(side, bot, secret, json.dumps(update(n)).encode())) for n in range(150)]
        bad = asyncio.create_task(post(side, doomed, doomed_secret, json.dumps(update(1)).encode()))
        good += [asyncio.create_task(post(side, bot, secret, json.dumps(update(n)).encode())) for n in range(150, 299)]
        await queued(side, 300)
        await _delete_integration(database, doomed)
        await held.open(PLUG_GATE)
        assert await bad == 422
        assert set(await asyncio.gather(plug, *good)) == {200}
        assert await post(side, doomed, doomed_secret, json.dumps(update(2)).encode()) == 401
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from inbox") == 300
    assert await connection.fetchval("select bool_and(id > 0) and count(*) = 300 from inbox where integration_id = $1", bot)
    await connection.close()


async def _delete_integration(dsn: str, integration_id: object) -> None:
    connection = await asyncpg.connect(dsn)
    assert await connection.execute("delete from integrations where id = $1", integration_id) == "DELETE 1"
    await connection.close()
