"""The loop of a sender that carries out actions, beside the one that sends messages: neither waits for the other."""

import asyncio
import logging

from actors.domain.errors import CallboardError, OwnershipLost
from actors.ports.actions import Action
from actors.ports.time import Clock
from actors.runtime.bell import Bell
from actors.services.acting import Acting

log = logging.getLogger(__name__)

POLL_S = 0.5
EXPIRE_S = 2.0
AGAIN_S = 1.0
SETTLE_S = 9.0  # a call ends by its own timeout of 8 s


class ActionLoop:
    """Takes what is due and carries it out, some at a time."""

    def __init__(self, acting: Acting, clock: Clock) -> None:
        self._acting = acting
        self._clock = clock
        self._bell = Bell()
        self._tasks: set[asyncio.Task[None]] = set()
        self._expire_at = 0.0

    def kick(self) -> None:
        """Say that there may be something."""
        self._bell.ring()

    async def run(self) -> None:
        """Work until cancelled; what is under way then is waited for and stored.

        Raises:
            OwnershipLost: a newer generation owns the shards.
        """
        try:
            while True:
                try:
                    await self._once()
                except OwnershipLost:
                    raise
                except CallboardError as error:  # whatever it is, messages go on
                    log.warning("actions wait: %s", error)
                    await self._clock.sleep(AGAIN_S)
                await self._bell.wait(POLL_S)
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=SETTLE_S)

    async def _once(self) -> None:
        if self._clock.monotonic() >= self._expire_at:
            self._expire_at = self._clock.monotonic() + EXPIRE_S
            await self._acting.expire()
        for action in await self._acting.begin():
            self._start(action)

    def _start(self, action: Action) -> None:
        task = asyncio.create_task(self._acting.carry_out(action), name=f"action-{action.id}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s", task.get_name(), exc_info=error)
        self._bell.ring()  # the next one of its conversation may go
