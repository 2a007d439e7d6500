"""SchedulerActor: due timers become inputs, ended leases are given back, what is no longer needed goes."""

from collections.abc import Mapping
from typing import Any, Protocol

from actors.ports.handoffs import HandoffStore
from actors.ports.inbox import TimerStore
from actors.ports.outbox import OutboxStore
from actors.ports.time import Clock
from actors.runtime.rounds import Rounds

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
        self,
        clock: Clock,
        timers: TimerStore,
        outbox: OutboxStore,
        housekeeper: Housekeeper,
        handoffs: HandoffStore | None = None,
        sequences: TimerStore | None = None,
    ) -> None:
        self._timers = [timers] if sequences is None else [timers, sequences]
        self._outbox = outbox
        self._housekeeper = housekeeper
        self._handoffs = handoffs
        self._rounds = Rounds(clock, "scheduler", EVERY_S)
        self._counts = self._rounds.counts
        self._counts.update(fired=0, expired=0, forgotten=0, asked=0)

    async def run(self) -> None:
        """Work every second until drained."""
        await self._rounds.run((self._fire, self._expire, self._ask), ((HOUSEKEEPING_S, self._keep_house),))

    async def drain(self) -> None:
        """Finish the round under way, then end `run`."""
        await self._rounds.drain()

    async def ping(self) -> Mapping[str, Any]:
        """Return what was done in this life."""
        return dict(self._counts)

    async def _fire(self) -> None:
        for timers in self._timers:
            fired = _PORTION
            while fired >= _PORTION and not self._rounds.stopping:
                fired = await timers.fire(_PORTION)
                self._counts["fired"] += fired

    async def _expire(self) -> None:
        self._counts["expired"] += sum((await self._outbox.expire()).values())

    async def _ask(self) -> None:
        if self._handoffs is not None:
            await self._handoffs.sweep()
            self._counts["asked"] += await self._handoffs.advance(_ASKS)

    async def _keep_house(self) -> None:
        gone = portion = 1_000
        while gone >= portion and not self._rounds.stopping:
            gone = await self._housekeeper.tidy(portion)
            self._counts["forgotten"] += gone
