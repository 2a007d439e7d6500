"""Noticing that this process stood still: stopped, suspended, or its loop blocked."""

from actors.ports.time import Clock

TICK_S = 0.5
STANDSTILL_S = 3.0  # six missed ticks: a loaded loop is late by tenths of a second, not by seconds


class Gap:
    """Compares the clock with its last tick. After a gap, whatever is in memory may be out of date."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen = clock.monotonic()

    async def tick_forever(self) -> None:
        """Tick until cancelled; does not hide a gap that nobody has noticed yet."""
        while True:
            await self._clock.sleep(TICK_S)
            if not self._is_open():
                self._seen = self._clock.monotonic()

    def noticed(self) -> bool:
        """Return whether there was a gap, once for each."""
        if not self._is_open():
            return False
        self._seen = self._clock.monotonic()
        return True

    def _is_open(self) -> bool:
        return self._clock.monotonic() - self._seen > STANDSTILL_S
