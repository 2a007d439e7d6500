"""PostgreSQL goes away and comes back, stopped and frozen: answers stay in time, nothing acknowledged is lost."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from actors.domain.ids import Address, IntegrationId, TenantId
from actors.ports.inbox import NewInput
from gateway.committer import Committer, Refused, Unavailable
from gateway.intake import Intake
from gateway.patience import Patience
from gateway.spooler import Spooler
from gateway.tasks import Keeper
from storage.embedded_postgres import EmbeddedPostgres
from storage.inbox import PostgresInbox
from storage.migrate import migrate
from storage.postgres import Database, Role
from storage.spool import Spool
from tests.integration.gateway.company import Company, found, update
from tests.integration.gateway.processes import GatewayProcess

pytestmark = pytest.mark.alone

BUDGET_S = 0.7
# Over the budget: HTTP, and what a machine shared with other tests may take.
LATEST_S = 1.3


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of this test alone."""
    path = Path(tempfile.mkdtemp(prefix="callboard-away-"))
    path.chmod(0o711)
    postgres = EmbeddedPostgres(path)
    postgres.start()
    yield postgres
    postgres.stop()
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
async def own_company(server: EmbeddedPostgres) -> Company:
    await migrate(server.dsn)
    return await found(server.dsn, "acme", bots=2)


async def post(gateway: GatewayProcess, bot: object, secret: str, number: int) -> tuple[int, float]:
    started = time.monotonic()
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
    async with gateway.session.post(f"/webhooks/telegram/{bot}", json=update(number), headers=headers) as response:
        await response.read()
        return response.status, time.monotonic() - started


async def health(gateway: GatewayProcess) -> tuple[int, dict[str, object]]:
    async with gateway.session.get("/health") as response:
        return response.status, await response.json()


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await check():
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("how", ["stopped", "frozen"])
async def test_telegram_gets_503_in_time_and_200_after_it_is_back(
    server: EmbeddedPostgres, own_company: Company, redis_url: str, tmp_path: Path, how: str
) -> None:
    (bot, secret), (never_seen, its_secret) = own_company.bots.items()
    async with GatewayProcess(server.dsn, redis_url, tmp_path) as gateway:
        assert (await post(gateway, bot, secret, 1))[0] == 200
        backends = await _backends(server.dsn)
        if how == "stopped":
            await asyncio.to_thread(server.stop)
        else:
            _signal(server, backends, signal.SIGSTOP)
        answers = await asyncio.gather(*(post(gateway, bot, secret, number) for number in range(2, 52)))
        assert {status for status, _ in answers} == {503}
        assert max(seconds for _, seconds in answers) < LATEST_S
        assert (await post(gateway, bot, "wrong", 2))[0] == 401  # still known
        status, seconds = await post(gateway, never_seen, its_secret, 2)
        assert (status, seconds < LATEST_S) == (503, True)  # not known: never 401
        unknown = UUID("00000000-0000-4000-8000-000000000000")
        assert (await post(gateway, unknown, secret, 2))[0] == 503
        await asyncio.sleep(1.1)
        code, document = await health(gateway)
        assert (code, document["status"]) == (200, "degraded")  # the spool can take webhooks
        async with gateway.session.get("/metrics", headers={"Accept": "application/json"}) as response:
            assert (await response.json())["postgres"] == document["postgres"]
        assert gateway.process
        assert gateway.process.poll() is None
        if how == "stopped":
            await asyncio.to_thread(server.start)
        else:
            _signal(server, backends, signal.SIGCONT)
        await eventually(lambda: _is_200(gateway, bot, secret))
        assert (await post(gateway, unknown, secret, 2))[0] == 401
        answers = await asyncio.gather(*(post(gateway, bot, secret, number) for number in range(2, 52)))
        assert {status for status, _ in answers} == {200}
    connection = await asyncpg.connect(server.dsn)
    numbers = await connection.fetch("select convert_from(raw, 'UTF8')::json->>'update_id' as n, count(*) from inbox group by 1")
    await connection.close()
    assert {row["n"]: row["count"] for row in numbers} == {str(n): 1 for n in range(1, 52)} | {"900": 1}


async def _is_200(gateway: GatewayProcess, bot: object, secret: str) -> bool:
    return (await post(gateway, bot, secret, 900))[0] == 200


async def _backends(dsn: str) -> list[int]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()")
    await connection.close()
    return [row["pid"] for row in rows]


def _signal(server: EmbeddedPostgres, backends: list[int], number: int) -> None:
    assert server.pid
    for pid in (server.pid, *backends):
        os.kill(pid, number)


async def test_killed_backends_are_retried_within_the_budget(
    server: EmbeddedPostgres, own_company: Company, redis_url: str, tmp_path: Path
) -> None:
    (bot, secret), *_ = own_company.bots.items()
    connection = await asyncpg.connect(server.dsn)
    async with GatewayProcess(server.dsn, redis_url, tmp_path) as gateway:
        statuses = []
        for number in range(20):
            await connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'callboard gateway'")
            statuses += [status for status, _ in await asyncio.gather(*(post(gateway, bot, secret, number * 10 + n) for n in range(10)))]
        assert statuses == [200] * 200
    assert await connection.fetchval("select count(*) from inbox") == 200
    await connection.close()


class Line:
    """The gateway's way in, in this process, with a spooled channel."""

    def __init__(self, company: Company, intake: Intake, spool: Spool, spooler: Spooler) -> None:
        self.company, self.intake, self.spool, self.spooler = company, intake, spool, spooler

    async def take(self, number: int, integration: IntegrationId | None = None) -> str:
        address = Address(integration or self.company.test_id, "lead:1")
        new = NewInput(self.company.tenant_id, address, "event", f"kommo:{number}", str(number).encode())
        return (await self.intake.accept(new, self.intake.deadline(), spool=True)).verdict


async def line(dsn: str, company: Company, directory: Path, capacity: int = 8 * 1024 * 1024) -> AsyncIterator[Line]:
    patience = Patience()
    async with await Database.open(dsn, Role.ENGINE, "test", size=4, connect_timeout_s=1) as database, Keeper() as keeper:
        inbox = PostgresInbox(database)
        committer = Committer(inbox, patience, lambda _: None)
        spool = await Spool.open(directory, capacity)
        spooler = Spooler(spool, inbox, patience, lambda _: None, await spool.depth())
        for name, loop in (("c", committer.run()), ("a", spooler.run_appends()), ("r", spooler.run_replay())):
            keeper.keep(name, loop)
        yield Line(company, Intake(committer, spooler, BUDGET_S), spool, spooler)
    await spool.close()
    await patience.close()


async def stored(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("select convert_from(raw, 'UTF8') as n from inbox order by id")
    await connection.close()
    return [row["n"] for row in rows]


async def test_spool_keeps_the_order_across_outage_restart_and_return(
    server: EmbeddedPostgres, own_company: Company, tmp_path: Path
) -> None:
    async for first in line(server.dsn, own_company, tmp_path):
        assert [await first.take(n) for n in range(3)] == ["stored"] * 3
        await asyncio.to_thread(server.stop)
        started = time.monotonic()
        assert await first.take(3) == "spooled"
        assert time.monotonic() - started < LATEST_S
        started = time.monotonic()
        assert [await first.take(n) for n in range(4, 20)] == ["spooled"] * 16
        assert time.monotonic() - started < 1.0  # not the budget again for each
        assert await asyncio.gather(*(first.take(n) for n in range(20, 60))) == ["spooled"] * 40
        assert first.spooler.backlog == 57
    async for again in line(server.dsn, own_company, tmp_path):  # another process takes the file over
        assert again.spooler.backlog == 57
        assert await again.take(60) == "spooled"
        await asyncio.to_thread(server.start)
        number = 61
        while again.spooler.backlog:  # what arrives while the spool empties goes behind it
            verdict = await again.take(number)
            assert verdict == "spooled" or not again.spooler.backlog
            number += 1
            await asyncio.sleep(0.02)
        assert await again.take(number) == "stored"
        assert await again.spool.depth() == 0
    assert await stored(server.dsn) == [str(n) for n in range(number + 1)]


async def test_full_spool_refuses_and_empties_again(server: EmbeddedPostgres, own_company: Company, tmp_path: Path) -> None:
    async for small in line(server.dsn, own_company, tmp_path, capacity=4 * 1024 * 1024):
        await asyncio.to_thread(server.stop)
        address = Address(own_company.test_id, "lead:1")
        verdicts: list[str] = []
        for number in range(20):
            new = NewInput(own_company.tenant_id, address, "event", f"kommo:{number}", b"x" * 500_000)
            try:
                verdicts.append((await small.intake.accept(new, small.intake.deadline(), spool=True)).verdict)
            except Unavailable:
                verdicts.append("refused")
        accepted = verdicts.count("spooled")
        assert 4 <= accepted < 9, verdicts
        assert verdicts == ["spooled"] * accepted + ["refused"] * (20 - accepted)
        assert not await small.spool.has_room()
        assert small.spooler.backlog == accepted
        await asyncio.to_thread(server.start)
        await eventually(partial(_empty, small))
        assert await small.spool.has_room()
    assert len(await stored(server.dsn)) == accepted


async def test_what_a_process_without_successor_left_is_taken_over(tmp_path: Path, company: Company) -> None:
    first, second = await Spool.open(tmp_path, 2**22), await Spool.open(tmp_path, 2**22)
    assert first.path != second.path
    address = Address(company.test_id, "lead:1")
    kept = [NewInput(company.tenant_id, address, "event", f"kommo:{n}", str(n).encode()) for n in range(5)]
    await first.append(kept[:1])
    await second.append(kept[1:])
    await second.close()
    await first.close()
    alone = await Spool.open(tmp_path, 2**22)
    assert alone.path == first.path
    assert [spooled.new for spooled in await alone.oldest(10)] == kept
    await alone.close()
    empty = await Spool.open(tmp_path, 2**22)
    assert await empty.depth() == 5
    await empty.close()


async def _empty(line_in: Line) -> bool:
    return line_in.spooler.backlog == 0


async def test_spooled_row_the_database_refuses_is_set_aside_alone(server: EmbeddedPostgres, own_company: Company, tmp_path: Path) -> None:
    async for way in line(server.dsn, own_company, tmp_path):
        await asyncio.to_thread(server.stop)
        for number in range(10):
            doomed = IntegrationId(UUID(int=number)) if number == 5 else None
            assert await way.take(number, doomed) == "spooled"
        await asyncio.to_thread(server.start)
        await eventually(partial(_empty, way))
        assert await way.spool.depth() == 0
        assert way.spool._db.execute("select raw, reason from refused").fetchall() == [(b"5", "TerminalError")]
    assert await stored(server.dsn) == [str(n) for n in range(10) if n != 5]


async def test_cancelled_requests_and_bad_rows_leave_the_committer_alive(database: str, company: Company, tmp_path: Path) -> None:
    async for way in line(database, company, tmp_path):
        tasks = [asyncio.create_task(way.take(number)) for number in range(100)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        strange = NewInput(TenantId(UUID(int=9)), Address(company.test_id, "x"), "event", "strange", b"")
        nul = NewInput(company.tenant_id, Address(company.test_id, "a\x00b"), "event", "nul", b"")
        for bad in (strange, nul):
            with pytest.raises(Refused):
                await way.intake.accept(bad, way.intake.deadline())
        assert await way.take(1000) == "stored"
        assert await way.take(1000) == "duplicate"
    numbers = await stored(database)
    assert set(numbers) >= {str(n) for n in range(1, 100, 2)}
    assert len(numbers) == len(set(numbers))
