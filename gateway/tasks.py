"""The background loops of the process: named, watched, and ended with it."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Self

log = logging.getLogger(__name__)


class Keeper:
    """Holds loops that never end by themselves. One that ends is a bug; the process says so and stops, to be started anew."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def keep(self, name: str, loop: Coroutine[Any, Any, None]) -> None:
        """Run a loop until the block ends."""
        task = asyncio.create_task(loop, name=name)
        task.add_done_callback(_complain)
        self._tasks.append(task)


def _complain(task: asyncio.Task[None]) -> None:
    if task.cancelled():
        return
    log.critical("the loop %s ended", task.get_name(), exc_info=task.exception())
    # A gateway that accepts and never stores is worse than one that is restarted: its socket waits with the supervisor.
    asyncio.get_running_loop().stop()
