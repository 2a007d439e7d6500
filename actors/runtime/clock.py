"""The only clock and the only source of fresh ids."""

import asyncio
import sys
import time
from datetime import UTC, datetime
from uuid import UUID, uuid4

from actors.domain.ids import TurnId

# Counts the time a machine sleeps, too, so that a suspended process notices the gap; monotonic elsewhere.
_STEADY = time.CLOCK_BOOTTIME if sys.platform == "linux" else time.CLOCK_MONOTONIC


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.clock_gettime(_STEADY)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SystemIds:
    """Random ids."""

    def turn_id(self) -> TurnId:
        return TurnId(uuid4())


def fresh_generation() -> UUID:
    """Return an id for one life of one carrier."""
    return uuid4()
