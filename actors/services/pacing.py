"""Keeping below a channel's limits, in memory: one sender owns an account, so nobody else spends its pace."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from actors.ports.channels import Pace

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Pacer(Generic[K]):
    """For each key: `pace.burst` at once, then one every `pace.interval_s`.

    Keeps one number a key, the theoretical arrival time of the next event (GCRA): times in seconds on one clock.
    """

    _next: dict[K, float] = field(default_factory=dict)

    def wait(self, key: K, pace: Pace, now: float) -> float:
        """Return how long the next event of `key` must wait; 0 if it may happen now."""
        return max(0.0, self._next.get(key, 0.0) - (pace.burst - 1) * pace.interval_s - now)

    def take(self, key: K, pace: Pace, at: float) -> None:
        """Count an event that happens at `at`."""
        self._next[key] = max(self._next.get(key, 0.0), at) + pace.interval_s

    def forget_idle(self, now: float) -> None:
        """Drop keys whose burst is whole again: they are as good as new."""
        self._next = {key: at for key, at in self._next.items() if at > now}

    def __len__(self) -> int:
        return len(self._next)

    def __iter__(self) -> Iterator[K]:
        """Return the keys that were busy lately."""
        return iter(self._next)
