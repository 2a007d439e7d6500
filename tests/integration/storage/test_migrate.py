"""Migrations: forward only, under a lock, refused when code and database do not fit."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from actors.domain.errors import TransientError
from storage.migrate import DIRECTORY, MigrationRefused, migrate, migrations, pending
from storage.postgres import ServerRefused, check_server
from tests.conftest import dsn_of


@pytest.fixture
async def empty(postgres_dsn: str) -> AsyncIterator[str]:
    """The DSN of a database without tables."""
    owner = await asyncpg.connect(postgres_dsn)
    await owner.execute("create database empty_one")
    yield dsn_of(postgres_dsn, "empty_one")
    await owner.execute("drop database empty_one with (force)")
    await owner.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text("create table first (n int); insert into first values (1);")
    (tmp_path / "0002_second.sql").write_text("create table second (n int);")
    return tmp_path


async def test_every_file_is_applied_once(empty: str) -> None:
    names = [m.name for m in migrations()]
    assert names
    assert await pending(empty) == names
    assert await migrate(empty) == names
    assert await migrate(empty) == []
    assert await pending(empty) == []


async def test_migrators_that_start_together_apply_once(empty: str, directory: Path) -> None:
    applied = await asyncio.gather(*(migrate(empty, directory) for _ in range(6)))
    assert sorted(len(a) for a in applied) == [0, 0, 0, 0, 0, 2]


async def test_a_changed_file_is_refused(empty: str, directory: Path) -> None:
    await migrate(empty, directory)
    (directory / "0001_first.sql").write_text("create table other (n int);")
    with pytest.raises(MigrationRefused, match=r"0001_first\.sql was changed"):
        await migrate(empty, directory)


async def test_a_newer_database_is_refused(empty: str, directory: Path) -> None:
    await migrate(empty, directory)
    (directory / "0002_second.sql").unlink()
    with pytest.raises(MigrationRefused, match="newer than this code"):
        await migrate(empty, directory)


async def test_a_file_in_the_past_is_refused(empty: str, directory: Path) -> None:
    await migrate(empty, directory)
    (directory / "0001_zz.sql").write_text("create table late (n int);")
    with pytest.raises(MigrationRefused, match="higher number"):
        await migrate(empty, directory)


async def test_a_failing_file_leaves_nothing_and_can_be_repaired(empty: str, directory: Path) -> None:
    broken = directory / "0003_third.sql"
    broken.write_text("create table third (n int); select 1 / 0;")
    with pytest.raises(Exception, match="division by zero"):
        await migrate(empty, directory)
    assert await pending(empty, directory) == ["0003_third.sql"]
    broken.write_text("create table third (n int);")
    assert await migrate(empty, directory) == ["0003_third.sql"]


async def test_a_server_that_keeps_its_word_is_accepted(postgres_dsn: str) -> None:
    assert int((await check_server(postgres_dsn)).split(".")[0]) >= 15


async def test_a_server_that_answers_before_it_wrote_is_refused(empty: str) -> None:
    owner = await asyncpg.connect(empty)
    for value in ("off", "local"):
        await owner.execute(f"alter database empty_one set synchronous_commit = {value}")
        with pytest.raises(ServerRefused, match=f"synchronous_commit = {value}"):
            await check_server(empty)
    await owner.close()


async def test_a_server_that_is_away_is_a_transient_error(tmp_path: Path) -> None:
    with pytest.raises(TransientError):
        await check_server(f"postgresql://nobody@/nothing?host={tmp_path}")


def test_files_are_numbered_without_gaps() -> None:
    assert [int(p.name[:4]) for p in sorted(DIRECTORY.glob("*.sql"))] == list(range(1, len(list(DIRECTORY.glob("*.sql"))) + 1))
