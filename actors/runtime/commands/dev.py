"""`callboard dev`: the same classes as plain processes, started again when a file changes."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watchfiles import Change, awatch

from actors.domain.errors import CallboardError
from actors.domain.retry import backoff_s
from actors.runtime.commands.dev_console import rebuild_on_change
from actors.runtime.members import Kind
from actors.runtime.stage.placing import Placing, installation_of
from actors.runtime.supervisor import processes
from actors.runtime.supervisor.backends import Backends, start_backends
from actors.runtime.supervisor.demo import ensure_demo
from actors.runtime.supervisor.instance import Instance, InstanceError, acquire, prepare
from actors.runtime.supervisor.keeping import keep, stop_all
from actors.runtime.supervisor.listening import ListenError, listen, url_of
from actors.runtime.supervisor.program import Program
from actors.runtime.supervisor.say import Narrator
from config.environment import mark_children
from config.settings import Settings, SettingsError, settings
from storage.carriers import PostgresPlacement
from storage.heartbeat import Heartbeats
from storage.migrate import migrate
from storage.postgres import Database, Role
from storage.server_process import ServerFailed
from storage.service_account import NoIdentity

_SAID = (CallboardError, InstanceError, ListenError, NoIdentity, ServerFailed, SettingsError)
_ROOT = Path(__file__).parents[3]
_PACKAGES = ("actors", "config", "gateway", "integrations", "storage")
_RELOAD_ON = (".py", ".sql", ".json")
_LOOK_S = 0.1
_STOP_S = 1.0  # a reload takes at most 2 s: this, and the start
_LATE_S = 1.0  # a sender loads a bot framework for seconds: gateway and hosts, that answer, start before it
_BEAT_S = 2.0
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Child:
    """A program with how much later than others it starts, its deaths in a row, and when it may start again by the loop's clock."""

    program: Program
    late_s: float = 0.0
    deaths: int = 0
    not_before: float = 0.0


class Dev:
    """One development run: servers as in `callboard run`, everything of ours without Ray."""

    def __init__(self, known: Settings, instance: Instance, say: Narrator) -> None:
        self._known = known
        self._instance = instance
        self._say = say
        self._changed: set[str] = set()
        self._children: list[Child] = []

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            CallboardError, ServerFailed, ListenError: it cannot start.
        """
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        processes.end(processes.supervised(self._instance.data_dir), grace_s=2.0)
        mark_children(processes.MARK, str(self._instance.data_dir))
        held = listen(self._known.host, self._known.port)
        backends = await start_backends(self._known, self._instance.data_dir, self._say)
        try:
            await self._serve(backends, held, stop)
        finally:
            held.close()
            await stop_all([child.program for child in self._children], _STOP_S)
            await stop_all(backends.services, 3.0)
            self._instance.release()
            self._say("Stopped: nothing is left running")

    async def _serve(self, backends: Backends, held: socket.socket, stop: asyncio.Event) -> None:
        url = url_of(held)
        self._instance.publish(replace(self._instance.running, url=url, database_url=backends.database_url, redis_url=backends.redis_url))
        demo = await ensure_demo(backends.database_url, self._instance.data_dir, self._say) if self._known.demo else None
        async with await Database.open(backends.database_url, Role.ENGINE, "callboard dev", size=2) as database:
            placing = Placing(PostgresPlacement(database), installation_of(self._instance.data_dir), self._known.hosts, self._known.senders)
            await placing.refresh()
            self._children = self._programs(backends, held)
            self._begin()
            hint = demo.hint(url, self._known.public_url) if demo else ""
            self._say.block(f"\nCallboard (development, without Ray): {url}\n{hint}\nStop it with Ctrl-C.\n")
            work = [
                asyncio.create_task(self._beat(placing, Heartbeats(database))),
                asyncio.create_task(self._watch()),
                asyncio.create_task(rebuild_on_change(self._say)),
                asyncio.create_task(self._keep_children(backends)),
                *(asyncio.create_task(keep(service, self._say)) for service in backends.services),
            ]
            stopped = asyncio.create_task(stop.wait())
            try:
                done, _ = await asyncio.wait((*work, stopped), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in (*work, stopped):
                    task.cancel()
                await asyncio.gather(*work, stopped, return_exceptions=True)
                with contextlib.suppress(CallboardError):
                    await placing.resign()

    def _programs(self, backends: Backends, held: socket.socket) -> list[Child]:
        env = {
            "DATABASE_URL": backends.database_url,
            "REDIS_URL": backends.redis_url,
            "CALLBOARD_DATA_DIR": str(self._instance.data_dir),
        }
        fd = held.fileno()

        def actor(kind: Kind, number: int, late_s: float) -> Child:
            arguments = ["actors.runtime.carry", kind, str(number)]
            return Child(Program(f"{kind} {number}", arguments, env, death=signal.SIGKILL), late_s)

        return [
            Child(Program("The gateway", ["gateway", "--fd", str(fd)], env, death=signal.SIGTERM, descriptors=[fd])),
            *(actor("host", number, 0.0) for number in range(self._known.hosts)),
            *(actor("sender", number, _LATE_S) for number in range(self._known.senders)),
            actor("scheduler", 0, _LATE_S),
            actor("sync", 0, _LATE_S),
            *(actor("knowledge", number, _LATE_S) for number in range(self._known.knowledge)),
            actor("activity", 0, _LATE_S),
        ]

    def _begin(self) -> None:
        now = asyncio.get_running_loop().time()
        for child in self._children:
            child.deaths, child.not_before = 0, now + child.late_s if child.late_s else 0.0
            if not child.late_s:
                child.program.begin()

    async def _keep_children(self, backends: Backends) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            if self._changed:
                await self._reload(backends)
            for child in self._children:
                self._revive(child)

    def _revive(self, child: Child) -> None:
        now = asyncio.get_running_loop().time()
        if child.program.alive():
            return
        if child.not_before == 0.0:
            child.deaths += 1
            child.not_before = now + backoff_s(child.deaths, base_s=0.5, cap_s=5.0)
            self._say(f"{child.program.name} ended; starting it again")
        elif now >= child.not_before:
            child.not_before = 0.0
            child.program.begin()

    async def _reload(self, backends: Backends) -> None:
        changed, self._changed = sorted(self._changed), set()
        self._say(f"{', '.join(changed[:3])}{' and more' if len(changed) > 3 else ''} changed: starting again")
        await stop_all([child.program for child in self._children], _STOP_S)
        if any(name.endswith(".sql") for name in changed):
            await self._migrate(backends)
        self._begin()
        self._say("Started again")

    async def _migrate(self, backends: Backends) -> None:
        try:
            applied = await migrate(backends.database_url)
        except CallboardError as error:
            self._say(f"Schema: {error}")
        else:
            self._say(f"Schema: applied {', '.join(applied)}" if applied else "Schema: up to date")

    async def _watch(self) -> None:
        paths = [_ROOT / package for package in _PACKAGES if (_ROOT / package).is_dir()]
        async for changes in awatch(*paths, watch_filter=_matters, debounce=200, step=50):
            self._changed |= {str(Path(path).relative_to(_ROOT)) for _, path in changes}

    async def _beat(self, placing: Placing, heartbeats: Heartbeats) -> None:
        """Say that this installation is alive; `/health` reads it. There is no Ray here, and it says so."""
        while True:
            await placing.refresh()
            status = {"ray": {"connected": False, "actors": _states(self._children)}, "standby": placing.standby}
            try:
                await heartbeats.write("stage", status)
            except CallboardError as error:
                log.warning("heartbeat: %s", error)
            await asyncio.sleep(_BEAT_S)


def _matters(_: Change, path: str) -> bool:
    return path.endswith(_RELOAD_ON) and "__pycache__" not in path and "/gateway/console/" not in path


def _states(children: Sequence[Child]) -> dict[str, str]:
    return {child.program.name: "alive" if child.program.alive() else "starting" for child in children}


def main() -> int:
    """Return the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        known = settings()
        asyncio.run(Dev(known, acquire(prepare(known.data_dir)), Narrator()).run())
    except _SAID as error:
        sys.stderr.write(f"callboard dev: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
