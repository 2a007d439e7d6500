"""A circuit breaker: who failed again and again is left alone for a while, then asked once."""

FAILURES = 5  # in a row: a server that is away fails every time, a busy one now and then
OPEN_S = 30.0  # as long as a customer waits at the most: the next one may be luckier


class Breaker:
    """Remembers how one model of one provider does. Times are of a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    def wait_s(self, now: float) -> float:
        """Return for how long nobody is to ask; 0: ask now. Whoever gets 0 after a pause is the only one: the others wait on."""
        if self._failures < FAILURES:
            return 0.0
        if now < self._until:
            return self._until - now
        self._until = now + OPEN_S  # not when the answer comes: a question that is cancelled never brings one
        return 0.0

    def succeeded(self) -> None:
        """Let everybody ask again."""
        self._failures = 0

    def failed(self, now: float, wish_s: float | None = None) -> None:
        """Count a failure; the provider's own wish counts more than our guess."""
        self._failures += 1
        self._until = now + max(OPEN_S, wish_s or 0.0)
