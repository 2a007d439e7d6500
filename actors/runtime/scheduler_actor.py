"""SchedulerActor: due timers and schedules become inputs, ended leases are given back, what is no longer needed goes."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from actors.ports.handoffs import HandoffStore
from actors.ports.inbox import TimerStore
from actors.ports.outbox import OutboxStore
from actors.ports.time import Clock
from actors.runtime.rounds import Rounds

EVERY_S = 1.0
STEPS_EVERY_S = 0.1
HOUSEKEEPING_S = 60.0
_PORTION = 500  # timers of one transaction
_ASKS = 100  # handoffs of one look, each a transaction


class Housekeeper(Protocol):
    """Retention, in portions."""

    async def tidy(self, portion: int = 1000) -> int: ...


class SchedulerActor:
    """Two of it do no harm: every timer fires once, every lease ends once, by the database."""

    def __init__(
        self,
        clock: Clock,
        timers: TimerStore,
        outbox: OutboxStore,
        housekeeper: Housekeeper,
        handoffs: HandoffStore | None = None,
        sequences: TimerStore | None = None,
        rules: TimerStore | None = None,
    ) -> None:
        self._timers = timers
        self._sequences = sequences
        self._rules = rules
        self._outbox = outbox
        self._housekeeper = housekeeper
        self._handoffs = handoffs
        self._rounds, self._steps = Rounds(clock, "scheduler", EVERY_S), Rounds(clock, "steps", STEPS_EVERY_S)
        self._counts = self._rounds.counts
        self._counts.update(fired=0, called=0, steps=0, expired=0, forgotten=0, asked=0, told=0)

    async def run(self) -> None:
        """Work every second until drained; due steps, of which hosts take a few at a time, more often."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rounds.run((self._fire, self._call, self._expire, self._ask), ((HOUSEKEEPING_S, self._keep_house),)))
            tasks.create_task(self._steps.run((self._step,)))

    async def drain(self) -> None:
        """Finish the rounds under way, then end `run`."""
        await asyncio.gather(self._rounds.drain(), self._steps.drain())

    async def ping(self) -> Mapping[str, Any]:
        """Return what was done in this life."""
        return dict(self._counts)

    async def _fire(self) -> None:
        fired = _PORTION
        while fired >= _PORTION and not self._rounds.stopping:
            fired = await self._timers.fire(_PORTION)
            self._counts["fired"] += fired

    async def _call(self) -> None:
        called = _PORTION
        while self._rules is not None and called >= _PORTION and not self._rounds.stopping:
            called = await self._rules.fire(_PORTION)
            self._counts["called"] += called

    async def _step(self) -> None:
        while self._sequences is not None and not self._steps.stopping and (fired := await self._sequences.fire(_PORTION)) > 0:
            self._counts["steps"] += fired

    async def _expire(self) -> None:
        self._counts["expired"] += sum((await self._outbox.expire()).values())

    async def _ask(self) -> None:
        if self._handoffs is not None:
            await self._handoffs.sweep()
            self._counts["asked"] += await self._handoffs.advance(_ASKS)
            self._counts["told"] += await self._handoffs.tell(_ASKS)

    async def _keep_house(self) -> None:
        gone = portion = 1_000
        while gone >= portion and not self._rounds.stopping:
            gone = await self._housekeeper.tidy(portion)
            self._counts["forgotten"] += gone
