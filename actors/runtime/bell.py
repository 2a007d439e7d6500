"""Waking a loop that waits."""

import asyncio


class Bell:
    """An event with a timeout that costs no task; ringing while nobody waits is remembered once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()

    async def wait(self, timeout_s: float | None = None) -> None:
        """Return when rung, or after `timeout_s`."""
        timer = None if timeout_s is None else asyncio.get_running_loop().call_later(max(0.0, timeout_s), self._event.set)
        try:
            await self._event.wait()
        finally:
            if timer is not None:
                timer.cancel()
        self._event.clear()
