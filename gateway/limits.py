"""Limits on the public doors, in memory: small buckets that fill up again, of the latest names only."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.problems import Problem

MAX_NAMES = 10_000  # made-up names must not fill the memory; whoever is forgotten starts with a full bucket


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Buckets:
    """One bucket a name: `burst` at once, `rate` a second in the long run."""

    def __init__(self, rate: float, burst: float, most: int = MAX_NAMES) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_s(self, name: Hashable, now: float) -> float:
        """Return after how many seconds the next one is let through; 0 is now."""
        bucket = self._buckets.get(name)
        left = self._burst if bucket is None else self._filled(bucket, now)
        return 0.0 if left >= 1 else (1 - left) / self._rate

    def take(self, name: Hashable, now: float) -> None:
        """Let one through."""
        bucket = self._buckets.pop(name, None) or _Bucket(self._burst, now)
        self._buckets[name] = _Bucket(max(self._filled(bucket, now) - 1, 0.0), now)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)

    def _filled(self, bucket: _Bucket, now: float) -> float:
        return min(self._burst, bucket.left + (now - bucket.at) * self._rate)


def admit(*limits: tuple[Buckets, Hashable]) -> None:
    """Take one from every bucket, or from none.

    Raises:
        Problem: 429 with Retry-After.
    """
    now = asyncio.get_running_loop().time()
    wait_s = max(buckets.wait_s(name, now) for buckets, name in limits)
    if wait_s > 0:
        raise too_many(int(wait_s) + 1)
    for buckets, name in limits:
        buckets.take(name, now)


class Open:
    """Counts what is open at the moment, by name."""

    def __init__(self) -> None:
        self._open: Counter[Hashable] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def hold(self, limits: Sequence[tuple[Hashable, int]], retry_after_s: int = 5) -> Iterator[None]:
        """Count one more under every name while the block lasts.

        Raises:
            Problem: 429: a name has as many as its limit.
        """
        names = [name for name, _ in limits]
        if any(self._open[name] >= most for name, most in limits):
            self._forget(names)
            raise too_many(retry_after_s)
        self._open.update(names)
        try:
            yield
        finally:
            self._open.subtract(names)
            self._forget(names)

    def _forget(self, names: Sequence[Hashable]) -> None:
        for name in names:
            if self._open[name] <= 0:
                del self._open[name]


def too_many(retry_after_s: int) -> Problem:
    """Return a 429."""
    return Problem(429, f"too many requests; try again in {retry_after_s} s", headers={"Retry-After": str(retry_after_s)})
