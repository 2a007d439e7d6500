"""The pace of an account: reserved in one place for all processes, the more urgent first."""

from dataclasses import dataclass
from enum import Enum

from actors.domain.errors import TerminalError, TransientError
from actors.ports.kommo import KommoAccount, KommoPace, Reservation
from actors.ports.time import Ticks

PER_SECOND = 6.6  # 7 are allowed, counted at the far end: a few per cent are for requests that travel faster than others
GAP_S = 1 / PER_SECOND
LEAD_S = 0.3  # so much earlier a request begins: its connection is there when its moment comes
LATE_S = 0.04  # who is later than this lets its moment pass: eight of seven would arrive within a second
MISSES = 4  # a machine that is always late goes on, else nothing would ever go


@dataclass(frozen=True, slots=True)
class _Rank:
    """How long a queue may be to join it, and how long to try."""

    horizon_s: float
    patience_s: float


class Priority(Enum):
    """How urgent a request is. An answer waits for at most what the others may have reserved: half a second."""

    ANSWER = _Rank(5.0, 8.0)
    ACTION = _Rank(3 * GAP_S, 20.0)
    SYNC = _Rank(GAP_S, 60.0)


@dataclass(frozen=True, slots=True)
class Slot:
    """The moment of one request, on the monotonic clock, and what is known of the token then."""

    at: float
    generation: int
    stale: bool


class Reservations:
    """Waits for an account's moment."""

    def __init__(self, pace: KommoPace, clock: Ticks) -> None:
        self._pace = pace
        self._clock = clock

    async def wait(self, account: KommoAccount, priority: Priority, not_after: float) -> Slot:
        """Return a moment shortly before it comes.

        Raises:
            TransientError: not before `not_after`, or Kommo blocks our address.
            TerminalError: there is no such account any more.
        """
        until = min(not_after, self._clock.monotonic() + priority.value.patience_s)
        while True:
            given = await self._reserve(account, priority)
            at = self._clock.monotonic() + given.wait_s
            if not given.granted and given.blocked_s is not None:
                raise TransientError("Kommo blocks the network address of this server", given.blocked_s)
            if at > until:
                raise TransientError("the Kommo account is busy", given.wait_s)
            if given.granted:
                await self._clock.sleep(max(given.wait_s - LEAD_S, 0.0))
                return Slot(at, given.generation, given.stale)
            await self._clock.sleep(max(given.wait_s - priority.value.horizon_s, 0.02))

    async def arrive(self, slot: Slot) -> None:
        """Return at the moment itself."""
        await self._clock.sleep(max(slot.at - self._clock.monotonic(), 0.0))

    async def _reserve(self, account: KommoAccount, priority: Priority) -> Reservation:
        given = await self._pace.reserve(account, GAP_S, priority.value.horizon_s)
        if given is None:
            raise TerminalError("this Kommo account is not connected")
        return given
