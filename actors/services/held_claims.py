"""Claims that wait for their turn on the wire: leased, nothing sent yet."""

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from actors.domain.ids import IntegrationId, OutboxId
from actors.ports.integrations import IntegrationRecord
from actors.ports.outbox import Claim


@dataclass(frozen=True, slots=True, order=True)
class HeldClaim:
    """A claim with the time from which the pace lets it go; ordered by that, replies before steps."""

    ready_at: float
    step: bool
    id: OutboxId
    claim: Claim = field(compare=False)
    integration: IntegrationRecord = field(compare=False)
    not_after: float = field(compare=False)  # the last moment for its first byte, on the monotonic clock


class HeldClaims:
    """A queue by time, with a limit of requests in flight for each integration: one that hangs must not take all."""

    def __init__(self, per_integration: int) -> None:
        self._per_integration = per_integration
        self._heap: list[HeldClaim] = []
        self._ids: set[OutboxId] = set()
        self._flying: Counter[IntegrationId] = Counter()

    def __len__(self) -> int:
        return len(self._heap)

    def __contains__(self, outbox_id: OutboxId) -> bool:
        return outbox_id in self._ids

    @property
    def flying(self) -> int:
        """Return how many were let go and have not landed."""
        return self._flying.total()

    def add(self, held: HeldClaim) -> None:
        """Let a claim wait."""
        heapq.heappush(self._heap, held)
        self._ids.add(held.id)

    def next_after(self, now: float) -> float | None:
        """Return when the next one becomes ready; what is ready by now waits for a request to land, not for time."""
        if self._heap and self._heap[0].ready_at > now:
            return self._heap[0].ready_at
        return min((held.ready_at for held in self._heap if held.ready_at > now), default=None)

    def let_go(self, now: float, limit: int) -> list[HeldClaim]:
        """Take out up to `limit` that are ready; each must `land` later."""
        going: list[HeldClaim] = []
        full: list[HeldClaim] = []
        while self._heap and len(going) < limit and self._heap[0].ready_at <= now:
            held = heapq.heappop(self._heap)
            if self._flying[held.integration.id] >= self._per_integration:
                full.append(held)
                continue
            self._flying[held.integration.id] += 1
            self._ids.discard(held.id)
            going.append(held)
        for held in full:
            heapq.heappush(self._heap, held)
        return going

    def land(self, held: HeldClaim) -> None:
        """Note that the request of a claim is over."""
        self._flying[held.integration.id] -= 1
        if self._flying[held.integration.id] <= 0:
            del self._flying[held.integration.id]

    def drop(self, integration_id: IntegrationId | None = None) -> Iterable[HeldClaim]:
        """Take out everything that waits, or everything of one integration."""
        dropped = [held for held in self._heap if integration_id in (None, held.integration.id)]
        self._heap = [held for held in self._heap if integration_id not in (None, held.integration.id)]
        heapq.heapify(self._heap)
        self._ids.difference_update(held.id for held in dropped)
        return dropped
