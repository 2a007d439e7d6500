"""Driver errors become the domain's, once; a pool outlives what happens to its server."""

import asyncio

import asyncpg
import pytest

from actors.domain.errors import OwnershipLost, TerminalError, TransientError
from storage.postgres import Database, Role
from tests.contract.labs import RealLab


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("CB001", OwnershipLost),
        ("57P01", TransientError),
        ("53300", TransientError),
        ("53100", TransientError),
        ("40P01", TransientError),
        ("40001", TransientError),
        ("55P03", TransientError),
        ("08006", TransientError),
        ("57014", TransientError),
        ("23505", TerminalError),
        ("22021", TerminalError),
        ("42501", TerminalError),
        ("42P01", TerminalError),
    ],
)
async def test_sqlstates(real_lab: RealLab, state: str, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        await real_lab.engine.fetch(f"do $$ begin raise exception 'x' using errcode = '{state}'; end $$")


async def test_what_cannot_be_encoded_is_terminal(real_lab: RealLab) -> None:
    for bad in ("\ud800", 3):
        with pytest.raises(TerminalError):
            await real_lab.engine.fetch("select $1::text", bad)
    with pytest.raises(TerminalError):
        await real_lab.engine.fetch("select $1::text", "\x00")


async def test_a_killed_backend_is_a_transient_error_and_the_pool_recovers(real_lab: RealLab) -> None:
    sleeping = asyncio.create_task(real_lab.engine.fetch("select pg_sleep(30)"))
    for _ in range(100):
        killed = await real_lab.owner.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(30)' and state = 'active'"
        )
        if killed:
            break
        await asyncio.sleep(0.02)
    with pytest.raises(TransientError):
        await sleeping
    assert await real_lab.engine.fetchval("select 1") == 1


async def test_a_statement_that_takes_too_long_is_a_transient_error(database: str) -> None:
    async with await Database.open(database, Role.ENGINE, "test", size=1, command_timeout_s=0.1) as engine:
        with pytest.raises(TransientError):
            await engine.fetch("select pg_sleep(5)")
        assert await engine.fetchval("select 1") == 1


async def test_an_exhausted_pool_is_a_transient_error(database: str) -> None:
    async with await Database.open(database, Role.ENGINE, "test", size=1, acquire_timeout_s=0.1) as engine:
        async with engine.dispatch_transaction() as held:
            await held.fetchval("select 1")
            with pytest.raises(TransientError):
                await engine.fetchval("select 1")
        assert await engine.fetchval("select 1") == 1


async def test_a_pool_opens_without_a_server(tmp_path: object) -> None:
    async with await Database.open(f"postgresql://nobody@/nothing?host={tmp_path}", Role.API, "test") as api:
        with pytest.raises(TransientError):
            await api.ping()


async def test_a_cancelled_call_leaves_no_transaction_open(database: str) -> None:
    owner = await asyncpg.connect(database)
    async with await Database.open(database, Role.ENGINE, "cancelled", size=1) as engine:

        async def interrupted() -> None:
            async with engine.dispatch_transaction() as connection:
                await connection.fetch("select pg_sleep(30)")

        task = asyncio.create_task(interrupted())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await engine.fetchval("select coalesce(current_setting('app.scope', true), '')") == ""
        states = await owner.fetch("select state from pg_stat_activity where application_name = 'cancelled'")
        assert [r["state"] for r in states] == ["idle"]
    await owner.close()
