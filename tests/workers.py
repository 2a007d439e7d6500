"""Tests in two worker processes (pytest-xdist): who runs what, and who has the machine alone.

Two, as CI's machines have two cores. Each has servers of its own.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from xdist.scheduler import LoadScopeScheduling

# One worker runs all of these: each has a Ray cluster, and two clusters leave two cores no time for anything else.
_RAY = (
    "tests/browser/",
    *(f"tests/integration/test_{name}.py" for name in ("ray", "separate_processes", "stage", "supervisor", "supervisor_ends")),
)


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist says no types
    """Gives each file to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "ray" if file.startswith(_RAY) else file


@contextmanager
def turn(item: pytest.Item) -> Iterator[None]:
    """Run a test marked `alone` while the other worker runs none: it says something about time."""
    if not hasattr(item.config, "workerinput"):
        yield
        return
    how = fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH
    assert item.config.cache
    place = item.config.cache.mkdir("workers")
    with (place / "door").open("w") as door, (place / "room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)  # who waits for the room holds the door: nobody overtakes
        fcntl.flock(room, how)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
