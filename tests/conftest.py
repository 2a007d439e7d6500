"""Real servers for every test: PostgreSQL and Redis, embedded, one of each per session."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from storage.embedded_postgres import EmbeddedPostgres
from storage.embedded_redis import EmbeddedRedis
from storage.migrate import migrate
from tests import workers

# How fast examples come says something about the machine, not about the code; the same examples everywhere.
settings.register_profile("callboard", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("callboard")

_MEMORY, _ROOM = Path("/dev/shm"), 4 * 1024**3
_TEMPLATE = "callboard_template"
_NAMES = count(1)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> workers.ByFile:
    """Say which tests one worker runs."""
    return workers.ByFile(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Wait for the test's turn, before its time begins to count."""
    with workers.turn(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one where CI=true: nobody reads skips there."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse_skip(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself."""
    report = yield
    _refuse_skip(report, collector.nodeid)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport, name: str) -> None:
    if report.skipped and os.environ.get("CI") == "true":
        reason = report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{name} was skipped, and CI=true: {reason}"


@pytest.fixture(scope="session")
def servers_dir() -> Iterator[Path]:
    """A unique directory that the servers' system account can traverse; in memory where there is room.

    Databases by the hundred are made and dropped, each with its fsyncs: on a disk that takes a third of the time of all tests.
    """
    path = Path(tempfile.mkdtemp(prefix="callboard-test-", dir=_MEMORY if _fits(_MEMORY) else None))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def _fits(memory: Path) -> bool:
    """Return whether servers can run from there: containers have a small one, or none for programs."""
    if not memory.is_dir() or not os.access(memory, os.W_OK):
        return False
    return shutil.disk_usage(memory).free > _ROOM and not os.statvfs(memory).f_flag & os.ST_NOEXEC


@pytest.fixture(scope="session")
def postgres_dsn(servers_dir: Path) -> Iterator[str]:
    """The owner's DSN of a running PostgreSQL."""
    server = EmbeddedPostgres(servers_dir)
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def migrated_template(postgres_dsn: str) -> str:
    """The name of a database with the current schema, to be copied."""
    asyncio.run(_execute(postgres_dsn, f"create database {_TEMPLATE}"))
    asyncio.run(migrate(dsn_of(postgres_dsn, _TEMPLATE)))
    return _TEMPLATE


@pytest.fixture
async def database(postgres_dsn: str, migrated_template: str) -> AsyncIterator[str]:
    """The owner's DSN of a fresh migrated database, dropped afterwards."""
    async with fresh_database(postgres_dsn, migrated_template) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def redis_server(servers_dir: Path) -> Iterator[str]:
    """The URL of a running Redis."""
    server = EmbeddedRedis(servers_dir)
    yield server.start()
    server.stop()


@pytest.fixture
async def redis_url(redis_server: str) -> str:
    """The URL of a Redis without keys."""
    async with redis.asyncio.from_url(redis_server) as client:
        await client.flushall()
    return redis_server


@asynccontextmanager
async def fresh_database(server: str, template: str) -> AsyncIterator[str]:
    """Copy the template while the block lasts."""
    name = f"test_{next(_NAMES)}"
    await _execute(server, f"create database {name} template {template} strategy wal_log")
    try:
        yield dsn_of(server, name)
    finally:
        await _execute(server, f"drop database {name} with (force)")


def dsn_of(server: str, database: str) -> str:
    """Return the DSN of another database on the same server."""
    return server.replace("/postgres?", f"/{database}?")


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
