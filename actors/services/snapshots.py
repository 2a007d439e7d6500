"""Snapshots of bases in memory, within a budget: who was not asked for longest goes first."""

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from actors.ports.knowledge import Snapshot


@dataclass(slots=True)
class CacheCounts:
    """What the cache did in this life."""

    hits: int = 0
    misses: int = 0
    stale: int = 0  # served while the next version was being built
    evictions: int = 0


class SnapshotCache:
    """The newest known snapshot of each base; the budget is in bytes. One that is larger by itself is kept until another comes."""

    def __init__(self, budget: int) -> None:
        self.counts = CacheCounts()
        self.bytes = 0
        self._budget = budget
        self._kept: OrderedDict[UUID, Snapshot] = OrderedDict()  # least recently used first

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, base_id: UUID) -> Snapshot | None:
        """Return the snapshot of a base, whichever version."""
        found = self._kept.get(base_id)
        if found is not None:
            self._kept.move_to_end(base_id)
        return found

    def put(self, snapshot: Snapshot) -> None:
        """Keep a snapshot in place of the one of its base; others leave if there is no room."""
        self.drop(snapshot.base.id)
        self._kept[snapshot.base.id] = snapshot
        self.bytes += snapshot.bytes
        while self.bytes > self._budget and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self.bytes -= gone.bytes
            self.counts.evictions += 1

    def drop(self, base_id: UUID) -> None:
        """Forget a base."""
        if (gone := self._kept.pop(base_id, None)) is not None:
            self.bytes -= gone.bytes
