"""The guard of a local Ray: it starts Ray's head, and ends every process of it when told or when its owner dies.

Its standard input is a lifeline: a pipe whose other end only the owner holds. End of file means that the owner is gone,
however it went. The guard leads a POSIX session of its own, which all Ray processes keep, so that none can be missed.
"""

import argparse
import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from actors.runtime.supervisor.processes import end, using
from storage.server_process import die_with_parent

# Ray's own variable for its temporary directory. The directory is fresh for each start, so it marks all processes of it.
MARK = "RAY_TMPDIR"
_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.2
_END_ROUNDS = 10


def end_session(temp_dir: str) -> None:
    """Kill every other process of our POSIX session, then remove Ray's directory."""
    session = os.getsid(0)
    _end_all(temp_dir, lambda: _select(lambda p: os.getsid(p.pid) == session))


def end_leftovers(temp_dir: str) -> None:
    """Kill every process of the Ray in `temp_dir`, whoever started it, then remove the directory."""
    # Some of Ray's processes overwrite their environment, and the mark with it, by a title; their logs stay open.
    _end_all(temp_dir, lambda: [*_select(lambda p: p.environ().get(MARK) == temp_dir), *using(Path(temp_dir))])


def _end_all(temp_dir: str, find: Callable[[], list[psutil.Process]]) -> None:
    # SIGKILL only: Ray keeps nothing that must survive, and the actors were drained before.
    for _ in range(_END_ROUNDS):  # a dying raylet may still have forked a worker
        if not (left := find()):
            break
        end(left)
    shutil.rmtree(temp_dir, ignore_errors=True)


def _select(wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # it ended meanwhile, or is not ours to look at
            if process.pid != os.getpid() and wanted(process) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


class Guard:
    """Runs Ray's head until it ends, the lifeline is cut, or a signal says so; afterwards nothing of Ray is left."""

    def __init__(self, temp_dir: str, log: Path, command: list[str]) -> None:
        self._temp_dir = temp_dir
        self._log = log
        self._command = command
        self._told_to_end = False

    def run(self) -> int:
        """Return 0 if told to end, 1 if Ray ended by itself."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        # Orphans of a dead raylet come to us, not to a process 1 that may not expect them.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            head = self._start()
            while not (self._told_to_end or self._lifeline_cut()):
                if head in self._reap():
                    return 1
            return 0
        finally:
            end_session(self._temp_dir)

    def _start(self) -> int:
        with self._log.open("ab") as log:
            head = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509  # one prctl, in a process with one thread
            )
        return head.pid

    def _lifeline_cut(self) -> bool:
        readable, _, _ = select.select([sys.stdin], [], [], _POLL_S)
        return bool(readable) and not os.read(sys.stdin.fileno(), 64)

    @staticmethod
    def _reap() -> set[int]:
        ended = set()
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            ended.add(pid)
        return ended

    def _on_signal(self, number: int, frame: object) -> None:
        self._told_to_end = True


def main() -> int:
    """Guard the Ray that the arguments describe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--temp-dir", required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    return Guard(given.temp_dir, given.log, given.command).run()


if __name__ == "__main__":
    sys.exit(main())
