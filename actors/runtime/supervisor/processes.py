"""Processes of an installation: found again after its supervisor died, and ended for good."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

# Set for everything a supervisor starts, its value is the data directory: how a later start recognises leftovers.
MARK = "SUPERVISED_BY_CALLBOARD"


def supervised(data_dir: Path) -> list[psutil.Process]:
    """Return the processes that a supervisor of this data directory started, directly or not."""
    return [p for p in _others() if _environment(p).get(MARK) == str(data_dir)]


def using(directory: Path) -> list[psutil.Process]:
    """Return the processes that name a path below `directory` in their command line or have one open.

    Ray's workers overwrite their environment when they set a title; their logs stay open.
    """
    return [p for p in _others() if any(path.startswith(f"{directory}/") for path in _paths(p))]


def end(processes: Iterable[psutil.Process], grace_s: float = 0.0) -> None:
    """End processes: SIGTERM, then SIGKILL to those that still run after `grace_s`; returns when they are gone."""
    remaining = list(processes)
    if grace_s > 0:
        for process in remaining:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        _, remaining = psutil.wait_procs(remaining, grace_s)
    for process in remaining:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(remaining, 2.0)


def _others() -> Iterator[psutil.Process]:
    me = psutil.Process()
    kept = {me.pid, *(p.pid for p in me.parents())}
    return (p for p in psutil.process_iter() if p.pid not in kept)


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def _paths(process: psutil.Process) -> Iterator[str]:
    with contextlib.suppress(psutil.Error, OSError):
        for argument in process.cmdline():
            yield argument.partition("=")[2] or argument
    with contextlib.suppress(psutil.Error, OSError):
        yield from (f.path for f in process.open_files())
