"""Rounds of work that nobody waits for: done again and again until drained; what fails is tried again in the next one."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from actors.domain.errors import CallboardError
from actors.ports.time import Clock
from actors.runtime.bell import Bell

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]


class Rounds:
    """The loop of an actor. `counts` is what its probe reports; failures are counted there."""

    def __init__(self, clock: Clock, name: str, every_s: float) -> None:
        self._clock = clock
        self._name = name
        self._every_s = every_s
        self._draining = Bell()
        self._ended = asyncio.Event()
        self._next: dict[Work, float] = {}
        self.stopping = False
        self.counts: Counter[str] = Counter(failures=0)

    async def run(self, always: tuple[Work, ...], seldom: tuple[tuple[float, Work], ...] = ()) -> None:
        """Do everything in `always` each round, and everything in `seldom` once in its seconds, until drained."""
        try:
            while not self.stopping:
                for work in always:
                    await self._guarded(work)
                for seconds, work in seldom:
                    if self._clock.monotonic() >= self._next.get(work, 0.0):
                        self._next[work] = self._clock.monotonic() + seconds
                        await self._guarded(work)
                await self._draining.wait(self._every_s)
        finally:
            self._ended.set()

    async def drain(self) -> None:
        """Finish the round under way, then end `run`."""
        self.stopping = True
        self._draining.ring()
        await self._ended.wait()

    async def _guarded(self, work: Work) -> None:
        try:
            await work()
        except (CallboardError, OSError, TimeoutError) as error:
            self.counts["failures"] += 1
            log.warning("%s: %s", self._name, error)
