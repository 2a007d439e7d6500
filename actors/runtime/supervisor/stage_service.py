"""The stage and the local Ray under it, as one service: without its Ray a stage is nothing."""

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path

import psutil

from actors.domain.retry import backoff_s
from actors.runtime.supervisor.keeping import Say
from actors.runtime.supervisor.program import Program
from actors.runtime.supervisor.ray_cluster import RayCluster, RayEndpoint, RayFailed

_STAGE_STOP_S = 2.5
_LOOK_S = 0.2


class Stage:
    """The stage process, on the Ray it is told about."""

    def __init__(self, env: Mapping[str, str], ray: RayCluster | None, ray_address: str) -> None:
        self.endpoint = RayEndpoint(ray_address, "", {})
        self._env = env
        self._ray = ray
        self._program: Program | None = None

    async def start(self) -> None:
        """Start Ray (unless an existing one is used), then the stage.

        Raises:
            RayFailed: the local Ray does not come up.
        """
        if self._ray:
            self.endpoint = await asyncio.to_thread(self._ray.start, self._env)  # it holds on to us by a pipe, not by the forking thread
        env = {**self._env, **self.endpoint.environment, "RAY_ADDRESS": self.endpoint.address}
        self._program = Program("The stage", ["actors.runtime.stage"], env, death=signal.SIGKILL)
        self._program.begin()

    def root(self) -> psutil.Process | None:
        """Return the process that all of our Ray descends from, None if it is not ours or does not run."""
        return self._ray.root() if self._ray else None

    async def keep(self, say: Say) -> None:
        """Start again what ends, until cancelled: the stage alone, or everything when Ray ended."""
        deaths = 0
        while True:
            await asyncio.sleep(_LOOK_S)
            if self._ray and not self._ray.alive():
                deaths += 1
                await self._restart(say, deaths)
            elif self._program and not self._program.alive():
                say("The stage ended; starting it again")
                self._program.begin()
                await asyncio.sleep(1.0)  # a stage that cannot start must not spin
            else:
                deaths = 0

    async def _restart(self, say: Say, deaths: int) -> None:
        say("Ray ended; ending what is left of it and starting a new one")
        try:
            await asyncio.to_thread(self.stop, 0.0)
            await self.start()
        except RayFailed as error:
            say(f"Ray did not start: {error}")
            await asyncio.sleep(backoff_s(deaths, base_s=0.5, cap_s=10.0))
        else:
            say(f"Ray is back at {self.endpoint.address}")

    def stop(self, timeout_s: float = _STAGE_STOP_S) -> None:
        """End the stage, then every process of its Ray, and remove Ray's directory."""
        if self._program:
            self._program.stop(timeout_s)
            self._program = None
        if self._ray:
            self._ray.stop()


def local_ray(data_dir: Path, dashboard_port: int, actors: int) -> RayCluster:
    """Return a Ray for this installation alone, not yet started."""
    return RayCluster(data_dir, dashboard_port, actors)
