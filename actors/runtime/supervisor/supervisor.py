"""`callboard run`: starts everything, keeps it alive, and leaves nothing behind."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from actors.runtime.supervisor import processes
from actors.runtime.supervisor.backends import Backends, start_backends
from actors.runtime.supervisor.control import Control
from actors.runtime.supervisor.demo import ensure_demo
from actors.runtime.supervisor.instance import Instance
from actors.runtime.supervisor.keeping import Service, keep, stop_all
from actors.runtime.supervisor.listening import listen, url_of
from actors.runtime.supervisor.program import Program
from actors.runtime.supervisor.readiness import wait_for_gateway, wait_for_stage, watch_gateway
from actors.runtime.supervisor.reaper import adopt_orphans, reap_orphans
from actors.runtime.supervisor.say import Narrator
from actors.runtime.supervisor.stage_service import Stage, local_ray
from config.environment import mark_children
from config.settings import Settings

_GATEWAY_STOP_S = 3.0  # requests in progress; a chat that waits longer for its answer finds it in the history
_SERVERS_STOP_S = 3.0
STAGE_READY_S = 60.0  # 4 s on an idle machine; a standby waits for as long as the other installation lives
_SPARE_WORKERS = 4  # scheduler, worker of jobs, activity, and one replacement while a carrier is exchanged


class Supervisor:
    """One run of an installation."""

    def __init__(self, settings: Settings, instance: Instance, say: Narrator) -> None:
        self._settings = settings
        self._instance = instance
        self._say = say
        self._stop = asyncio.Event()
        self._socket: socket.socket | None = None
        self._backends: tuple[Service, ...] = ()
        self._gateways: list[Program] = []
        self._stage: Stage | None = None
        self._control: Control | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def _data_dir(self) -> Path:
        return self._instance.data_dir

    async def run(self) -> None:
        """Run until SIGTERM, SIGINT or SIGHUP; whatever happens, nothing is left running.

        Raises:
            ListenError, ServerFailed, RayFailed, CallboardError: it could not start.
        """
        self._prepare()
        try:
            await self._until_stopped(self._start())
            await self._until_stopped(self._watch())
        finally:
            await self._stop_everything()

    def _prepare(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        adopt_orphans()
        leftovers = processes.supervised(self._data_dir)
        if leftovers:
            self._say(f"ending {len(leftovers)} processes of an earlier run that was killed")
            processes.end(leftovers, grace_s=2.0)
        mark_children(processes.MARK, str(self._data_dir))

    async def _until_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`, or give it up when a signal comes."""
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not task.done():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _start(self) -> None:
        settings, say = self._settings, self._say
        say(f"Callboard: data in {self._data_dir}")
        self._socket = listen(settings.host, settings.port)
        url = url_of(self._socket)
        self._publish(url=url)
        backends = await start_backends(settings, self._data_dir, say)
        self._backends = backends.services
        self._publish(database_url=backends.database_url, redis_url=backends.redis_url)
        self._keep(*(keep(s, say) for s in backends.services))
        demo = await ensure_demo(backends.database_url, self._data_dir, say) if settings.demo else None
        if demo:
            self._control = Control(self._data_dir, lambda: self._stage.root() if self._stage else None)
            self._control.servers = backends.services
            await self._control.start()
        self._start_gateways(backends)
        await self._start_stage(backends)
        await wait_for_gateway(url)
        say("Gateway: ready")
        self._keep(watch_gateway(url, self._replace_gateways))
        ready = await wait_for_stage(backends.database_url, STAGE_READY_S)
        say("Stage: its actors answer" if ready else "Stage: not ready yet, it keeps trying; messages are taken in meanwhile")
        self._tell(url, demo.hint(url, settings.public_url) if demo else "")

    def _start_gateways(self, backends: Backends) -> None:
        assert self._socket
        self._say(f"Gateway: starting {self._settings.gateways} on {url_of(self._socket)}")
        fd = self._socket.fileno()
        env = {**self._env(backends), **({"CALLBOARD_CONTROL_SOCKET": str(self._control.path)} if self._control else {})}
        for number in range(1, self._settings.gateways + 1):
            name = f"Gateway {number}" if self._settings.gateways > 1 else "The gateway"
            program = Program(name, ["gateway", "--fd", str(fd)], env, death=signal.SIGTERM, descriptors=[fd])
            program.begin()
            self._gateways.append(program)
            self._keep(keep(program, self._say))

    def _replace_gateways(self) -> None:
        self._say("The gateway does not answer; ending it")
        for gateway in self._gateways:
            gateway.kill()

    async def _start_stage(self, backends: Backends) -> None:
        settings = self._settings
        actors = settings.hosts + settings.senders + settings.knowledge + _SPARE_WORKERS
        ray = None if settings.ray_address else local_ray(self._data_dir, settings.ray_dashboard_port, actors)
        self._stage = Stage(self._env(backends), ray, settings.ray_address)
        self._say(f"Ray: {'starting it on this machine' if ray else f'joining {settings.ray_address}'}; this takes some seconds")
        await self._stage.start()
        endpoint = self._stage.endpoint
        self._publish(ray_address=endpoint.address, dashboard_url=endpoint.dashboard_url)
        self._say(f"Stage: starting its actors on Ray at {endpoint.address}")
        self._keep(self._stage.keep(self._say))

    def _env(self, backends: Backends) -> dict[str, str]:
        return {
            "DATABASE_URL": backends.database_url,
            "REDIS_URL": backends.redis_url,
            "CALLBOARD_DATA_DIR": str(self._data_dir),
        }

    def _publish(self, **changes: str) -> None:
        self._instance.publish(replace(self._instance.running, **changes))  # type: ignore[arg-type]  # only str fields change

    def _keep(self, *work: Coroutine[Any, Any, None]) -> None:
        self._tasks += [asyncio.create_task(w) for w in work]

    def _tell(self, url: str, hint: str) -> None:
        dashboard = self._instance.running.dashboard_url
        lines = [
            "",
            f"Callboard is ready: {url}",
            f"Ray dashboard:      {dashboard}" if dashboard else "",
            hint,
            "Stop it with Ctrl-C.",
            "",
        ]
        self._say.block("\n".join(line for line in lines if line or line is lines[0]))

    async def _watch(self) -> None:
        """Keep everything alive; a keeper that raises is a defect and ends the run."""
        self._keep(reap_orphans())
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    async def _stop_everything(self) -> None:
        self._say("Stopping")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._control:
            await self._control.stop()
        if self._socket:
            self._socket.close()
        await stop_all(self._gateways, _GATEWAY_STOP_S)
        if self._stage:
            await asyncio.to_thread(self._stage.stop)
        await stop_all(self._backends, _SERVERS_STOP_S)
        await asyncio.to_thread(processes.end, processes.supervised(self._data_dir))
        self._instance.release()
        self._say("Stopped: nothing is left running")
