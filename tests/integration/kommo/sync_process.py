"""A worker of the jobs that ask Kommo, in this process or in one that can be killed: its order as JSON on stdin."""

import random
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import orjson
import uvloop

from actors.runtime.clock import SystemClock
from actors.runtime.kommo_jobs import kommo_jobs
from actors.runtime.sync_actor import SyncActor
from actors.services.jobs.registry import JobRegistry
from config.settings import Settings
from storage.jobs.queue import PostgresJobQueue
from storage.postgres import Database, Role
from storage.signals import RedisSignals


def worker(database: Database, signals: RedisSignals, chosen: Settings, stack: AsyncExitStack) -> SyncActor:
    clock = SystemClock()
    registry = JobRegistry(*kommo_jobs(database, chosen, clock, stack))
    return SyncActor(uuid4(), PostgresJobQueue(database), registry, signals, clock, random.random, ())


class SyncProcess:
    """One life of a worker."""

    def __init__(self, dsn: str, redis_url: str, data_dir: Path, api: str) -> None:
        order = {"dsn": dsn, "redis": redis_url, "data_dir": str(data_dir), "api": api}
        command = [sys.executable, "-m", "tests.integration.kommo.sync_process"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(order))
        self._process.stdin.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


async def _main() -> None:
    order = orjson.loads(sys.stdin.buffer.read())
    chosen = Settings(data_dir=Path(order["data_dir"]), kommo_api=order["api"])
    async with (
        await Database.open(order["dsn"], Role.ENGINE, "test sync", size=10) as database,
        RedisSignals(order["redis"]) as signals,
        AsyncExitStack() as stack,
    ):
        await worker(database, signals, chosen, stack).run()


if __name__ == "__main__":
    uvloop.run(_main())
