"""ActivityLogActor: counts what is logged, and tells who watches."""

from collections.abc import Mapping, Sequence
from typing import Any

from actors.domain.activity import Fact, update
from actors.domain.ids import TenantId
from actors.ports.activity import ActivityStore, UpdateSignals
from actors.ports.time import Clock
from actors.runtime.rounds import Rounds

EVERY_S = 0.3  # how soon people see what happened
MARK_S = 60.0
FORGET_S = 3600.0
_PORTION = 500  # facts of one transaction
_SHOWN = 50  # facts of one live event; nobody can read more at once, and pages have all of them


class ActivityLogActor:
    """Two of it do no harm: the row that says how far the log is counted lets one through at a time."""

    def __init__(self, clock: Clock, store: ActivityStore, signals: UpdateSignals) -> None:
        self._store = store
        self._signals = signals
        self._rounds = Rounds(clock, "activity", EVERY_S)
        self._counts = self._rounds.counts
        self._counts.update(counted=0, forgotten=0)

    async def run(self) -> None:
        """Work every moment until drained."""
        await self._rounds.run((self._count,), ((MARK_S, self._store.mark), (FORGET_S, self._forget)))

    async def drain(self) -> None:
        """Finish the round under way, then end `run`."""
        await self._rounds.drain()

    async def ping(self) -> Mapping[str, Any]:
        """Return what was done in this life."""
        return dict(self._counts)

    async def _count(self) -> None:
        whole = False
        while not whole and not self._rounds.stopping:
            counted = await self._store.count(_PORTION)
            whole = counted.whole
            self._counts["counted"] += len(counted.facts)
            await self._tell(counted.facts)

    async def _forget(self) -> None:
        self._counts["forgotten"] += await self._store.forget()

    async def _tell(self, facts: Sequence[Fact]) -> None:
        of: dict[TenantId, list[Fact]] = {}
        for fact in facts:
            of.setdefault(TenantId(fact.tenant_id), []).append(fact)
        for tenant_id, told in of.items():
            items = [update(fact) for fact in told[-_SHOWN:]]
            await self._signals.publish_updates(tenant_id, {"type": "updates", "items": items, "left_out": len(told) - len(items)})
