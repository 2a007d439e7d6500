"""From the API to the customer's screen, against the emulator: connected, asked, answered; by webhook, by polling, by webhook again."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from config.demo.definition import demo_definition
from storage.carriers import PostgresPlacement
from storage.catalogue import Agents
from storage.postgres import Database, Role
from tests.integration.gateway.company import Company, found
from tests.integration.gateway.desk import Desk
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.telegram_emulator.emulator import PACKAGE, Emulator, emulated
from tests.packages import NotInstalled, npm_packages

TOKEN = "666:emulated-token-of-a-bot"
BOT = "666"  # every bot of the emulator has this id
QUESTION, ANSWER = "Сколько стоит доставка?", "достав"


@pytest.fixture(scope="module")
def package() -> Path:
    try:
        return npm_packages(PACKAGE)
    except NotInstalled as error:
        pytest.skip(f"the npm registry is out of reach: {error}")


@pytest.fixture
async def emulator(package: Path) -> AsyncIterator[Emulator]:
    async with emulated(package, TOKEN) as running:
        yield running


@pytest.fixture
async def company(database: str) -> Company:
    """A company whose agent knows the demo shop, and a placement of one host and one sender."""
    company = await found(database, "acme", bots=0)
    async with (
        await Database.open(database, Role.API, "test", size=1) as api,
        await Database.open(database, Role.ENGINE, "test", size=1) as engine,
    ):
        company.agent_id = await Agents(api).create(company.tenant_id, "Shop", demo_definition())
        assert await PostgresPlacement(engine).claim(uuid4(), 1, 1)
    return company


@pytest.fixture
async def gateway(database: str, redis_url: str, tmp_path: Path, emulator: Emulator) -> AsyncIterator[GatewayProcess]:
    process = GatewayProcess(database, redis_url, tmp_path)
    process.env |= {"CALLBOARD_TELEGRAM_API": emulator.url, "CALLBOARD_PUBLIC_URL": process.url}
    async with process as running:
        yield running


@contextmanager
def actors(gateway: GatewayProcess) -> Iterator[None]:
    """A host and a sender, as plain processes of their own."""
    command = [sys.executable, "-m", "actors.runtime.carry"]
    processes = [subprocess.Popen([*command, kind, "0"], env=gateway.env) for kind in ("host", "sender")]
    try:
        yield
        assert [process.poll() for process in processes] == [None, None]
    finally:
        for process in processes:
            process.kill()
            process.wait(10)


async def test_a_customer_is_answered_however_messages_come_in(gateway: GatewayProcess, company: Company, emulator: Emulator) -> None:
    desk, path = Desk(gateway, company), f"/api/agents/{company.agent_id}/integrations"
    with actors(gateway):
        bot = (await desk.do("POST", path, {"token": TOKEN}, expect=201))["integration"]
        assert (bot["account"], bot["username"], bot["mode"], bot["problem"]) == (BOT, "TestNameBot", "push", None)
        await asked_and_answered(emulator, 11)
        assert "getUpdates" not in emulator.calls

        switched = await desk.do("PATCH", f"{path}/{bot['id']}", {"mode": "poll"})
        assert (switched["mode"], switched["problem"]) == ("poll", None)
        await asked_and_answered(emulator, 12)
        assert "getUpdates" in emulator.calls

        switched = await desk.do("PATCH", f"{path}/{bot['id']}", {"mode": "push"})
        assert (switched["mode"], switched["problem"]) == ("push", None)
        await asked_and_answered(emulator, 11)

        await desk.do("DELETE", f"{path}/{bot['id']}", expect=204)
    items = (await desk.do("GET", "/api/integrations"))["items"]
    assert [item["channel"] for item in items] == ["test"]


async def asked_and_answered(emulator: Emulator, chat: int) -> None:
    await emulator.write(chat, QUESTION)
    (answer,) = await emulator.read(chat, 1, timeout_s=90)
    assert ANSWER in answer.lower()
