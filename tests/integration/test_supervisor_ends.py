"""`callboard run` at its start and its end: what it uses, refuses, and leaves behind."""

import asyncio
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from storage.embedded_postgres import EmbeddedPostgres
from tests.integration.installation import Installation, wait_for


@pytest.fixture
def own() -> Iterator[Installation]:
    """An installation that a test may end, with a directory for temporary files of its own."""
    with tempfile.TemporaryDirectory(prefix="own-", dir="/tmp") as temporary:
        installation = Installation(env={"TMPDIR": temporary})
        yield installation
        installation.remove()


def test_sigterm_leaves_nothing_and_the_next_start_has_the_history(own: Installation) -> None:
    own.start()
    answer = own.chat("Сколько стоит доставка?")
    url, directory, redis = own.url, own.ray_dir, own.run_json["redis_url"]
    assert own.stop() < 10
    assert own.process
    assert own.process.returncode == 0
    assert own.everything() == []
    assert not directory.exists()
    assert not (own.data_dir / "run.json").exists()
    assert list((own.data_dir / "servers" / "run").iterdir()) == []
    assert list(Path(own.env["TMPDIR"]).iterdir()) == []
    assert redis.startswith("unix://")
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as s:
        assert s.connect_ex((host, int(port))) != 0
    own.start()
    texts = [m["text"] for m in own.get(f"/api/conversations/{answer['conversation_id']}/messages")["items"]]
    assert texts == ["Сколько стоит доставка?", answer["reply"]["text"]]
    assert own.stop(signal.SIGINT) < 10


def test_a_killed_supervisor_leaves_nothing_and_the_next_start_works_at_once(own: Installation) -> None:
    own.start()
    before = own.everything()
    assert len(before) > 5
    own.stop(signal.SIGKILL)
    wait_for(lambda: not any(_runs(p) for p in before), 15)
    own.start()
    answer = own.chat("Сколько стоит доставка?")
    own.stop(signal.SIGKILL)
    own.start()  # at once: what is still ending is waited for
    texts = [m["text"] for m in own.get(f"/api/conversations/{answer['conversation_id']}/messages")["items"]]
    assert texts == ["Сколько стоит доставка?", answer["reply"]["text"]]


def test_start_says_that_the_port_is_taken(own: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        own.env["CALLBOARD_PORT"] = str(taken.getsockname()[1])
        done = own.callboard("run")
    assert done.returncode == 1
    assert "is taken by another program" in done.stderr
    assert own.everything() == []


async def test_existing_servers_are_used_and_left_running(own: Installation, database: str, redis_url: str) -> None:
    own.env |= {"DATABASE_URL": database, "REDIS_URL": redis_url, "CALLBOARD_GATEWAYS": "2"}
    own.start()
    assert "350" in own.chat("Сколько стоит доставка?")["reply"]["text"]
    assert len(own.children("-m gateway")) == 2
    assert own.children("pgdata") == []
    assert not (own.data_dir / "servers").exists()
    assert own.stop() < 10
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from messages") == 2
    await connection.close()


async def test_a_server_that_could_lose_acknowledged_messages_is_refused(own: Installation, database: str, redis_url: str) -> None:
    connection = await asyncpg.connect(database)
    name = await connection.fetchval("select current_database()")
    await connection.execute(f"alter database {name} set synchronous_commit = off")
    await connection.close()
    own.env |= {"DATABASE_URL": database, "REDIS_URL": redis_url}
    done = own.callboard("run")
    assert done.returncode == 1
    assert "synchronous_commit" in done.stderr
    assert own.everything() == []


def test_a_database_of_a_newer_version_is_left_as_it_is(own: Installation) -> None:
    own.start()
    own.stop()
    server = EmbeddedPostgres(own.data_dir / "servers")
    asyncio.run(_execute(server.start(), "insert into schema_migrations (name, sha256) values ('9999_later.sql', '')"))
    server.stop()
    done = own.callboard("run")
    assert done.returncode == 1
    assert "9999_later.sql" in done.stderr
    assert own.everything() == []
    assert "database system is shut down" in (own.data_dir / "servers" / "postgres.log").read_text().splitlines()[-1]


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


def test_a_signal_while_starting_leaves_nothing(own: Installation) -> None:
    own.begin()
    wait_for(lambda: "Ray: starting" in own.said(), 30, own.said)
    assert own.stop() < 10
    assert own.everything() == []
    assert not (own.data_dir / "ray.json").exists()


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
