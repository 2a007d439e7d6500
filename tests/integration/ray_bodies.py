"""Bodies for the tests of the Ray layer: plain classes without a database."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actors.runtime.members import Member


class Sleeper:
    """Does nothing until drained."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._done = asyncio.Event()

    async def run(self) -> None:
        await self._done.wait()

    async def ping(self) -> Mapping[str, Any]:
        return {
            "generation": self._member.generation.hex,
            "has_secret": os.environ.get("DATABASE_URL", ""),
            "niceness": os.nice(0),
            "cwd": str(Path.cwd()),
        }

    async def drain(self) -> None:
        self._done.set()


class Failing(Sleeper):
    """Raises at once."""

    async def run(self) -> None:
        raise ValueError("no such thing")


class Stuck(Sleeper):
    """Blocks its event loop for ever."""

    async def run(self) -> None:
        await asyncio.sleep(0.5)
        os.read(os.pipe()[0], 1)


async def sleeper(member: Member) -> Sleeper:
    """Build a sleeper."""
    return Sleeper(member)


async def failing(member: Member) -> Failing:
    """Build a body that fails."""
    return Failing(member)


async def stuck(member: Member) -> Stuck:
    """Build a body that hangs."""
    return Stuck(member)
