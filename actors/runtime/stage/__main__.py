"""`python -m actors.runtime.stage`: the Ray driver that keeps the actors of this installation on stage."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import Any

from actors.domain.errors import CallboardError
from actors.ports.jobs import CONCURRENCY, QUEUE
from actors.ports.time import Clock
from actors.runtime.clock import SystemClock, fresh_generation
from actors.runtime.members import ActorPool, PoolLost
from actors.runtime.stage.placing import Placing, installation_of
from actors.runtime.stage.ray_actors import RayPool, connect
from actors.runtime.stage.reconciler import Reconciler
from config.settings import Settings, SettingsError, settings
from storage.carriers import PostgresPlacement
from storage.heartbeat import Heartbeats
from storage.jobs.counts import Jobs
from storage.postgres import Database, Role

STEP_S = 0.25  # a killed actor is noticed within this; one question to the GCS takes 1 ms
HEARTBEAT_S = 2.0
DRAIN_S = 2.0  # what is cut off is done again by the next generation
SHOW_S = 30.0  # actors that do not come up within this are shown as they are
_RESIGN_S = 0.3
_log = logging.getLogger("callboard.stage")


class Stage:
    """Two loops: reconcile, and say how it goes."""

    def __init__(self, pool: ActorPool, database: Database, placing: Placing, clock: Clock, dashboard: str = "") -> None:
        self._reconciler = Reconciler(pool, clock, fresh_generation, _log.warning)
        self._heartbeats = Heartbeats(database)
        self._jobs = Jobs(database)
        self._placing = placing
        self._clock = clock
        self._dashboard = dashboard
        self._stop = asyncio.Event()
        self._shown = asyncio.Event()

    def stop(self) -> None:
        """Make run() return in an orderly way."""
        self._stop.set()

    async def run(self) -> None:
        """Keep the actors until stop(), then let them finish.

        Raises:
            PoolLost: Ray is gone; start again with a new one.
        """
        heart = asyncio.create_task(self._beat())
        try:
            await self._reconcile(heart)
        finally:
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)
        await self._reconciler.drain(DRAIN_S)
        with contextlib.suppress(CallboardError, TimeoutError):
            await asyncio.wait_for(self._placing.resign(), _RESIGN_S)

    async def _reconcile(self, heart: asyncio.Task[None]) -> None:
        began = self._clock.monotonic()
        while not self._stop.is_set():
            if heart.done():
                heart.result()
            if (wanted := self._placing.wanted) is not None:
                await self._reconciler.step(wanted)
                if self._reconciler.complete(wanted) or self._clock.monotonic() - began > SHOW_S:
                    self._shown.set()
            await _wait(self._stop, STEP_S)

    async def _beat(self) -> None:
        while True:
            await self._placing.refresh()
            if self._shown.is_set():
                try:
                    await self._heartbeats.write("stage", await self._status())
                except CallboardError as error:
                    _log.warning("heartbeat: %s", error)
                await asyncio.sleep(HEARTBEAT_S)
            else:
                await _wait(self._shown, HEARTBEAT_S)

    async def _status(self) -> dict[str, Any]:
        counts = await self._jobs.counts(QUEUE)
        return {
            "ray": {"connected": True, "actors": self._reconciler.states(), "dashboard": self._dashboard},
            "cast": self._reconciler.cast(),
            "worker": {"concurrency": CONCURRENCY, "queueName": QUEUE, "jobsProcessing": counts.processing},
            "standby": self._placing.standby,
        }


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout_s)


async def serve(config: Settings) -> None:
    """Run the stage until SIGTERM or SIGINT.

    Raises:
        PoolLost: Ray cannot be reached, or is gone.
    """
    dashboard = connect(config.ray_address)
    database = await Database.open(
        config.database_url, Role.ENGINE, "callboard stage", size=2, connect_timeout_s=3, command_timeout_s=5, acquire_timeout_s=5
    )
    placing = Placing(PostgresPlacement(database), installation_of(config.data_dir), config.hosts, config.senders, config.knowledge)
    stage = Stage(RayPool(), database, placing, SystemClock(), dashboard)
    for number in (signal.SIGTERM, signal.SIGINT):  # after connect(): Ray installs handlers of its own
        asyncio.get_running_loop().add_signal_handler(number, stage.stop)
    await stage.run()


def main() -> int:
    """Run the stage; return its exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        asyncio.run(serve(settings()))
    except (PoolLost, SettingsError) as error:
        _log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # Ray's own exit waits for a cluster that may be gone
