"""The database's clock as this process can know it: between two bounds, by every answer that told it."""

from collections import deque
from dataclasses import dataclass

KEPT = 16
DRIFT = 0.0005  # a clock that is being set right may run so much faster or slower than ours


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most by which our monotonic clock is ahead of the database's clock."""

    least_s: float
    most_s: float


@dataclass(frozen=True, slots=True)
class _Heard:
    far_s: float
    asked_at: float
    heard_at: float


class FarClock:
    """What was heard of one other clock."""

    def __init__(self) -> None:
        self._heard: deque[_Heard] = deque(maxlen=KEPT)

    def heard(self, far_s: float, asked_at: float, heard_at: float) -> Bounds:
        """Return what is known now: it said `far_s` at some moment between the two of ours.

        One slow answer says little, so it only adds to what quick ones said. Answers that cannot all be true say that the clock was
        set: only the last one counts then.
        """
        self._heard.append(_Heard(far_s, asked_at, heard_at))
        bounds = self._all(heard_at)
        if bounds.least_s > bounds.most_s:
            self._heard = deque([self._heard[-1]], maxlen=KEPT)
            bounds = self._all(heard_at)
        return bounds

    def _all(self, now: float) -> Bounds:
        return Bounds(
            max(h.asked_at - h.far_s - DRIFT * (now - h.heard_at) for h in self._heard),
            min(h.heard_at - h.far_s + DRIFT * (now - h.heard_at) for h in self._heard),
        )
