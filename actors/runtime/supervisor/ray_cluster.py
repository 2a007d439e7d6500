"""A local Ray as the supervisor sees it: start, alive, stop. Nothing of it outlives its owner."""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from actors.runtime.supervisor.ray_guard import MARK, end_leftovers
from config.environment import child_environment

OBJECT_STORE_BYTES = 128 * 1024 * 1024  # nothing of ours travels through it; Ray refuses less than 75 MiB
START_TIMEOUT_S = 90.0  # 5 s on an idle machine with two cores, four times that on a loaded one
STOP_TIMEOUT_S = 8.0
_POLL_S = 0.05
_LOG_TAIL = 2000
_VITAL = ("gcs_server", "raylet")

# For every process that takes part in a local Ray: the head, its workers, the stage.
RAY_ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",  # explicit: else Ray uses a token it happens to find in the home directory
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's only way to stay on 127.0.0.1 instead of looking for a network
    "RAY_gcs_rpc_server_reconnect_timeout_s": "10",  # without its GCS a process ends after this, not after 60 s
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # a paragraph on the stage's output for each worker that died; the stage says it in a line
}
_HEAD_ENVIRONMENT = {
    **RAY_ENVIRONMENT,
    "RAY_worker_niceness": "0",  # 15 by default: actors that answer customers would starve behind everything else
    "RAY_USAGE_STATS_ENABLED": "0",
}


class RayFailed(Exception):
    """Ray did not start; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class RayEndpoint:
    """Where a running Ray is, and what a driver needs in its environment."""

    address: str
    dashboard_url: str
    environment: dict[str, str]


class RayCluster:
    """One local Ray head. Not reentrant: one owner starts and stops it, as often as needed."""

    def __init__(self, data_dir: Path, dashboard_port: int, num_cpus: int) -> None:
        """Prepare; nothing is started.

        Args:
            data_dir: where the place of the running Ray is remembered, for cleaning up after a kill.
            dashboard_port: on 127.0.0.1; a free one is used if it is taken or 0.
            num_cpus: how many workers Ray starts ahead: as many as there will be actors.
        """
        self._record = data_dir / "ray.json"
        self._log = data_dir / "ray.log"
        self._dashboard_port = dashboard_port
        self._num_cpus = num_cpus
        self._guard: subprocess.Popen[bytes] | None = None
        self._temp_dir = ""
        self.vital: dict[str, psutil.Process] = {}

    def start(self, environment: Mapping[str, str] | None = None) -> RayEndpoint:
        """Start Ray and return where it is, after removing what a killed owner left behind.

        Args:
            environment: what actors find in their environment, secrets included: Ray does not show it anywhere.

        Raises:
            RayFailed: it ended or did not come up in time.
        """
        self.clean()
        # Not the data directory: Ray's Unix sockets need 66 of the 107 bytes a socket's path may have.
        self._temp_dir = tempfile.mkdtemp(prefix="callboard-ray-", dir="/tmp")
        self._record.write_text(json.dumps({"temp_dir": self._temp_dir}))
        self._log.unlink(missing_ok=True)
        dashboard_port = _free_port(self._dashboard_port)
        self._guard = self._start_guard(dashboard_port, environment or {})
        try:
            address = self._wait()
            self.vital = self._find_vital()
        except BaseException:
            self.stop()
            raise
        return RayEndpoint(address, f"http://127.0.0.1:{dashboard_port}", RAY_ENVIRONMENT)

    def root(self) -> psutil.Process | None:
        """Return the process that all others of this Ray descend from, None while it does not run."""
        return psutil.Process(self._guard.pid) if self._guard and self._guard.poll() is None else None

    def alive(self) -> bool:
        """Return whether guard, GCS and raylet run; stopped and unreaped ones do not count."""
        return self._guard is not None and self._guard.poll() is None and all(_runs(p) for p in self.vital.values())

    def stop(self) -> None:
        """End every process of this Ray and remove its directory, within a few seconds. Harmless if it is not running."""
        guard, self._guard = self._guard, None
        if guard is not None:
            assert guard.stdin is not None
            guard.stdin.close()
            try:
                guard.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:  # stopped or starved: clean() does its work
                guard.kill()
                guard.wait()
        self.vital = {}
        self.clean()

    def clean(self) -> None:
        """End what is left of the Ray that was last started with this data directory."""
        try:
            temp_dir = json.loads(self._record.read_text())["temp_dir"]
        except (OSError, ValueError, KeyError):
            return
        end_leftovers(temp_dir)
        self._record.unlink(missing_ok=True)

    def _start_guard(self, dashboard_port: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        options = [f"--temp-dir={self._temp_dir}", f"--log={self._log.absolute()}"]
        return subprocess.Popen(
            [sys.executable, "-m", "actors.runtime.supervisor.ray_guard", *options, "--", *self._head_command(dashboard_port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            # Ray's own processes are killed with what they left in the directory for temporary files.
            env=child_environment({**environment, **_HEAD_ENVIRONMENT, MARK: self._temp_dir, "TMPDIR": self._temp_dir}),
            start_new_session=True,
        )

    def _head_command(self, dashboard_port: int) -> list[str]:
        options = {
            "node-ip-address": "127.0.0.1",
            "port": 0,
            "min-worker-port": 0,
            "max-worker-port": 0,
            "dashboard-agent-listen-port": 0,
            "ray-client-server-port": _free_port(0),  # cannot be switched off; its default would collide
            "num-cpus": self._num_cpus,
            "object-store-memory": OBJECT_STORE_BYTES,
            "include-dashboard": "true",
            "dashboard-host": "127.0.0.1",
            "dashboard-port": dashboard_port,
            "include-log-monitor": "false",
            "temp-dir": self._temp_dir,
            "log-style": "record",
            "log-color": "false",
        }
        flags = ["--head", "--block", "--no-monitor", "--disable-usage-stats"]
        return [sys.executable, "-m", "ray.scripts.scripts", "start", *flags, *(f"--{name}={value}" for name, value in options.items())]

    def _wait(self) -> str:
        """Return the address Ray writes when all its processes are up."""
        assert self._guard is not None
        written = Path(self._temp_dir) / "ray_current_cluster"
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if written.exists() and (address := written.read_text().strip()):
                return address
            if self._guard.poll() is not None:
                raise RayFailed(f"Ray ended while starting.\n{self._said()}")
            time.sleep(_POLL_S)
        raise RayFailed(f"Ray did not start within {START_TIMEOUT_S:.0f} s.\n{self._said()}")

    def _find_vital(self) -> dict[str, psutil.Process]:
        assert self._guard is not None
        children = psutil.Process(self._guard.pid).children(recursive=True)
        found = {p.name(): p for p in children if p.name() in _VITAL}
        if len(found) < len(_VITAL):
            raise RayFailed(f"Ray started without {', '.join(set(_VITAL) - set(found))}.\n{self._said()}")
        return found

    def _said(self) -> str:
        try:
            return self._log.read_text(errors="replace")[-_LOG_TAIL:].strip()
        except OSError:
            return "(it left no log)"


def _runs(process: psutil.Process) -> bool:
    """Return whether it is the same process (psutil compares start times) and not dead or stopped."""
    try:
        return process.is_running() and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False


def _free_port(preferred: int) -> int:
    """Return the preferred port of 127.0.0.1 if it is free, else another."""
    for port in (preferred, 0):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(s.getsockname()[1])
    raise RayFailed("no free port on 127.0.0.1")
