"""`callboard run` as a person meets it: starts, answers, survives what dies, leaves nothing behind."""

import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator

import asyncpg
import psutil
import pytest

from tests.integration.installation import Installation, wait_for

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def shared() -> Iterator[Installation]:
    """One installation for the tests that leave it running."""
    installation = Installation()
    installation.start()
    yield installation
    installation.remove()


@pytest.fixture
def own() -> Iterator[Installation]:
    """An installation that a test may end."""
    installation = Installation()
    yield installation
    installation.remove()


def test_the_demo_shop_answers_without_any_key_of_a_model(shared: Installation) -> None:
    answer = shared.chat("Сколько стоит доставка?")
    assert "350" in answer["reply"]["text"]
    assert answer["reply"]["mode"] == "script"
    assert answer["trace_id"]


def test_a_message_can_be_explained_and_its_actor_shown(shared: Installation) -> None:
    answer = shared.chat("How much is delivery?")
    told = shared.callboard("explain", answer["message_id"]).stdout
    assert [line[:3].strip() for line in told.splitlines() if line[:3].strip().isdigit()] == [str(n) for n in range(1, 15)]
    assert "script delivery" in told
    assert "won with" in told
    shown = shared.callboard("actors", "show", answer["conversation_id"]).stdout
    assert "host " in shown
    assert "version      1" in shown


def test_doctor_finds_nothing_wrong(shared: Installation) -> None:
    done = shared.callboard("doctor")
    assert done.returncode == 0, done.stdout
    assert "BAD" not in done.stdout


def test_errors_of_people_are_one_line(shared: Installation) -> None:
    for arguments in (("explain", "999999"), ("actors", "show", "999999"), ("api-key", "create", "--tenant", "nobody", "--role", "owner")):
        done = shared.callboard(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("callboard: there is no ")
        assert len(done.stderr.splitlines()) == 1


def test_a_second_start_says_who_is_running(shared: Installation) -> None:
    done = shared.callboard("run")
    assert done.returncode == 1
    assert f"process {shared.pid}" in done.stderr
    assert shared.url in done.stderr
    assert shared.running()


def test_a_killed_gateway_refuses_no_connection(shared: Installation) -> None:
    slowest, errors, stop = 0.0, [], threading.Event()

    def ask() -> None:
        nonlocal slowest
        while not stop.is_set():
            began = time.monotonic()
            try:
                urllib.request.urlopen(f"{shared.url}/health", timeout=10).close()
            except ConnectionRefusedError as error:
                errors.append(repr(error))
            except OSError as error:  # what was inside the killed process is cut off; its sender repeats it
                if isinstance(getattr(error, "reason", None), ConnectionRefusedError):
                    errors.append(repr(error))
            slowest = max(slowest, time.monotonic() - began)

    asker = threading.Thread(target=ask)
    asker.start()
    (gateway,) = shared.children("-m gateway")
    gateway.kill()
    wait_for(lambda: bool(shared.children("-m gateway")) and shared.children("-m gateway")[0].pid != gateway.pid, 10, shared.said)
    shared.chat("привет")
    stop.set()
    asker.join()
    assert errors == []
    assert slowest < 5.0


def test_killed_servers_come_back_with_everything(shared: Installation) -> None:
    first = shared.chat("Сколько стоит доставка?")
    said = len(shared.said())
    (postgres,) = [p for p in shared.children("pgdata") if p.ppid() == shared.pid]
    (redis,) = shared.children("valkey-server")
    postgres.kill()
    redis.kill()
    wait_for(lambda: all(f"{name} is back" in shared.said()[said:] for name in ("PostgreSQL", "Redis")), 30, shared.said)
    wait_for(lambda: _answers(shared, first["conversation_id"]), 30, shared.said)
    messages = shared.get(f"/api/conversations/{first['conversation_id']}/messages")["items"]
    assert messages[0]["text"] == "Сколько стоит доставка?"


@pytest.mark.parametrize("word", ["gcs_server", "raylet/raylet"])
def test_a_killed_ray_is_replaced(shared: Installation, word: str) -> None:
    before, old = shared.said().count("Ray is back"), shared.children("ray")
    victim = next(p for p in shared.children(word))
    directory = shared.ray_dir
    victim.kill()
    wait_for(lambda: shared.said().count("Ray is back") > before, 45, shared.said)
    assert "350" in shared.chat("Сколько стоит доставка?")["reply"]["text"]
    assert not directory.exists()
    assert [p for p in old if _runs(p)] == []


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
    await connection.execute(f"alter database {database.rpartition('/')[2].partition('?')[0]} set synchronous_commit = off")
    await connection.close()
    own.env |= {"DATABASE_URL": database, "REDIS_URL": redis_url}
    done = own.callboard("run")
    assert done.returncode == 1
    assert "synchronous_commit" in done.stderr
    assert own.everything() == []


def test_a_signal_while_starting_leaves_nothing(own: Installation) -> None:
    own.begin()
    wait_for(lambda: "Ray: starting" in own.said(), 30, own.said)
    assert own.stop() < 10
    assert own.everything() == []
    assert not (own.data_dir / "ray.json").exists()


def _answers(installation: Installation, conversation_id: str) -> bool:
    try:
        return bool(installation.chat("How much is delivery?", conversation_id=conversation_id)["reply"]["text"])
    except AssertionError:
        return False


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
