"""A server as a child process that never outlives us."""

import ctypes
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from storage.service_account import Identity

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
POLL_S = 0.01
MAX_SOCKET_PATH = 100  # sun_path holds 108 bytes
MAX_LOG_BYTES = 16 * 1024 * 1024


class ServerFailed(Exception):
    """An embedded server did not start; the message holds the end of its log."""


def die_with_parent(with_signal: signal.Signals) -> Callable[[], None]:
    """Return a preexec_fn: the kernel sends `with_signal` when the forking *thread* ends, so fork from the main thread."""
    parent = os.getpid()

    def child() -> None:
        if _LIBC:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)
            if os.getppid() != parent:  # it died between fork and prctl
                os.kill(os.getpid(), signal.SIGKILL)

    return child


def package_dir(module: str) -> Path | None:
    """Return where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(module)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def spawn(
    command: Sequence[str], *, log: Path, identity: Identity, death: signal.Signals, env: dict[str, str], keep: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a server under `identity`; it gets `death` when we die and appends to `log`."""
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.write_bytes(b"")
    with log.open("ab") as out:
        return subprocess.Popen(
            [*identity.prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=env,
            cwd="/",
            start_new_session=True,  # Ctrl-C is ours to handle
            preexec_fn=die_with_parent(death),  # noqa: PLW1509  # one prctl; it runs after setuid, which would clear it
            pass_fds=tuple(keep),
            user=identity.uid,
            group=identity.gid,
            extra_groups=identity.groups,
        )


def log_tail(log: Path, mark: int, limit: int = 1500) -> str:
    """Return what a server wrote after byte `mark`, its end at most."""
    return log.read_bytes()[mark:].decode(errors="replace")[-limit:].strip()


def talk(path: Path, send: bytes = b"", timeout_s: float = 1.0) -> bytes | None:
    """Return what a Unix socket answers to `send` (b"" if nothing was sent), or None if it does not accept."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout_s)
        try:
            s.connect(str(path))
            if not send:
                return b""
            s.sendall(send)
            return s.recv(64)
        except OSError:
            return None


def wait_until(done: Callable[[], bool], timeout_s: float) -> bool:
    """Poll `done` for at most `timeout_s`; return whether it became true."""
    end = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_S)
    return True


def send_signal(pid: int, what: signal.Signals) -> bool:
    """Send a signal; return whether the process existed."""
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        return False
    return True
