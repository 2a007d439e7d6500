"""The embedded servers: started under the right account, ended with their owner, started again whatever was left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from storage.embedded_postgres import EmbeddedPostgres
from storage.embedded_redis import EmbeddedRedis
from storage.server_process import MAX_SOCKET_PATH, package_dir, talk, wait_until
from storage.service_account import choose_identity
from tests.integration.installation import wait_for

AS_ROOT = os.geteuid() == 0
_OWNER = """
import json, sys, time
from pathlib import Path
from storage.embedded_postgres import EmbeddedPostgres
from storage.embedded_redis import EmbeddedRedis
state, namespace = Path(sys.argv[1]), sys.argv[2] == "namespace"
postgres, redis = EmbeddedPostgres(state, namespace=namespace), EmbeddedRedis(state, namespace=namespace)
postgres.start(), redis.start()
print(json.dumps([postgres.pid, redis.pid]), flush=True)
time.sleep(600)
"""


@pytest.fixture
def state() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="callboard-embedded-"))
    path.chmod(0o711)
    yield path / "state"
    shutil.rmtree(path, ignore_errors=True)


async def _value(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_it_is_durable_local_and_not_root(postgres_dsn: str) -> None:
    for setting, value in (("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on"), ("listen_addresses", "")):
        assert await _value(postgres_dsn, f"show {setting}") == value
    assert int(str(await _value(postgres_dsn, "show max_connections"))) >= 60
    assert await _value(postgres_dsn, "show data_checksums") == "on"
    assert await _value(postgres_dsn, "select lower('ЁЖ')") == "ёж"


@pytest.mark.parametrize("how", ["account", "namespace"])
def test_servers_end_with_a_killed_owner_and_start_again(state: Path, how: str) -> None:
    if how == "namespace" and AS_ROOT and subprocess.run(["unshare", "--user", "true"], check=False, capture_output=True).returncode:
        how = "account"  # no user namespaces here; the other way is the only one
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, str(state), how], stdout=subprocess.PIPE)
    assert owner.stdout
    with owner.stdout:
        pids = json.loads(owner.stdout.readline())
    servers = [psutil.Process(pid) for pid in pids]
    if AS_ROOT and how == "account":
        assert all(p.uids().real != 0 for p in servers)
    owner.kill()
    owner.wait()
    wait_for(lambda: not any(_runs(p) for p in servers), 15)
    postgres = EmbeddedPostgres(state, namespace=how == "namespace")
    assert talk(Path(postgres.start().partition("host=")[2]) / ".s.PGSQL.5432") is not None
    postgres.stop()


def test_an_orphan_is_ended_and_replaced(state: Path) -> None:
    lost = EmbeddedPostgres(state)
    lost.start()
    assert lost.pid
    heir = EmbeddedPostgres(state)
    heir.start()
    assert not lost.alive()
    assert heir.alive()
    heir.stop()


async def test_what_was_committed_survives_a_killed_server(state: Path) -> None:
    server = EmbeddedPostgres(state)
    dsn = server.start()
    await _value(dsn, "create table kept as select 1 as one")
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    server.start()
    assert await _value(dsn, "select one from kept") == 1
    server.stop()


def test_a_reused_pid_in_the_pid_file_does_not_hinder_the_start(state: Path) -> None:
    server = EmbeddedPostgres(state)
    server.start()
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: not server.alive(), 5)
    pidfile = server.data / "postmaster.pid"
    lines = pidfile.read_text().splitlines()
    with subprocess.Popen(["sleep", "60"]) as other:
        pidfile.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        server.start()
        assert other.poll() is None
        other.kill()
    server.stop()


def test_a_half_made_cluster_is_made_anew(state: Path) -> None:
    state.mkdir()
    (state / "pgdata.new").mkdir()
    (state / "pgdata.new" / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(state)
    server.start()
    server.stop()
    assert not (state / "pgdata.new").exists()


def test_a_long_path_moves_the_sockets(state: Path) -> None:
    deep = state / ("d" * MAX_SOCKET_PATH)
    postgres, redis = EmbeddedPostgres(deep), EmbeddedRedis(deep)
    assert postgres.socket_dir.parent == Path("/tmp")
    postgres.start()
    redis.start()
    postgres.stop()
    redis.stop()
    assert not postgres.socket_dir.exists()
    assert not redis.socket.exists()


def test_programs_below_a_private_directory_are_copied(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not AS_ROOT:
        assert choose_identity().user is None  # nobody but root changes accounts, so nothing is ever out of reach
        return
    private = state.parent / "private"
    private.mkdir(mode=0o700)
    packages = _packages()
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(packages / name, private / name, symlinks=True)
    monkeypatch.setattr("storage.postgres_binaries.package_dir", lambda _: private / "embedded_postgres")
    server = EmbeddedPostgres(state)
    server.start()
    assert server.bin.is_relative_to(state)
    assert private.stat().st_mode & 0o777 == 0o700
    server.stop()


def test_redis_keeps_nothing_on_disk(state: Path) -> None:
    server = EmbeddedRedis(state)
    server.start()
    assert talk(server.socket, b"SET a 1\r\n") == b"+OK\r\n"
    server.stop()
    assert not list(state.rglob("*.rdb"))
    assert not list(state.rglob("*.aof"))
    server.start()
    assert talk(server.socket, b"GET a\r\n") == b"$-1\r\n"
    server.stop()
    assert not server.socket.exists()


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _packages() -> Path:
    found = package_dir("embedded_postgres")
    assert found
    return found.parent
