"""How long a host takes to find one new row behind a million handled ones."""

import time
from statistics import median

import asyncpg

from storage.migrate import migrate
from storage.postgres import Database, Role
from tests.contract.labs import Endpoint, RealLab, carrier, receive

HANDLED = 1_000_000
PORTION = 50_000
PULLS = 50
_NAME = "bench_pull"
_FILL = """
insert into inbox (id, tenant_id, integration_id, key, partition, kind, raw)
select nextval('inbox_id_seq'), $1, $2, (g % 5000)::text, g % 256, 'message', $3 from generate_series(1, $4::int) g"""


async def pull_after_a_million_ms(owner_dsn: str) -> float:
    """Return the median of 50 pulls of one pending row, in ms. Statistics are taken while all rows are pending."""
    owner = await asyncpg.connect(owner_dsn, server_settings={"jit": "off"})
    await owner.execute(f"create database {_NAME}")
    # The database is the last part of a socket DSN's path: postgresql://user@/name?host=...
    dsn = owner_dsn.replace("/postgres?", f"/{_NAME}?", 1)
    try:
        return await _measure(dsn)
    finally:
        await owner.execute(f"drop database {_NAME} with (force)")
        await owner.close()


async def _measure(dsn: str) -> float:
    await migrate(dsn)
    inside = await asyncpg.connect(dsn, server_settings={"jit": "off"})
    try:
        async with await Database.open(dsn, Role.ENGINE, "bench") as engine, await Database.open(dsn, Role.API, "bench") as api:
            lab = RealLab(engine, api, inside)
            shop = await lab.endpoint()
            await _handle(lab, shop)
            return await _pulls(lab, shop)
    finally:
        await inside.close()


async def _handle(lab: RealLab, shop: Endpoint) -> None:
    await lab.owner.execute(_FILL, shop.tenant_id, shop.integration_id, b'{"text": "x"}', HANDLED)
    await lab.owner.execute("analyze inbox")
    for first in range(0, HANDLED + PORTION, PORTION):
        await lab.owner.execute("update inbox set state = 'done' where id > $1 and id <= $2", first, first + PORTION)


async def _pulls(lab: RealLab, shop: Endpoint) -> float:
    host, durations = await carrier(lab), []
    for number in range(PULLS):
        (expected,) = await receive(lab, shop, ["x"], str(number))
        started = time.perf_counter()
        pulled = await lab.inbox.pull(host, [], [], [], 500)
        durations.append(time.perf_counter() - started)
        assert pulled is not None
        assert [row.id for row in pulled.rows] == [expected]
        await lab.owner.execute("update inbox set state = 'done' where id = $1", expected)
    return median(durations) * 1e3
