"""What the demo may ask the supervisor for: to end a process of its own, so that everybody can see it come back.

A Unix socket that only our user may open. One line of JSON in, one out: `{"what": "host", "pid": 4711}`. Nothing is ended that is
not a process of this installation and of the kind that was named.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import orjson
import psutil

from actors.runtime.supervisor.keeping import Service
from storage.server_process import MAX_SOCKET_PATH

TITLES: Final[Mapping[str, str]] = {"host": "ray::ConversationHost", "delivery": "ray::DeliveryActor"}
SERVERS: Final[Mapping[str, tuple[str, signal.Signals]]] = {
    "redis": ("Redis", signal.SIGTERM),
    "postgres": ("PostgreSQL", signal.SIGINT),  # an orderly end; its children would outlive it otherwise
}
_LONGEST = 1_024
_PATIENCE_S = 5.0
_log = logging.getLogger(__name__)


class Refused(Exception):
    """The message says why."""


class Control:
    """Listens while the installation runs."""

    def __init__(self, data_dir: Path, ray_root: Callable[[], psutil.Process | None]) -> None:
        self._own_dir: Path | None = None
        path = data_dir / "control.sock"
        if len(str(path)) > MAX_SOCKET_PATH:
            self._own_dir = Path(tempfile.mkdtemp(prefix="callboard-control-"))  # mode 0700
            path = self._own_dir / "control.sock"
        self.path = path
        self.servers: Sequence[Service] = ()
        self._ray_root = ray_root
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen."""
        self.path.unlink(missing_ok=True)
        before = os.umask(0o177)  # from its first moment on nobody else may open it
        try:
            self._server = await asyncio.start_unix_server(self._answer, self.path, limit=_LONGEST)
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Stop listening and leave nothing behind."""
        if self._server:
            self._server.close()
        self.path.unlink(missing_ok=True)
        if self._own_dir:
            shutil.rmtree(self._own_dir, ignore_errors=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(_PATIENCE_S):
                answer = await self._done(await reader.readline())
                writer.write(orjson.dumps(answer) + b"\n")
                await writer.drain()
        writer.close()

    async def _done(self, line: bytes) -> Mapping[str, object]:
        try:
            asked = orjson.loads(line)
            pid = await asyncio.to_thread(self._end, asked.get("what"), asked.get("pid"))
        except (Refused, ValueError, AttributeError) as error:
            return {"error": str(error) or "not understood"}
        except (psutil.Error, OSError):
            return {"error": "this process has ended already"}
        _log.warning("ended %s, process %d, as the demo asked", asked["what"], pid)
        return {"pid": pid}

    def _end(self, what: object, pid: object) -> int:
        if what in TITLES:
            process = self._actor(TITLES[str(what)], pid)
            process.kill()
            return process.pid
        if what in SERVERS:
            return self._end_server(*SERVERS[str(what)])
        raise Refused("there is no such part")

    def _actor(self, title: str, pid: object) -> psutil.Process:
        root = self._ray_root()
        if root is None:
            raise Refused("Ray is not run by this supervisor")
        for process in root.children(recursive=True):
            if process.pid == pid and (process.cmdline() or [""])[0].startswith(title):
                return process
        raise Refused("this actor is not there any more")

    def _end_server(self, name: str, how: signal.Signals) -> int:
        for service in self.servers:
            pid = getattr(service, "pid", None)
            if service.name == name and pid is not None:
                os.kill(pid, how)
                return int(pid)
        raise Refused(f"{name} is not run by this supervisor")
