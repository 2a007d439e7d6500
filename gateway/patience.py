"""Waiting with our own clock: when it is over we go on, however long the driver takes to notice."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from actors.domain.errors import TransientError

log = logging.getLogger(__name__)

T = TypeVar("T")
LAST_WORDS_S = 1.0


class Patience:
    """Runs calls with a limit. A call that is out of time is cancelled and left to end by itself; none is forgotten."""

    def __init__(self) -> None:
        self._abandoned: set[asyncio.Task[Any]] = set()

    async def within(self, seconds: float, call: Coroutine[Any, Any, T]) -> T:
        """Return what the call returns or raise what it raises.

        A cancelled driver call may wait for its server before it ends (measured: 2.0 s after a limit of 1 s), so the
        call has its own task and nobody waits for the cancellation.

        Raises:
            TransientError: the time is over; the outcome of the call is unknown.
        """
        task = asyncio.create_task(call)
        try:
            await asyncio.wait({task}, timeout=max(seconds, 0.0))
        finally:
            if not task.done():
                self._abandon(task)
        if not task.done():
            raise TransientError("no answer in time")
        if task.cancelled():  # by somebody else: for us it is a call that did not succeed
            raise TransientError("the call was cancelled")
        return task.result()

    async def close(self) -> None:
        """Give abandoned calls a last moment to end."""
        if self._abandoned:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*self._abandoned, return_exceptions=True), LAST_WORDS_S)

    def _abandon(self, task: asyncio.Task[Any]) -> None:
        task.cancel()
        self._abandoned.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.debug("an abandoned call ended: %s", type(error).__name__)
