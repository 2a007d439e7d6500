"""When which conversation is ready: one heap for all of them instead of a timer each."""

from heapq import heappop, heappush
from itertools import count

from actors.runtime.host.activation import Activation, Phase


class ReadyQueue:
    """Activations in the order in which they become ready. An activation is returned once, however often it is in the heap."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Activation]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, activation: Activation, due: float) -> None:
        """Make an idle activation wait until `due`; if it waits already, move its time."""
        sooner = due < activation.due
        activation.due = due
        if sooner or activation.phase is not Phase.WAITING:
            activation.phase = Phase.WAITING
            heappush(self._heap, (due, next(self._order), activation))

    def pop(self, now: float) -> Activation | None:
        """Return the next activation that is ready, or None."""
        while self._heap and self._heap[0][0] <= now:
            _, _, activation = heappop(self._heap)
            if activation.phase is not Phase.WAITING:
                continue
            if activation.due <= now:
                return activation
            heappush(self._heap, (activation.due, next(self._order), activation))
        return None

    def next_due(self) -> float | None:
        """Return when to look again; it may be early, never late."""
        return self._heap[0][0] if self._heap else None
