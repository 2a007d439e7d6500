"""Kommo's webhooks with a host behind them: one turn for five deliveries, and answers in time while the model hangs."""

import asyncio
import signal
import time
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from aiohttp import web

from storage.carriers import PostgresPlacement
from storage.catalogue import Agents
from storage.postgres import Database, Role
from tests.bench.kommo import p99_ms, paced
from tests.bench.world import Child
from tests.chaos.run import free_port
from tests.fakes.openai_api import fake_openai
from tests.integration.gateway.company import Company, data_dir_of
from tests.integration.gateway.host_process import host
from tests.integration.gateway.kommo_hook import Hook, connect, post
from tests.integration.gateway.processes import GatewayProcess
from tests.unit.kommo.samples import form, message

SHOP = {
    "persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0.05},
    "scripts": [{"id": "delivery", "keywords": ["delivery"], "answer": {"en": "Tomorrow"}}],
    "passages": [{"id": "wool", "title": "Wool", "text": "Wash wool by hand in cold water.", "language": "en"}],
}
P99_MS = 50.0
LIMIT_S = 2.0  # Kommo's
IDLE_ECHO_P99_MS = 15.0  # a bare echo that needs longer at this rate is late because of others
ROUNDS = 3  # others use the machine, too: the best counts
COUNTS = """
select (select count(*) from inbox), (select count(*) from traces), (select count(*) from messages where role = 'customer'),
  (select count(*) from outbox)"""


@pytest.fixture
async def hook(database: str, company: Company) -> Hook:
    async with (
        await Database.open(database, Role.API, "test", size=1) as api,
        await Database.open(database, Role.ENGINE, "test", size=1) as engine,
    ):
        await Agents(api).publish(company.tenant_id, company.agent_id, SHOP)
        await PostgresPlacement(engine).claim(uuid4(), 1, 1)
    return await connect(database, company, "42")


async def settled(dsn: str, expected: tuple[int, ...]) -> None:
    """Wait until nothing is pending and a while longer, then compare."""
    connection = await asyncpg.connect(dsn)
    async with asyncio.timeout(30):
        while await connection.fetchval("select exists (select from inbox where state = 'pending')"):
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    assert [tuple(row) for row in await connection.fetch(COUNTS)] == [expected]
    await connection.close()


async def test_five_deliveries_are_one_turn_whichever_gateway_takes_them(database: str, hook: Hook, redis_url: str, tmp_path: Path) -> None:
    body = form(
        message(1, text="delivery?", created_at=int(time.time())) | message(2, text="delivery?", chat_id="b", created_at=int(time.time()))
    )
    with host(database, redis_url, data_dir_of(tmp_path, "host")):
        async with (
            GatewayProcess(database, redis_url, data_dir_of(tmp_path, "a")) as a,
            GatewayProcess(database, redis_url, data_dir_of(tmp_path, "b")) as b,
        ):
            answers = await asyncio.gather(*(post(side, hook.path, body) for side in (a, b, a, b, a)))
            assert [status for status, _ in answers] == [200] * 5
            await settled(database, (2, 2, 2, 2))
            await a.stop(signal.SIGKILL)
            a.spawn()
            await a.up()
            assert [(await post(side, hook.path, body))[0] for side in (a, b)] == [200, 200]
            await settled(database, (2, 2, 2, 2))


@pytest.mark.alone
async def test_answers_are_in_time_while_the_model_hangs(database: str, hook: Hook, redis_url: str, tmp_path: Path) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError("nobody waits that long")

    async with fake_openai() as model:
        model.otherwise = hang
        with host(database, redis_url, data_dir_of(tmp_path, "h"), OPENAI_API_KEY="k", OPENAI_BASE_URL=model.base_url):
            async with GatewayProcess(database, redis_url, data_dir_of(tmp_path, "g")) as gateway:
                url, worst, control = f"{gateway.url}{hook.path}", [], []
                await paced(url, 0, 50, 100.0, "how do I wash wool?")
                async with asyncio.timeout(60):
                    while not model.asked:  # from now on it hangs
                        await asyncio.sleep(0.05)
                for n in range(1, ROUNDS + 1):
                    with Child("tests.bench.echo", "asyncio", str(port := free_port())):
                        control.append(p99_ms(await paced(f"http://127.0.0.1:{port}/", 0, 200, 100.0, "x")))
                    took = await paced(url, n * 1000, 300, 100.0, "how do I wash wool?")
                    assert took[-1] < LIMIT_S
                    worst.append(p99_ms(took))
    # On a machine that is busy with something else, a bare echo is late as well: then the figure says nothing.
    figures = list(zip(control, worst, strict=True))
    print(f"(echo, webhook) p99 in ms: {figures}")  # with -s
    if not any(own < P99_MS for _, own in figures):
        assert min(control) > IDLE_ECHO_P99_MS, figures
