"""The supervisor ends only what is its own and of the kind that was named."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from actors.runtime.supervisor.control import Control


class Server:
    """A server that runs as a child."""

    def __init__(self, name: str, pid: int) -> None:
        self.name, self.pid = name, pid

    def begin(self) -> None: ...
    def alive(self) -> bool:
        return True

    def ready(self) -> bool:
        return True

    def stop(self, timeout_s: float) -> None: ...


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that calls itself as Ray calls a host."""
    process = subprocess.Popen(["ray::ConversationHost", "-c", "import time; time.sleep(60)"], executable=sys.executable)
    yield process
    process.kill()
    process.wait()


async def ask(path: Path, line: bytes) -> Any:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    answer = json.loads(await asyncio.wait_for(reader.readline(), 10))
    writer.close()
    return answer


def question(what: str, pid: int | None = None) -> bytes:
    return json.dumps({"what": what, "pid": pid}).encode() + b"\n"


async def test_a_host_is_ended_and_nothing_else(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    control = Control(tmp_path, psutil.Process)
    control.servers = (Server("Redis", server.pid),)
    await control.start()
    assert stat.S_IMODE(control.path.stat().st_mode) == 0o600
    for wrong in (
        question("delivery", child.pid),
        question("host", server.pid),
        question("host", os.getpid()),
        question("host", 1),
        question("host"),
        question("postgres"),
        question("init", 1),
        b"not json\n",
        b"[]\n",
    ):
        assert "error" in await ask(control.path, wrong), wrong
    assert (child.poll(), server.poll()) == (None, None)
    assert await ask(control.path, question("host", child.pid)) == {"pid": child.pid}
    assert await asyncio.to_thread(child.wait, 10) == -signal.SIGKILL
    assert await ask(control.path, question("redis")) == {"pid": server.pid}
    assert await asyncio.to_thread(server.wait, 10) == -signal.SIGTERM
    await control.stop()
    assert not control.path.exists()


async def test_a_long_directory_gets_a_socket_elsewhere(tmp_path: Path) -> None:
    control = Control(tmp_path / ("x" * 100), lambda: None)
    await control.start()
    assert "error" in await ask(control.path, question("host", 1))
    assert not control.path.is_relative_to(tmp_path)
    await control.stop()
    assert not control.path.parent.exists()
