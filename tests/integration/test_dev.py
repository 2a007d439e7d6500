"""`callboard dev`: the whole line without Ray, reloaded when a file changes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from actors.runtime.supervisor import processes

ROOT = Path(__file__).parents[2]
PACKAGES = ("actors", "config", "gateway", "integrations", "storage")


class DevRun:
    """`python -m actors.runtime.commands.dev` on a copy of the code, so that a change disturbs nobody."""

    def __init__(self, home: Path) -> None:
        self.code = home / "code"
        self.data = home / "data"
        for package in PACKAGES:
            shutil.copytree(ROOT / package, self.code / package, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("CALLBOARD_") and k not in ("DATABASE_URL", "REDIS_URL")}
        self.env = {**inherited, "CALLBOARD_DATA_DIR": str(self.data), "CALLBOARD_PORT": "0", "PYTHONPATH": str(self.code)}
        self.log = home / "dev.log"
        with self.log.open("wb") as out:
            command = [sys.executable, "-m", "actors.runtime.commands.dev"]
            self.process = subprocess.Popen(command, cwd=self.code, env=self.env, stdout=out, stderr=out, start_new_session=True)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, words: str, timeout_s: float = 60.0) -> None:
        until = time.monotonic() + timeout_s
        while words not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < until, f"{words!r} was not said:\n{self.said()}"
            time.sleep(0.05)

    def key(self) -> str:
        command = [sys.executable, "-m", "actors.runtime.commands.cli", "api-key", "create", "--tenant", "demo", "--role", "owner"]
        code = "import sys; from actors.runtime.commands.cli import main; sys.exit(main(sys.argv[1:]))"
        out = subprocess.run([sys.executable, "-c", code, *command[3:]], cwd=self.code, env=self.env, capture_output=True, check=True)
        return out.stdout.decode().splitlines()[-1]

    def ask(self, key: str, text: str) -> dict[str, Any]:
        run = json.loads((self.data / "run.json").read_text())
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

        def call(path: str, body: dict[str, Any] | None = None) -> Any:
            data = None if body is None else json.dumps(body).encode()
            with urllib.request.urlopen(urllib.request.Request(run["url"] + path, data, headers), timeout=60) as answer:
                return json.load(answer)

        agent = call("/api/agents")["items"][0]["id"]
        reply: dict[str, Any] = call("/api/chat", {"agent_id": agent, "text": text})["reply"]
        return reply

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@pytest.fixture
def dev() -> Iterator[DevRun]:
    home = Path(tempfile.mkdtemp(prefix="callboard-dev-"))
    home.chmod(0o711)
    run = DevRun(home)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait(10)
        processes.end(processes.supervised(run.data.resolve()))
        shutil.rmtree(home, ignore_errors=True)


def test_it_answers_reloads_and_leaves_nothing(dev: DevRun) -> None:
    dev.wait_for("Stop it with Ctrl-C.")
    assert re.search(r"Open the console: +http://127\.0\.0\.1:\d+/login#token=[\w-]{43}\b", dev.said())
    key = dev.key()
    assert "350" in dev.ask(key, "How much is delivery?")["text"]
    shop = dev.code / "actors" / "domain" / "turn.py"
    shop.write_text(shop.read_text().replace("def decide(", "def decide(  # reloaded\n    ", 1))
    dev.wait_for("actors/domain/turn.py changed: starting again")
    dev.wait_for("Started again")
    assert dev.ask(key, "привет")["mode"] == "script"
    children = psutil.Process(dev.process.pid).children(recursive=True)
    assert len(children) >= 8  # two servers, gateway, two hosts, sender, scheduler, worker of jobs
    assert dev.end() == 0
    assert "nothing is left running" in dev.said()
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
