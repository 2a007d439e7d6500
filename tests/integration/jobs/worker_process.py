"""A worker as a process of its own, that a test can kill: `python -m tests.integration.jobs.worker_process DSN REDIS`."""

import asyncio
import signal
import subprocess
import sys

import uvloop

from storage.postgres import Database, Role
from storage.signals import RedisSignals
from tests.integration.jobs.lab import worker


class WorkerProcess:
    """One life of a worker, with the limits of an installation."""

    def __init__(self, dsn: str, redis_url: str) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "tests.integration.jobs.worker_process", dsn, redis_url])

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def end(self) -> int:
        """Ask it to end as a supervisor does; return its status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(10)


async def _main(dsn: str, redis_url: str) -> None:
    async with await Database.open(dsn, Role.ENGINE, "test worker", size=8) as database, RedisSignals(redis_url) as signals:
        actor = worker(database, signals)
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        run = asyncio.create_task(actor.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((run, stopping), return_when=asyncio.FIRST_COMPLETED)
        await actor.drain()
        await run


if __name__ == "__main__":
    uvloop.run(_main(*sys.argv[1:]))
