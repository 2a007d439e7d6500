"""A host as `callboard dev` runs it: a process of its own, made by the composition root from the environment."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.forked import Forked


@contextmanager
def host(database: str, redis_url: str, data_dir: Path, **env: str) -> Iterator[None]:
    """Run the only host of the installation for the block."""
    known = {"DATABASE_URL": database, "REDIS_URL": redis_url, "CALLBOARD_DATA_DIR": str(data_dir), **env}
    actor = Forked("actors.runtime.carry", "host", "0", env=os.environ | known)
    try:
        yield
        assert actor.poll() is None
    finally:
        actor.send_signal(signal.SIGTERM)
        actor.wait(20)
