"""PostgreSQL from a pip wheel: its binaries, our own start and stop. Unix socket only."""

import os
import shutil
import signal
import subprocess
import time
from hashlib import sha256
from pathlib import Path

from config.environment import server_environment
from storage.postgres_binaries import place_binaries
from storage.server_process import MAX_SOCKET_PATH, POLL_S, ServerFailed, log_tail, send_signal, spawn, wait_until
from storage.service_account import NAME, Identity, choose_identity

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "min_wal_size": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_completion_target": "0.9",
    "dynamic_shared_memory_type": "posix",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",  # compiling costs more than our short statements
    "idle_in_transaction_session_timeout": "30s",  # no snapshot of ours lives longer: vacuum must follow the inbox
    "log_timezone": "UTC",
    "timezone": "UTC",
}
_INITDB_S = 120.0
_SOCKET = ".s.PGSQL.5432"


class EmbeddedPostgres:
    """A PostgreSQL server below `state`, owned by this process; who starts it must hold a lock on `state`."""

    name = "PostgreSQL"

    def __init__(self, state: Path, *, settings: dict[str, str] | None = None, namespace: bool = False) -> None:
        self.state = state.resolve()
        self.data = self.state / "pgdata"
        self.log = self.state / "postgres.log"
        self.settings = {**SETTINGS, **(settings or {})}
        self.socket_dir = _socket_dir(self.state)
        self._namespace = namespace
        self._identity = Identity()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """Return the owner's DSN."""
        return f"postgresql://{NAME}@/postgres?host={self.socket_dir}"

    @property
    def pid(self) -> int | None:
        """Return the postmaster's pid."""
        return self._process.pid if self._process else None

    def alive(self) -> bool:
        """Return whether the postmaster runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s: float = 60.0) -> str:
        """Start the server and return its DSN when it accepts connections; blocks.

        Raises:
            ServerFailed: with the end of its log.
        """
        self.begin(timeout_s)
        while not self.ready():
            if not self.alive():
                self.begin(timeout_s)
            time.sleep(POLL_S)
        return self.dsn

    def begin(self, timeout_s: float = 60.0) -> None:
        """Start the server without waiting for it; ask ready() afterwards. Call it from the main thread."""
        self._process = None
        self._prepare()
        pid, _ = self._pidfile()
        if pid and self._is_our_postmaster(pid):  # an orphan: whoever owns `state` now is its heir
            self._end(pid, timeout_s)
        self._deadline = time.monotonic() + timeout_s
        self._mark = self.log.stat().st_size if self.log.exists() else 0
        # A stale postmaster.pid whose pid was reused by a foreign process makes the server refuse to start. Never unlink
        # the file (its shared memory key protects against surviving backends): this variable makes it ignore that pid.
        env = server_environment({"PG_GRANDPARENT_PID": str(pid)} if pid else None)
        options = [part for k, v in self.settings.items() for part in ("-c", f"{k}={v}")]
        command = [str(self.bin / "postgres"), "-D", str(self.data), "-k", str(self.socket_dir), *options]
        self._process = spawn(command, log=self.log, identity=self._identity, death=signal.SIGINT, env=env)

    def ready(self) -> bool:
        """Return whether it accepts connections; False also when it ended because an old backend is still ending.

        Raises:
            ServerFailed: it ended for another reason, or needs too long.
        """
        if self._process is None:
            return False
        if self._process.poll() is not None:
            words = log_tail(self.log, self._mark)
            # A backend outlived a kill -9 of the postmaster; it ends soon.
            if "pre-existing shared memory block" in words and time.monotonic() < self._deadline:
                return False
            raise ServerFailed(f"PostgreSQL ended with {self._process.returncode}: {words}")
        if time.monotonic() > self._deadline:
            self.stop()
            raise ServerFailed(f"PostgreSQL did not become ready: {log_tail(self.log, self._mark)}")
        return self._pidfile() == (self._process.pid, "ready")

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the server: fast shutdown, then immediate, then kill. Leaves no process and no socket."""
        if self._process:
            self._end(self._process.pid, timeout_s)
        self._process = None
        if self.socket_dir.parent != self.state:
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    def _end(self, pid: int, timeout_s: float) -> None:
        for how, wait_s in ((signal.SIGINT, timeout_s), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 2.0)):
            if not send_signal(pid, how) or wait_until(lambda: not self._runs(pid), wait_s):
                return

    def _runs(self, pid: int) -> bool:
        if self._process and self._process.pid == pid:
            return self._process.poll() is None
        return self._is_our_postmaster(pid)

    def _prepare(self) -> None:
        self._identity = choose_identity(namespace=self._namespace)
        _own_directory(self.state, self._identity, 0o711 if self._identity.user else 0o700)
        _check_traversable(self.state, self._identity)
        self.bin = place_binaries(self.state, self._identity)
        _own_directory(self.socket_dir, self._identity, 0o700)
        self._initdb()

    def _initdb(self) -> None:
        if (self.data / "PG_VERSION").exists():
            self._check_version()
            return
        fresh = self.state / "pgdata.new"
        shutil.rmtree(fresh, ignore_errors=True)  # half made by an initdb that was killed
        _own_directory(fresh, self._identity, 0o700)
        command = [*self._identity.prefix, str(self.bin / "initdb"), "-D", str(fresh), "-U", NAME, "-E", "UTF8", "--no-instructions"]
        command += ["--auth-local=trust", "--auth-host=reject", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        done = _run(command, self._identity, _INITDB_S)
        if done.returncode:
            raise ServerFailed(f"initdb failed: {done.stderr.strip()[-800:]}")
        fresh.rename(self.data)  # a whole cluster or none

    def _check_version(self) -> None:
        was = (self.data / "PG_VERSION").read_text().strip()
        now = _run([str(self.bin / "postgres"), "--version"], self._identity, 20.0).stdout.split()[-1]
        if was != now.split(".")[0]:
            raise ServerFailed(f"{self.data} was made by PostgreSQL {was}, the installed server is {now}: dump and restore")

    def _pidfile(self) -> tuple[int | None, str]:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, PermissionError):
            return None, ""
        return (int(lines[0]) if lines else None), (lines[7].strip() if len(lines) > 7 else "")

    def _is_our_postmaster(self, pid: int) -> bool:
        # Guards against a reused pid and against zombies.
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return b"postgres" in command[0] and str(self.data).encode() in command


def _socket_dir(state: Path) -> Path:
    if len(str(state / "run" / _SOCKET)) <= MAX_SOCKET_PATH:
        return state / "run"
    return Path("/tmp") / f"{NAME}-{sha256(str(state).encode()).hexdigest()[:10]}"  # noqa: S108  # 0700, owned, checked by the server


def _own_directory(path: Path, identity: Identity, mode: int) -> None:
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    if identity.user:
        os.chown(path, identity.user.pw_uid, identity.user.pw_gid)
    path.chmod(mode)


def _check_traversable(state: Path, identity: Identity) -> None:
    if identity.user is None:
        return
    for path in (state, *state.parents):
        found = path.stat()
        if not found.st_mode & 0o001 and found.st_uid != identity.user.pw_uid:
            raise ServerFailed(
                f"{path} is not traversable by {identity.user.pw_name}: choose another CALLBOARD_DATA_DIR, as /var/lib/callboard"
            )


def _run(command: list[str], identity: Identity, timeout_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=server_environment(),
        cwd="/",
        timeout=timeout_s,
        check=False,
        user=identity.uid,
        group=identity.gid,
        extra_groups=identity.groups,
    )
