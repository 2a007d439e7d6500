"""The stage with the real actors: PostgreSQL, Redis and Ray are real, everything runs in processes of its own."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from actors.runtime.supervisor.ray_cluster import RayCluster, RayEndpoint
from storage.carriers import CarrierStatus, PostgresCarriers, PostgresPlacement
from storage.heartbeat import Heartbeats
from storage.postgres import Database, Role

COMMAND = [sys.executable, "-m", "actors.runtime.stage"]
NAMES = {"activity-0", "host-0", "host-1", "knowledge-0", "scheduler-0", "sender-0", "sync-0"}
OTHER = UUID(int=9)


@dataclass
class World:
    """A stage's surroundings."""

    database: Database
    environment: dict[str, str]
    ray: RayEndpoint
    stages: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def stage(self) -> subprocess.Popen[bytes]:
        """Start a stage."""
        env = {**os.environ, **self.environment, **self.ray.environment, "RAY_ADDRESS": self.ray.address}
        self.stages.append(subprocess.Popen(COMMAND, env=env, start_new_session=True))
        return self.stages[-1]

    async def actors(self) -> dict[str, str]:
        """Return the actors of a fresh heartbeat, nothing else."""
        beat = await Heartbeats(self.database).read("stage")
        return dict(beat.status["ray"]["actors"]) if beat and beat.age_s < 5 else {}

    async def complete(self) -> bool:
        found = await self.actors()
        return found.keys() == NAMES and set(found.values()) == {"alive"}

    async def carriers(self) -> dict[str, CarrierStatus]:
        return {f"{c.kind}-{c.part}": c for c in await PostgresCarriers(self.database).all()}


async def until(what: Callable[[], Awaitable[bool]], within_s: float) -> float:
    """Return after how many seconds `what` became true."""
    began = time.monotonic()
    while not await what():
        assert time.monotonic() - began < within_s, f"not within {within_s} s"
        await asyncio.sleep(0.05)
    return time.monotonic() - began


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RayCluster]:
    made = RayCluster(tmp_path, 0, 4)
    yield made
    made.stop()


@pytest.fixture
async def world(database: str, redis_url: str, cluster: RayCluster, tmp_path: Path) -> AsyncIterator[World]:
    """A database, a Redis and a Ray; whatever stage was started is ended."""
    environment = {"DATABASE_URL": database, "REDIS_URL": redis_url, "CALLBOARD_DATA_DIR": str(tmp_path)}
    endpoint = await asyncio.to_thread(cluster.start, environment)
    async with await Database.open(database, Role.ENGINE, "test") as opened:
        world = World(opened, environment, endpoint)
        try:
            yield world
        finally:
            for stage in world.stages:
                stage.kill()
                stage.wait()
            await asyncio.to_thread(cluster.stop)


async def test_one_life_of_a_stage(world: World) -> None:
    stage = world.stage()
    print(f"complete after {await until(world.complete, 60):.2f} s")
    before = await world.carriers()
    assert before.keys() == {"host-0", "host-1", "sender-0"}

    # A killed actor: a new generation has its part, the others keep theirs.
    old = before["host-0"]
    os.kill(old.pid, signal.SIGKILL)

    async def taken() -> bool:
        return (await world.carriers())["host-0"].generation != old.generation

    print(f"taken over after {await until(taken, 6):.2f} s")
    assert (await world.carriers())["host-1"].generation == before["host-1"].generation

    # A killed stage: the next one keeps what lives.
    await until(world.complete, 10)
    lives = {name: c.generation for name, c in (await world.carriers()).items()}
    stage.kill()
    stage.wait()
    await world.database.fetch("update heartbeats set at = '-infinity'")
    stage = world.stage()
    print(f"adopted after {await until(world.complete, 20):.2f} s")
    assert {name: c.generation for name, c in (await world.carriers()).items()} == lives

    # An orderly end: within its time, nothing left, and a standby need not wait.
    pids = [c.pid for c in (await world.carriers()).values()]
    began = time.monotonic()
    stage.terminate()
    assert await asyncio.to_thread(stage.wait, 10) == 0
    assert time.monotonic() - began < 4

    async def gone() -> bool:
        return not any(_runs(pid) for pid in pids)

    await until(gone, 2)
    assert await PostgresPlacement(world.database).claim(OTHER, 1, 1) == 2


async def test_a_second_installation_stands_by_and_takes_over_when_the_first_is_gone(world: World) -> None:
    placement = PostgresPlacement(world.database)
    assert await placement.claim(OTHER, 1, 1) == 1
    world.stage()

    async def standing_by() -> bool:
        beat = await Heartbeats(world.database).read("stage")
        return bool(beat and beat.status["standby"])

    await until(standing_by, 30)
    assert await world.actors() == {}
    assert await placement.resign(OTHER)
    await until(world.complete, 30)
    found = await placement.read()
    assert found
    assert (found.epoch, found.hosts) == (2, 2)


def _runs(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    return False
