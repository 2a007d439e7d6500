"""`callboard run` while it runs: answers, explains, survives what dies."""

import re
import threading
import time
import urllib.request
from collections.abc import Iterator

import asyncpg
import psutil
import pytest

from tests.fakes.telegram_process import TelegramProcess
from tests.integration.installation import Installation, wait_for


@pytest.fixture(scope="module")
def telegram(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TelegramProcess]:
    process = TelegramProcess(tmp_path_factory.mktemp("telegram") / "ledger.jsonl").start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def shared(telegram: TelegramProcess) -> Iterator[Installation]:
    """One installation for the tests that leave it running; its Bot API is the fake one."""
    installation = Installation(env={"CALLBOARD_TELEGRAM_API": telegram.url})
    try:
        installation.start()
        yield installation
    finally:
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


async def test_a_connected_bot_answers_once_and_the_answer_is_explained(shared: Installation, telegram: TelegramProcess) -> None:
    token = "7000000001:token-of-a-fake-bot"
    await telegram.add_bot(token)
    done = shared.callboard("telegram", "connect", "--tenant", "demo", given=token)
    assert done.returncode == 0, done.stderr
    customer = {"id": 42, "is_bot": False, "first_name": "Анна", "language_code": "ru"}
    message = {"message_id": 1, "date": int(time.time()), "chat": {"id": 42, "type": "private"}, "from": customer}
    await telegram.push(token, {"message": message | {"text": "Сколько стоит доставка?"}})
    [sent] = await telegram.wait_accepted(1)
    assert "350" in sent["text"]
    database = await asyncpg.connect(shared.run_json["database_url"])
    answer = await database.fetchval("select max(m.id) from messages m join outbox o using (turn_id) where m.role = 'agent'")
    await database.close()
    told = shared.callboard("explain", str(answer)).stdout
    assert re.fullmatch(rf" 14 +storage/outbox.py +sent .+ as {sent['message_id']}", told.splitlines()[-1])


def test_doctor_finds_nothing_wrong(shared: Installation) -> None:
    done = shared.callboard("doctor")
    assert done.returncode == 0, done.stdout
    assert "BAD" not in done.stdout
    assert re.search(r"heartbeat is [0-9.]+ s old: Ray connected, actors: 7 alive$", done.stdout, re.M)


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


def test_a_hung_gateway_is_replaced(shared: Installation) -> None:
    (gateway,) = shared.children("-m gateway")
    gateway.suspend()
    wait_for(lambda: not _runs(gateway), 40, shared.said)
    assert "350" in shared.chat("Сколько стоит доставка?")["reply"]["text"]


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
