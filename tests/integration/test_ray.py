"""A real local Ray: it starts, is watched, and leaves nothing; actors that die or hang are replaced."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from actors.runtime.supervisor.ray_cluster import RayCluster, RayEndpoint, RayFailed

SECRET = "postgresql://callboard:canary-5f1c@127.0.0.1/callboard"
_OWNER = """
import json, sys, time
from pathlib import Path
from actors.runtime.supervisor.ray_cluster import RayCluster
cluster = RayCluster(Path(sys.argv[1]), 0, 3)
endpoint = cluster.start()
print(json.dumps({"address": endpoint.address, "environment": endpoint.environment, "guard": cluster._guard.pid}), flush=True)
time.sleep(600)
"""


class Driver:
    """tests/integration/ray_stage.py as a child, read in a thread."""

    def __init__(self, address: str, environment: dict[str, str], host: str = "sleeper") -> None:
        command = [sys.executable, "-m", "tests.integration.ray_stage", address, host]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **environment}, text=True, start_new_session=True
        )
        self.last: dict[str, Any] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                self.last = json.loads(line)

    def wait(self, what: Callable[[dict[str, Any]], Any], within_s: float) -> float:
        """Return after how many seconds `what` became true."""
        began = time.monotonic()
        while not what(self.last):
            assert time.monotonic() - began < within_s, f"not within {within_s} s: {self.last}"
            time.sleep(0.02)
        return time.monotonic() - began

    def complete(self) -> float:
        return self.wait(lambda s: s.get("complete") and len(s["seen"]) == 5, 60)

    def host(self) -> dict[str, Any]:
        return dict(self.last["seen"]["host-0"])

    def end(self) -> dict[str, Any]:
        """Drain and return the last line."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(15)
        self._reader.join(5)
        return self.last

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="callboard-test-ray-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def ray() -> Iterator[RayEndpoint]:
    """A Ray for the tests that do not harm it."""
    with tempfile.TemporaryDirectory(prefix="callboard-test-ray-") as path:
        cluster = RayCluster(Path(path), 0, 5)
        try:
            yield cluster.start({"DATABASE_URL": SECRET})
        finally:
            cluster.stop()


@pytest.fixture
def driver(ray: RayEndpoint, request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A driver whose actors are complete, or at least begun if the body never lives."""
    made = Driver(ray.address, ray.environment, getattr(request, "param", "sleeper"))
    yield made
    if made.process.poll() is None:
        made.end()


def session_of(guard: int) -> list[psutil.Process]:
    """Return the living processes of a guard's session."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == guard and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def gone(processes: list[psutil.Process], within_s: float) -> float:
    """Return after how many seconds none of the processes lives."""
    began = time.monotonic()
    while left := [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]:
        assert time.monotonic() - began < within_s, f"still there after {within_s} s: {left}"
        time.sleep(0.05)
    return time.monotonic() - began


def temp_dir_of(data_dir: Path) -> Path:
    return Path(json.loads((data_dir / "ray.json").read_text())["temp_dir"])


def test_a_killed_actor_is_back_as_a_new_generation(driver: Driver) -> None:
    driver.complete()
    old = driver.host()
    os.kill(old["pid"], signal.SIGKILL)
    took = driver.wait(lambda s: s["complete"] and s["seen"]["host-0"]["generation"] != old["generation"], 6)
    assert driver.host()["pid"] != old["pid"]
    print(f"back after {took:.2f} s")


def test_a_stopped_actor_is_killed_and_replaced(driver: Driver) -> None:
    driver.complete()
    old = driver.host()
    process = psutil.Process(old["pid"])
    os.kill(old["pid"], signal.SIGSTOP)
    driver.wait(lambda s: s["complete"] and s["seen"]["host-0"]["generation"] != old["generation"], 12)
    gone([process], 1)
    assert "did not answer" in driver.last["said"][-1]


@pytest.mark.parametrize(("driver", "reason"), [("failing", "ValueError: no such thing"), ("stuck", "did not answer")], indirect=["driver"])
def test_a_body_that_ends_or_blocks_its_loop_is_replaced(driver: Driver, reason: str) -> None:
    driver.wait(lambda s: any(reason in said for said in s.get("said", [])), 40)
    assert not any("sender" in said for said in driver.last["said"])


def test_a_new_stage_keeps_the_actors_of_a_killed_one_and_replaces_the_hung(ray: RayEndpoint) -> None:
    first = Driver(ray.address, ray.environment)
    first.complete()
    before = first.last["seen"]
    first.kill()
    second = Driver(ray.address, ray.environment)
    second.complete()
    assert second.last["seen"] == before
    second.kill()
    stopped = psutil.Process(before["host-0"]["pid"])
    stopped.suspend()
    third = Driver(ray.address, ray.environment)
    third.wait(lambda s: s.get("complete") and s["seen"]["host-0"]["pid"] != stopped.pid, 30)
    assert third.last["seen"]["sender-0"] == before["sender-0"]
    gone([stopped], 10)
    assert third.end() == {"left": []}


def test_actors_see_the_environment_and_ray_shows_nothing_of_it(ray: RayEndpoint, driver: Driver) -> None:
    driver.complete()
    assert driver.host()["has_secret"] == SECRET
    assert driver.host()["niceness"] == 0
    shown = ""
    state = ("actors", "workers", "tasks", "jobs", "nodes", "runtime_envs", "objects", "placement_groups", "cluster_events")
    for path in (
        *(f"/api/v0/{s}?detail=1&limit=1000" for s in state),
        "/logical/actors",
        "/nodes?view=summary",
        "/api/jobs/",
        "/api/version",
    ):
        with urllib.request.urlopen(ray.dashboard_url + path, timeout=30) as answer:
            shown += answer.read().decode()
    assert driver.host()["name"] in shown  # the dashboard does show actors
    assert "canary-5f1c" not in shown


def test_figures_of_actors_are_in_rays_own_metrics(ray: RayEndpoint, driver: Driver) -> None:
    driver.complete()
    with urllib.request.urlopen(f"{ray.dashboard_url}/nodes?view=summary", timeout=30) as answer:
        (node,) = json.load(answer)["data"]["summary"]
    place = f"http://{node['ip']}:{node['raylet']['metricsExportPort']}/metrics"
    wanted = re.compile(r'^ray_callboard_rss\{[^}]*actor="(\w+-0)"[^}]*\} (\S+)$', re.MULTILINE)
    began, found = time.monotonic(), dict[str, str]()
    while len(found) < 5:  # every actor reports every few seconds
        assert time.monotonic() - began < 60, found
        with urllib.request.urlopen(place, timeout=30) as answer:
            found = dict(wanted.findall(answer.read().decode()))
        time.sleep(0.5)
    assert found.keys() == {"host-0", "sender-0", "scheduler-0", "sync-0", "activity-0"}
    assert float(found["host-0"]) > 10e6


def test_ray_listens_on_loopback_only(ray: RayEndpoint, driver: Driver) -> None:
    driver.complete()
    guard = os.getsid(driver.host()["pid"])
    addresses = {c.laddr.ip for p in session_of(guard) for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    assert {a.removeprefix("::ffff:") for a in addresses} == {"127.0.0.1"}


@pytest.mark.parametrize("victim", ["gcs_server", "raylet"])
def test_without_gcs_or_raylet_it_is_not_alive_and_stop_leaves_nothing(data_dir: Path, victim: str) -> None:
    cluster = RayCluster(data_dir, 0, 3)
    endpoint = cluster.start()
    driver = Driver(endpoint.address, endpoint.environment)
    try:
        driver.complete()
        assert cluster.alive()
        guard = os.getsid(driver.host()["pid"])
        everything, temp_dir = session_of(guard), temp_dir_of(data_dir)
        assert len(everything) > 8
        cluster.vital[victim].kill()
        gone([cluster.vital[victim]], 2)
        assert not cluster.alive()
        began = time.monotonic()
        cluster.stop()
        assert time.monotonic() - began < 5
        assert session_of(guard) == []
        assert not temp_dir.exists()
        gone(everything, 0.1)
        driver.wait(lambda s: "lost" in s or driver.process.poll() is not None, 25)  # a driver without Ray ends by itself
    finally:
        cluster.stop()
        driver.kill()


@pytest.mark.parametrize("guard_too", [False, True])
def test_a_killed_owner_leaves_nothing_and_the_next_start_works_at_once(data_dir: Path, guard_too: bool) -> None:
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, str(data_dir)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    said = json.loads(owner.stdout.readline())
    driver = Driver(said["address"], said["environment"])
    cluster = RayCluster(data_dir, 0, 3)
    try:
        driver.complete()
        everything, temp_dir = session_of(said["guard"]), temp_dir_of(data_dir)
        os.kill(driver.host()["pid"], signal.SIGSTOP)
        if guard_too:
            os.kill(said["guard"], signal.SIGKILL)
        owner.kill()
        owner.wait()
        if not guard_too:
            gone(everything, 15)
        endpoint = cluster.start()
        gone(everything, 0.1)
        assert not temp_dir.exists()
        assert endpoint.address
        assert cluster.alive()
    finally:
        driver.kill()
        cluster.stop()
    assert not (data_dir / "ray.json").exists()


def test_a_ray_that_cannot_start_says_why(data_dir: Path) -> None:
    cluster = RayCluster(data_dir, 0, -1)
    with pytest.raises(RayFailed, match="Ray ended while starting"):
        cluster.start()
    assert not (data_dir / "ray.json").exists()
    assert not cluster.alive()
