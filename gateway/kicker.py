"""Tells hosts that partitions have work, off the path of the request: a hint that may be late or lost."""

import asyncio

from actors.ports.inbox import NewInput
from actors.ports.signals import Signals


class Kicker:
    """Collects partitions while the last signal is on its way and sends them as one."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._partitions: set[int] = set()
        self._wake = asyncio.Event()

    def kick(self, new: NewInput) -> None:
        """Note that the input's partition has work; returns at once."""
        self._partitions.add(new.address.partition)
        self._wake.set()

    async def run(self) -> None:
        """Send signals until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            partitions = sorted(self._partitions)
            self._partitions.clear()
            await self._signals.kick_partitions(partitions)
