"""Actions: claim -> begin -> run -> finish, once each. What nobody knows the outcome of is looked for, or shown; never tried blindly."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from actors.domain.errors import CallboardError, TransientError, UnknownOutcome
from actors.domain.ids import TenantId
from actors.domain.messages import clean_text
from actors.domain.retry import backoff_s
from actors.ports.actions import Action, ActionOutcome, ActionRunner, ActionStore
from actors.ports.carriers import Carrier

log = logging.getLogger(__name__)

STORE_TRIES = 5  # a second apart: then the lease ends it as unknown


@dataclass(frozen=True, slots=True)
class ActingLimits:
    """How much at once, and for how long."""

    lease_s: float = 20.0
    under_way: int = 32
    per_tenant: int = 8  # a receiver that hangs must not take all
    max_attempts: int = 12  # with the backoff about 20 minutes, then a person decides
    writes_share: float = 0.6  # of a lease: after it no byte is written, so that the last answer comes within the lease

    @property
    def doubt_s(self) -> float:
        """Return how long to wait before looking for what may have been done: it may still be on its way."""
        return self.lease_s / 2


def _nowhere(_: str) -> None:
    """No failpoints."""


class Acting:
    """The actions of one sender between their table and the systems outside."""

    def __init__(
        self,
        carrier: Carrier,
        store: ActionStore,
        runners: Mapping[str, ActionRunner],
        limits: ActingLimits | None = None,
        failpoint: Callable[[str], None] = _nowhere,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._carrier = carrier
        self._store = store
        self._runners = runners
        self._limits = limits or ActingLimits()
        self._failpoint = failpoint
        self._ticks = ticks
        self._under_way: Counter[TenantId] = Counter()
        self.counts: Counter[str] = Counter()

    @property
    def free(self) -> int:
        """Return how many more may be under way."""
        return self._limits.under_way - self._under_way.total()

    async def begin(self) -> Sequence[Action]:
        """Take what is due; each must be given to `carry_out` at once.

        Raises:
            OwnershipLost: a newer generation owns the shards.
            TransientError: the database is away.
        """
        full = [tenant for tenant, count in self._under_way.items() if count >= self._limits.per_tenant]
        limit = min(self.free, self._limits.per_tenant)
        not_after = self._ticks() + self._limits.lease_s * self._limits.writes_share  # by a clock read before the lease began
        claimed = await self._store.claim(self._carrier, full, limit, self._limits.lease_s) if limit else []
        if not claimed:
            return ()
        self._failpoint("action.before_begin")
        begun = await self._store.begin(self._carrier, [action.id for action in claimed])
        self._failpoint("action.after_begin")
        going = [replace(action, not_after=not_after) for action in claimed if action.id in begun]
        self._under_way.update(action.tenant_id for action in going)
        return going

    async def carry_out(self, action: Action) -> None:
        """Carry out a begun action and store how it ended; raises nothing of the systems outside."""
        try:
            outcome = await self._outcome(action)
            self._failpoint("action.after_run")
            self.counts[outcome.outcome] += 1
            await self._finish(outcome)
        finally:
            self._under_way[action.tenant_id] -= 1
            self._under_way += Counter()  # forgets tenants with nothing under way

    async def expire(self) -> int:
        """End leases that are over; return how many."""
        return await self._store.expire()

    async def _outcome(self, action: Action) -> ActionOutcome:
        runner = self._runners.get(action.kind)
        if runner is None:
            return ActionOutcome(action.id, "failed", f"nobody carries out {action.kind} here")
        try:
            return ActionOutcome(action.id, "done", result=await runner.run(action))
        except TransientError as error:
            return self._again(action, error)
        except UnknownOutcome as error:
            return self._doubted(action, error)
        except CallboardError as error:
            return ActionOutcome(action.id, "failed", clean_text(str(error)))
        except Exception as error:  # whatever it is, it may have happened
            log.exception("action %s", action.id)
            return self._doubted(action, UnknownOutcome(f"{type(error).__name__} in {action.kind}"))

    def _doubted(self, action: Action, error: UnknownOutcome) -> ActionOutcome:
        """What can be looked for is tried again, which looks first."""
        if action.looks and action.attempts + 1 < self._limits.max_attempts:
            return ActionOutcome(action.id, "retry", clean_text(str(error)), delay_s=self._limits.doubt_s)
        return ActionOutcome(action.id, "unknown", clean_text(str(error)))

    def _again(self, action: Action, error: TransientError) -> ActionOutcome:
        attempt = action.attempts + 1
        if attempt >= self._limits.max_attempts:
            return ActionOutcome(action.id, "failed", clean_text(f"given up after {attempt} attempts: {error}"))
        return ActionOutcome(action.id, "retry", clean_text(str(error)), delay_s=backoff_s(attempt, retry_after_s=error.retry_after_s))

    async def _finish(self, outcome: ActionOutcome) -> None:
        for _ in range(STORE_TRIES):
            try:
                if not await self._store.finish(self._carrier, outcome):
                    self.counts["lease_lost"] += 1
            except TransientError as error:
                log.warning("the outcome of action %s waits for the database: %s", outcome.id, error)
                await asyncio.sleep(1.0)
            else:
                return
