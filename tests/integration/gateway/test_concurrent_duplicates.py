"""Copies of the same updates reach two gateways at once, in opposite order, and meet in the database."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from storage.crypto import SecretBox
from storage.integrations import IntegrationAdmin
from storage.postgres import Database, Role
from tests.integration.gateway.company import Company, add_bot, data_dir_of, update
from tests.integration.gateway.held_gateway import GROUP_GATE, PLUG_GATE
from tests.integration.gateway.processes import GatewayProcess

ROUNDS = 60
BATCH = 300
HEADER = "X-Telegram-Bot-Api-Secret-Token"
HELD = "tests.integration.gateway.held_gateway"


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


async def one_round(sides: Sequence[GatewayProcess], held: Gates, company: Company, first: int) -> list[int]:
    (bot, secret), *_ = company.bots.items()
    bodies = [json.dumps(update(first + n, chat_id=n % 40 + 1)).encode() for n in range(BATCH)]
    await held.close(PLUG_GATE)
    await held.close(GROUP_GATE)
    plugs = [asyncio.create_task(post(side, bot, secret, json.dumps(update(10**9 + first + n)).encode())) for n, side in enumerate(sides)]
    await held.waiting(PLUG_GATE, 2)
    orders = [bodies, bodies[::-1]]
    copies = [asyncio.create_task(post(side, bot, secret, body)) for side, order in zip(sides, orders, strict=True) for body in order]
    copies += [asyncio.create_task(post(sides[n % 2], bot, secret, body)) for n, body in enumerate(bodies)]
    await asyncio.gather(*(queued(side, BATCH + BATCH // 2) for side in sides))
    await held.open(PLUG_GATE)
    await held.waiting(GROUP_GATE, 2)  # both groups stand before their first INSERT
    await held.open(GROUP_GATE)
    return list(await asyncio.gather(*plugs, *copies))


@pytest.mark.timeout(300)
async def test_one_row_each_whatever_order_the_copies_come_in(database: str, redis_url: str, company: Company, tmp_path: Path) -> None:
    statuses: Counter[int] = Counter()
    async with two_gateways(database, redis_url, tmp_path) as sides, gates(database) as held:
        for number in range(ROUNDS):
            statuses.update(await one_round(sides, held, company, number * 1000))
        logs = [side.logged() for side in sides]
    assert statuses == {200: ROUNDS * (BATCH * 3 + 2)}
    # A deadlock is retried and would hide behind the 200: nothing at all may have gone wrong.
    assert not [line for log in logs for line in log.splitlines() if " WARNING " in line or " ERROR " in line or "Traceback" in line]
    connection = await asyncpg.connect(database)
    stored, keys = await connection.fetchrow("select (select count(*) from inbox), (select count(*) from inbox_keys)")  # type: ignore[misc]
    distinct = await connection.fetchval("select count(distinct convert_from(raw, 'UTF8')::json->>'update_id') from inbox")
    await connection.close()
    assert (stored, keys, distinct) == (ROUNDS * (BATCH + 2),) * 3


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
