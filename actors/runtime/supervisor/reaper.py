"""Orphans: a process whose parent died comes to the supervisor, also when that is process 1 of a container."""

import asyncio
import contextlib
import ctypes
import os
import sys

_PR_SET_CHILD_SUBREAPER = 36
_LOOK_S = 2.0


def adopt_orphans() -> None:
    """Make orphaned descendants our children instead of process 1's: what cannot escape can be ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


async def reap_orphans() -> None:
    """Take away ended orphans until cancelled.

    A zombie that is seen twice is nobody's: whoever started a child asks for its status much more often than this looks.
    """
    seen: int | None = None
    while True:
        await asyncio.sleep(_LOOK_S)
        zombie = _zombie()
        if zombie is not None and zombie == seen:
            _take_away(zombie)
            zombie = _zombie()
        seen = zombie


def _zombie() -> int | None:
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return found.si_pid if found else None


def _take_away(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
