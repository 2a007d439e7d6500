"""A host as a process of its own, that a test can kill: `python -m tests.integration.host_process MEMBER`."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from uuid import uuid4

from actors.domain.errors import OwnershipLost
from actors.runtime.composition import build_host
from actors.runtime.members import Member, Part
from tests.forked import Forked


class HostProcess:
    """One life of host 0 of 1, as `callboard run` composes it."""

    def __init__(self, dsn: str, redis: str, data_dir: Path) -> None:
        self._settings = {"DATABASE_URL": dsn, "REDIS_URL": redis, "CALLBOARD_DATA_DIR": str(data_dir)}
        self._process: Forked | None = None

    def start(self, epoch: int, failpoint: str = "") -> None:
        """Start a new generation."""
        name = Member(Part("host", 0, 1, epoch), uuid4()).name
        self._process = Forked("tests.integration.host_process", name, env=os.environ | self._settings | {"FAILPOINT": failpoint})

    def ended(self) -> int | None:
        """Return the exit status; None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def stopped(self) -> bool:
        """Whether a failpoint stopped it."""
        assert self._process is not None
        return self._process.stopped()

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)


async def _main(name: str) -> None:
    member = Member.parse(name)
    assert member is not None
    body = await build_host(member)
    with contextlib.suppress(OwnershipLost):
        await body.run()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
