"""ActivityLogActor: counts what is logged, and tells who watches."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from actors.domain.activity import Fact, update
from actors.domain.errors import CallboardError
from actors.domain.ids import TenantId
from actors.ports.activity import ActivityStore, UpdateSignals
from actors.ports.time import Clock
from actors.runtime.bell import Bell

log = logging.getLogger(__name__)

EVERY_S = 0.3  # how soon people see what happened
MARK_S = 60.0
FORGET_S = 3600.0
_PORTION = 500  # facts of one transaction
_SHOWN = 50  # facts of one live event; nobody can read more at once, and pages have all of them


class ActivityLogActor:
    """Two of it do no harm: the row that says how far the log is counted lets one through at a time."""

    def __init__(self, clock: Clock, store: ActivityStore, signals: UpdateSignals) -> None:
        self._clock = clock
        self._store = store
        self._signals = signals
        self._draining = Bell()
        self._stopping = False
        self._ended = asyncio.Event()
        self._counts: dict[str, int] = {"counted": 0, "forgotten": 0, "failures": 0}

    async def run(self) -> None:
        """Work every moment until drained."""
        next_mark = next_forgetting = self._clock.monotonic()
        try:
            while not self._stopping:
                await self._guarded(self._count)
                if self._clock.monotonic() >= next_mark:
                    next_mark = self._clock.monotonic() + MARK_S
                    await self._guarded(self._store.mark)
                if self._clock.monotonic() >= next_forgetting:
                    next_forgetting = self._clock.monotonic() + FORGET_S
                    await self._guarded(self._forget)
                await self._draining.wait(EVERY_S)
        finally:
            self._ended.set()

    async def drain(self) -> None:
        """Finish the round under way, then end `run`."""
        self._stopping = True
        self._draining.ring()
        await self._ended.wait()

    async def ping(self) -> Mapping[str, Any]:
        """Return what was done in this life."""
        return dict(self._counts)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do one piece of work; the next round tries again whatever went wrong."""
        try:
            await work()
        except (CallboardError, OSError, TimeoutError) as error:
            self._counts["failures"] += 1
            log.warning("activity: %s", error)

    async def _count(self) -> None:
        whole = False
        while not whole and not self._stopping:
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
