"""Time that only measures, for clients of providers in the gateway."""

import asyncio


class LoopTicks:
    """The clock of the running loop."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
