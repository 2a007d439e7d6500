"""A sender as a process of its own, that a test can kill or stop: `python -m tests.integration.sender_process MEMBER`."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from uuid import uuid4

from actors.domain.errors import OwnershipLost
from actors.runtime.composition import build_sender
from actors.runtime.members import Member, Part
from tests.forked import Forked


class SenderProcess:
    """One life of sender 0 of 1, as `callboard run` composes it."""

    def __init__(
        self, dsn: str, redis: str, data_dir: Path, telegram: str, lease_s: float = 20.0, timeout_s: float = 8.0, kommo: str = ""
    ) -> None:
        self._settings = {
            "DATABASE_URL": dsn,
            "REDIS_URL": redis,
            "CALLBOARD_DATA_DIR": str(data_dir),
            "CALLBOARD_TELEGRAM_API": telegram,
            "CALLBOARD_KOMMO_API": kommo,
            "CALLBOARD_LEASE_S": str(lease_s),
            "CALLBOARD_TELEGRAM_TIMEOUT_S": str(timeout_s),
        }
        self._process: Forked | None = None

    def start(self, epoch: int, failpoint: str = "") -> None:
        """Start a new generation."""
        name = Member(Part("sender", 0, 1, epoch), uuid4()).name
        env = os.environ | self._settings | {"FAILPOINT": failpoint}
        self._process = Forked("tests.integration.sender_process", name, env=env)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def ended(self) -> int | None:
        """Return the exit status; None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def stopped(self) -> bool:
        """Whether a failpoint stopped it."""
        assert self._process is not None
        return self._process.stopped()

    def wait(self, timeout_s: float = 20.0) -> int:
        assert self._process is not None
        return self._process.wait(timeout_s)

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
    body = await build_sender(member)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: asyncio.ensure_future(body.drain()))
    with contextlib.suppress(OwnershipLost):
        await body.run()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
