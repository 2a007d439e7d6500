"""The pace of an account: reserved in one place for all processes, the more urgent first."""

from dataclasses import dataclass
from enum import Enum

from actors.domain.errors import TerminalError, TransientError
from actors.ports.kommo import KommoAccount, KommoPace, Reservation
from actors.ports.time import Ticks

PER_SECOND = 6.6  # 7 are allowed, counted at the far end: a few per cent are for requests that travel faster than others
GAP_S = 1 / PER_SECOND
LATE_S = 0.04  # who wakes up later than this lets its moment pass: eight of seven would arrive within a second
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


class Reservations:
    """Waits for an account's moment."""

    def __init__(self, pace: KommoPace, clock: Ticks) -> None:
        self._pace = pace
        self._clock = clock

    async def wait(self, account: KommoAccount, priority: Priority, not_after: float) -> Reservation:
        """Return when the request may be written now.

        Raises:
            TransientError: not before `not_after`, or Kommo blocks our address.
            TerminalError: there is no such account any more.
        """
        until = min(not_after, self._clock.monotonic() + priority.value.patience_s)
        misses = 0
        while True:
            given = await self._reserve(account, priority)
            at = self._clock.monotonic() + given.wait_s
            if not given.granted and given.blocked_s is not None:
                raise TransientError("Kommo blocks the network address of this server", given.blocked_s)
            if at > until:
                raise TransientError("the Kommo account is busy", given.wait_s)
            await self._clock.sleep(given.wait_s if given.granted else max(given.wait_s - priority.value.horizon_s, 0.02))
            if not given.granted:
                continue
            if self._clock.monotonic() - at <= LATE_S or misses >= MISSES:
                return given
            misses += 1

    async def _reserve(self, account: KommoAccount, priority: Priority) -> Reservation:
        given = await self._pace.reserve(account, GAP_S, priority.value.horizon_s)
        if given is None:
            raise TerminalError("this Kommo account is not connected")
        return given
