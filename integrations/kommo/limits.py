"""The pace of an account: reserved in one place for all processes, the more urgent first, and written at its moment or not at all.

Two moments next to each other are a gap apart. Who writes between its moment and `late_s` after it keeps seven gaps minus that between
any request and the seventh before: more than a second. Who is later takes another moment, with a wider gap behind it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from actors.domain.errors import TerminalError, TransientError
from actors.ports.kommo import KommoAccount, KommoPace, Reservation
from actors.ports.time import Ticks
from integrations.kommo.errors import Missed
from integrations.kommo.far_clock import Bounds, FarClock

PER_SECOND = 6.6  # 7 are allowed, counted at the far end: a few per cent are for requests that travel faster than others
GAP_S = 1 / PER_SECOND
LEAD_S = 0.3  # so much earlier a request begins: its connection is there when its moment comes
LATE_S = 0.03  # seven gaps are 1.06 s: half of the rest for us, half for the network
WIDEST = 4  # so many gaps more are kept free for one that missed as many moments: a machine that is always late goes on, slowly
TRIES = 10
T = TypeVar("T")


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
    """The moment of one request, on the monotonic clock, how late it may be, and what is known of the token then."""

    at: float
    late_s: float
    generation: int
    stale: bool


class Reservations:
    """Waits for an account's moment."""

    def __init__(self, pace: KommoPace, clock: Ticks, pass_: Callable[[str], None]) -> None:
        self._pace = pace
        self._clock = clock
        self._pass = pass_
        self._far = FarClock()

    async def wait(self, account: KommoAccount, priority: Priority, not_after: float, missed: int = 0) -> Slot:
        """Return a moment shortly before it comes.

        Args:
            account: whose.
            priority: see there.
            not_after: on the monotonic clock.
            missed: how many moments this request has missed.

        Raises:
            TransientError: not before `not_after`, or Kommo blocks our address.
            TerminalError: there is no such account any more.
        """
        until = min(not_after, self._clock.monotonic() + priority.value.patience_s)
        spare_s = min(missed, WIDEST) * GAP_S
        while True:
            given, far = await self._reserve(account, priority, GAP_S + spare_s)
            at = given.at_s + far.most_s
            wait_s = at - self._clock.monotonic()
            if not given.granted and given.blocked_s is not None:
                raise TransientError("Kommo blocks the network address of this server", given.blocked_s)
            if at > until:
                raise TransientError("the Kommo account is busy", max(wait_s, 0.0))
            if given.granted:
                await self._clock.sleep(max(wait_s - LEAD_S, 0.0))
                return Slot(at, LATE_S + spare_s - (far.most_s - far.least_s), given.generation, given.stale)
            await self._clock.sleep(max(wait_s - priority.value.horizon_s, 0.02))

    async def keep(
        self, account: KommoAccount, priority: Priority, not_after: float, send: Callable[[Slot], Awaitable[T]], slot: Slot | None = None
    ) -> T:
        """Send at a moment, the one that is there or a new one; where it was missed, at another.

        Raises:
            TransientError: see `wait`; or this machine misses every moment.
        """
        for missed in range(1, TRIES + 1):
            slot = slot or await self.wait(account, priority, not_after, missed - 1)
            try:
                return await send(slot)
            except Missed:
                slot = None
        raise TransientError("this machine is too busy to keep the pace of the Kommo account")

    async def _reserve(self, account: KommoAccount, priority: Priority, gap_s: float) -> tuple[Reservation, Bounds]:
        asked_at = self._clock.monotonic()
        given = await self._pace.reserve(account, gap_s, priority.value.horizon_s)
        self._pass("kommo.after_reserve")
        if given is None:
            raise TerminalError("this Kommo account is not connected")
        return given, self._far.heard(given.now_s, asked_at, self._clock.monotonic())
