"""A whole installation as a person starts it: `callboard run` in a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from actors.runtime.supervisor import processes

START_S = 180.0


class Installation:
    """`callboard run` on a data directory; start and stop it as often as needed."""

    def __init__(self, data_dir: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir or Path(tempfile.mkdtemp(prefix="callboard-test-"))
        self.data_dir.chmod(0o711)
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith("CALLBOARD_") and k not in ("DATABASE_URL", "REDIS_URL", "RAY_ADDRESS")
        }
        self.env = {
            **inherited,
            "CALLBOARD_DATA_DIR": str(self.data_dir),
            "CALLBOARD_PORT": "0",
            "CALLBOARD_RAY_DASHBOARD_PORT": "0",
            **(env or {}),
        }
        self.log = self.data_dir / "test-run.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._key = ""

    def begin(self) -> None:
        """Start it and do not wait."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(_command("run"), env=self.env, stdout=log, stderr=log, start_new_session=True)

    def start(self) -> None:
        """Start it and return when it says that it is ready."""
        self.begin()
        wait_for(lambda: "Callboard is ready" in self.said() or not self.running(), START_S, self.said)
        assert self.running(), self.said()

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    @property
    def run_json(self) -> dict[str, Any]:
        return dict(json.loads((self.data_dir / "run.json").read_text()))

    @property
    def url(self) -> str:
        return str(self.run_json["url"])

    @property
    def ray_dir(self) -> Path:
        return Path(json.loads((self.data_dir / "ray.json").read_text())["temp_dir"])

    def stop(self, how: signal.Signals = signal.SIGTERM, timeout_s: float = 15.0) -> float:
        """Signal the supervisor and return the seconds until it ended."""
        assert self.process
        began = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(timeout_s)
        return time.monotonic() - began

    def callboard(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run another command on the same data directory."""
        return subprocess.run(_command(*arguments), env=self.env, input=given, capture_output=True, text=True, timeout=60, check=False)

    @property
    def key(self) -> str:
        """An owner's key of the demo tenant."""
        if not self._key:
            done = self.callboard("api-key", "create", "--tenant", "demo", "--role", "owner")
            assert done.returncode == 0, done.stderr
            self._key = done.stdout.splitlines()[-1]
        return self._key

    def get(self, path: str) -> dict[str, Any]:
        return self._call(urllib.request.Request(self.url + path))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._call(urllib.request.Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}))

    def send(self, method: str, path: str, body: Mapping[str, Any] | bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """Send anything else; a mapping as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._call(urllib.request.Request(self.url + path, data, {"Content-Type": "application/json", **headers}, method=method))

    def delete(self, path: str) -> None:
        self._call(urllib.request.Request(self.url + path, method="DELETE"))

    def agent_id(self) -> str:
        return str(self.get("/api/agents")["items"][0]["id"])

    def chat(self, text: str, **more: str) -> dict[str, Any]:
        return self.post("/api/chat", {"agent_id": self.agent_id(), "text": text, **more})

    def children(self, word: str) -> list[psutil.Process]:
        """Return the processes of this installation whose command line holds `word`."""
        return [p for p in self.everything() if word in _command_line(p)]

    def everything(self) -> list[psutil.Process]:
        return processes.supervised(self.data_dir)

    def remove(self) -> None:
        """End whatever runs and delete the data directory."""
        if self.running():
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.stop(signal.SIGKILL)
        processes.end(self.everything())
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def _call(self, request: urllib.request.Request) -> dict[str, Any]:
        request.add_header("Authorization", f"Bearer {self.key}")
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return dict(json.loads(response.read() or b"{}"))
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{request.full_url}: {error.code} {error.read().decode(errors='replace')}") from error


def wait_for(condition: Callable[[], bool], timeout_s: float, told: Callable[[], str] = str) -> None:
    """Wait until a condition holds; fail with what `told` says."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"not within {timeout_s:.0f} s:\n{told()}"
        time.sleep(0.05)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "actors.runtime.commands.cli", *arguments]


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
