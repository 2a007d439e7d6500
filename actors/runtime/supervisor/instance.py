"""One installation per data directory: the lock, and the file that tells other commands where it is."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO


class InstanceError(Exception):
    """The data directory cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Running:
    """What other commands need to know of a running installation."""

    pid: int
    url: str = ""
    database_url: str = ""
    redis_url: str = ""
    ray_address: str = ""
    dashboard_url: str = ""


class Instance:
    """A data directory held by this process until release()."""

    def __init__(self, data_dir: Path, lock: IO[str]) -> None:
        self.data_dir = data_dir
        self.running = Running(os.getpid())
        self._lock = lock

    def publish(self, running: Running) -> None:
        """Write `run.json`, whole or not at all; only the owner may read it."""
        self.running = running
        fresh = self.data_dir / "run.json.new"
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump(asdict(self.running), out)
        fresh.rename(_file(self.data_dir))

    def release(self) -> None:
        """Give the data directory back."""
        _file(self.data_dir).unlink(missing_ok=True)
        self._lock.close()


def prepare(data_dir: Path) -> Path:
    """Create the data directory, traversable for the servers' account when we are root.

    Raises:
        InstanceError: it cannot be created or written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise InstanceError(f"cannot use the data directory {data_dir}: {error.strerror}; set CALLBOARD_DATA_DIR") from error
    return data_dir.resolve()


def acquire(data_dir: Path) -> Instance:
    """Take the data directory for this process.

    Raises:
        InstanceError: another process has it; says which and where it listens.
    """
    lock = (data_dir / "supervisor.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise InstanceError(_who_has(data_dir)) from None
    _file(data_dir).unlink(missing_ok=True)  # of an owner that was killed
    instance = Instance(data_dir, lock)
    instance.publish(instance.running)
    return instance


def find_running(data_dir: Path) -> Running | None:
    """Return the installation that runs on this data directory, or None."""
    try:
        with (data_dir / "supervisor.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(data_dir)
    except OSError as error:
        if isinstance(error, PermissionError):
            raise InstanceError(f"{data_dir} belongs to another user: run this command as the user that runs Callboard") from error
        return None
    return None


def _who_has(data_dir: Path) -> str:
    found = _read(data_dir)
    if found is None:
        return f"Callboard is already running on {data_dir}"
    where = f" at {found.url}" if found.url else ""
    return f"Callboard is already running on {data_dir}: process {found.pid}{where}. Stop it first, or set CALLBOARD_DATA_DIR"


def _read(data_dir: Path) -> Running | None:
    try:
        return Running(**json.loads(_file(data_dir).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _file(data_dir: Path) -> Path:
    return data_dir / "run.json"
