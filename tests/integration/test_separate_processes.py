"""`callboard gateway` and `callboard stage`, each alone, on servers that somebody else runs: as in a container each."""

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from actors.runtime.supervisor.demo import ensure_demo
from actors.runtime.supervisor.ray_guard import end_leftovers
from storage.embedded_postgres import EmbeddedPostgres
from storage.embedded_redis import EmbeddedRedis
from tests.integration.installation import Installation, wait_for

UP_S = 90.0


class Site(Installation):
    """Servers, one gateway and one stage that know each other by their settings only."""

    def __init__(self, postgres: str, redis: str, **more: str) -> None:
        self.port = free_port()
        super().__init__(env={"DATABASE_URL": postgres, "REDIS_URL": redis, "CALLBOARD_PORT": str(self.port), **more})
        self.programs: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def begin_program(self, name: str, env: Mapping[str, str] | None = None) -> None:
        """Start `callboard NAME`; what it says is in `told(NAME)`."""
        with (self.data_dir / f"{name}.log").open("wb") as log:
            command = [sys.executable, "-m", "actors.runtime.commands.cli", name]
            self.programs[name] = subprocess.Popen(command, env={**self.env, **(env or {})}, stdout=log, stderr=log)

    def told(self, name: str) -> str:
        return (self.data_dir / f"{name}.log").read_text(errors="replace")

    def gateway_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def end_program(self, name: str) -> int:
        """SIGTERM, as `docker stop` sends it; return the exit status."""
        program = self.programs.pop(name)
        program.send_signal(signal.SIGTERM)
        return program.wait(20)

    def remove(self) -> None:
        for program in self.programs.values():
            program.kill()
            program.wait(5)
        super().remove()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def servers() -> Iterator[tuple[str, str]]:
    """PostgreSQL and Redis as somebody else's."""
    home = Path(tempfile.mkdtemp(prefix="callboard-test-"))
    home.chmod(0o711)
    postgres, redis = EmbeddedPostgres(home), EmbeddedRedis(home)
    try:
        yield postgres.start(), redis.start()
    finally:
        postgres.stop()
        redis.stop()
        shutil.rmtree(home, ignore_errors=True)


def test_gateway_and_stage_alone_answer_a_customer(servers: tuple[str, str]) -> None:
    site = Site(*servers)
    try:
        done = site.callboard("migrate")
        assert done.returncode == 0, done.stderr
        site.begin_program("gateway")
        wait_for(site.gateway_answers, UP_S, lambda: site.told("gateway"))
        site.begin_program("stage")
        wait_for(lambda: "its actors answer" in site.told("stage"), UP_S, lambda: site.told("stage"))
        assert "/login#token=" in site.told("stage")  # the demo's owner gets in
        assert "350" in site.chat("Сколько стоит доставка?")["reply"]["text"]
        assert site.get("/health")["status"] == "ok"
        done = site.callboard("doctor")
        assert done.returncode == 0, done.stdout
        assert site.end_program("stage") == 0
        assert site.told("stage").splitlines()[-1].endswith("Stopped: nothing is left running")
        assert [p for p in site.everything() if p.pid != site.programs["gateway"].pid] == []
        assert site.end_program("gateway") == 0
    finally:
        site.remove()


def test_a_stage_joins_a_ray_that_runs_already(servers: tuple[str, str]) -> None:
    ray_dir = tempfile.mkdtemp(prefix="callboard-ray-", dir="/tmp")
    site = Site(*servers)
    try:
        assert site.callboard("migrate").returncode == 0
        asyncio.run(ensure_demo(servers[0], site.data_dir, print))
        port = start_ray(ray_dir, site)
        site.begin_program("gateway")
        site.begin_program("stage", {"RAY_ADDRESS": f"127.0.0.1:{port}", "RAY_AUTH_MODE": "disabled"})
        wait_for(site.gateway_answers, UP_S, lambda: site.told("gateway"))
        wait_for(lambda: site.get("/health")["ray"]["connected"] is True, UP_S, lambda: site.told("stage"))
        assert "350" in site.chat("Сколько стоит доставка?")["reply"]["text"]
        assert site.end_program("stage") == 0
        assert psutil.pid_exists(head_of(ray_dir))  # it is not ours to end
        assert site.end_program("gateway") == 0
    finally:
        site.remove()
        end_leftovers(ray_dir)


def start_ray(directory: str, site: Site) -> int:
    """Start a Ray head by hand, as its operator would; actors find their settings in its environment."""
    port = free_port()
    options = [
        f"--port={port}",
        "--node-ip-address=127.0.0.1",
        f"--temp-dir={directory}",
        "--num-cpus=8",
        "--object-store-memory=134217728",
    ]
    quiet = ["--include-dashboard=false", "--disable-usage-stats", "--no-monitor", f"--ray-client-server-port={free_port()}"]
    env = {**site.env, "RAY_TMPDIR": directory, "RAY_AUTH_MODE": "disabled"}
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", *options, *quiet]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return port


def head_of(directory: str) -> int:
    """Return the pid of the GCS that works in a directory."""
    for process in psutil.process_iter():
        try:
            if process.name() == "gcs_server" and any(directory in part for part in process.cmdline()):
                return process.pid
        except psutil.Error:
            continue
    raise AssertionError("there is no GCS of this Ray")
