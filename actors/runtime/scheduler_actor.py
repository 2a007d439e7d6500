"""SchedulerActor: due timers become inputs, ended leases are given back, what is no longer needed goes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from actors.domain.errors import CallboardError
from actors.ports.handoffs import HandoffStore
from actors.ports.inbox import TimerStore
from actors.ports.outbox import OutboxStore
from actors.ports.time import Clock
from actors.runtime.bell import Bell

log = logging.getLogger(__name__)

EVERY_S = 1.0
HOUSEKEEPING_S = 60.0
_PORTION = 500  # timers of one transaction
_ASKS = 100  # handoffs of one look, each a transaction


class Housekeeper(Protocol):
    """Retention, in portions."""

    async def tidy(self, portion: int = 1000) -> int: ...


class SchedulerActor:
    """Two of it do no harm: every timer fires once, every lease ends once, by the database."""

    def __init__(
        self, clock: Clock, timers: TimerStore, outbox: OutboxStore, housekeeper: Housekeeper, handoffs: HandoffStore | None = None
    ) -> None:
        self._clock = clock
        self._timers = timers
        self._outbox = outbox
        self._housekeeper = housekeeper
        self._handoffs = handoffs
        self._draining = Bell()
        self._stopping = False
        self._ended = asyncio.Event()
        self._counts: dict[str, int] = {"fired": 0, "expired": 0, "forgotten": 0, "asked": 0, "failures": 0}

    async def run(self) -> None:
        """Work every second until drained."""
        next_housekeeping = self._clock.monotonic()
        try:
            while not self._stopping:
                await self._guarded(self._fire)
                await self._guarded(self._expire)
                await self._guarded(self._ask)
                if self._clock.monotonic() >= next_housekeeping:
                    next_housekeeping = self._clock.monotonic() + HOUSEKEEPING_S
                    await self._guarded(self._keep_house)
                await self._draining.wait(EVERY_S)
        finally:
            self._ended.set()

    async def drain(self) -> None:
        """Finish the round under way, then end `run`."""
        self._stopping = True
        self._draining.ring()
        await self._ended.wait()

    async def ping(self) -> Mapping[str, Any]:
        """Return what was done in this life."""
        return dict(self._counts)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do one piece of work; the next round tries again whatever went wrong."""
        try:
            await work()
        except (CallboardError, OSError, TimeoutError) as error:
            self._counts["failures"] += 1
            log.warning("scheduler: %s", error)

    async def _fire(self) -> None:
        fired = _PORTION
        while fired >= _PORTION and not self._stopping:
            fired = await self._timers.fire(_PORTION)
            self._counts["fired"] += fired

    async def _expire(self) -> None:
        self._counts["expired"] += sum((await self._outbox.expire()).values())

    async def _ask(self) -> None:
        if self._handoffs is not None:
            await self._handoffs.sweep()
            self._counts["asked"] += await self._handoffs.advance(_ASKS)

    async def _keep_house(self) -> None:
        gone = portion = 1_000
        while gone >= portion and not self._stopping:
            gone = await self._housekeeper.tidy(portion)
            self._counts["forgotten"] += gone
