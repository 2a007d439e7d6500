"""SyncActor: the worker of the queue `agent-jobs`."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from actors.domain.cron import next_run
from actors.domain.errors import CallboardError, TransientError
from actors.domain.jobs import Failed, Outcome, Returned
from actors.ports.jobs import CONCURRENCY, ClaimedJob, JobLease, JobQueue
from actors.ports.signals import Signals
from actors.ports.time import Clock
from actors.runtime.bell import Bell
from actors.services.jobs.registry import JobRegistry
from actors.services.jobs.trying import Try

log = logging.getLogger(__name__)

Chore = Callable[[], Awaitable[object]]
Loop = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class SyncLimits:
    """Times in seconds. A dead worker's jobs begin again within lease + sweep and what the stage needs to replace it."""

    concurrency: int = CONCURRENCY
    lease_s: float = 6.0
    beat_s: float = 2.0  # two beats may be lost
    sweep_s: float = 2.0
    poll_s: float = 0.5  # without any signal
    chores_s: float = 60.0
    drain_s: float = 0.7  # `callboard dev` ends its processes after 1 s, the stage after 2 s
    away_s: float = 0.5  # between two looks at a database that is away


@dataclass(slots=True)
class _InHand:
    attempt: Try
    task: "asyncio.Task[None]"


class SyncActor:
    """Takes jobs, carries out a few at once, and stores what became of them. Two of it share the work."""

    def __init__(
        self,
        worker: UUID,
        queue: JobQueue,
        registry: JobRegistry,
        signals: Signals,
        clock: Clock,
        jitter: Callable[[], float],
        chores: Sequence[Chore] = (),
        limits: SyncLimits | None = None,
        loops: Sequence[Loop] = (),
        counts: Counter[str] | None = None,
    ) -> None:
        """Take `loops` that run beside the jobs until they are cancelled; what they did is in `counts`."""
        self._worker = worker
        self._queue = queue
        self._registry = registry
        self._signals = signals
        self._clock = clock
        self._jitter = jitter
        self._chores = tuple(chores)
        self._limits = limits or SyncLimits()
        self._loops = tuple(loops)
        self._loops_did = counts if counts is not None else Counter()
        self._bell = Bell()
        self._in_hand: dict[UUID, _InHand] = {}
        self._outcomes: list[tuple[JobLease, Outcome]] = []
        self._stopping = False
        self._ended = asyncio.Event()
        self._counts: dict[str, int] = {"tried": 0, "given_back": 0, "scheduled": 0, "failures": 0}

    async def run(self) -> None:
        """Work until drained."""
        try:
            async with asyncio.TaskGroup() as group:
                aside = [
                    group.create_task(self._every(self._limits.beat_s, self._beat)),
                    group.create_task(self._every(self._limits.sweep_s, self._sweep)),
                    group.create_task(self._every(self._limits.chores_s, self._tidy)),
                    group.create_task(self._signals.listen("jobs", lambda _: self._bell.ring())),
                    *(group.create_task(loop()) for loop in self._loops),
                ]
                while not self._stopping:
                    await self._step(group)
                await self._wind_up()
                for task in aside:
                    task.cancel()
        finally:
            self._ended.set()

    async def drain(self) -> None:
        """Take nothing new; what does not end soon is given back without losing a try."""
        self._stopping = True
        self._bell.ring()
        await self._ended.wait()

    async def ping(self) -> Mapping[str, Any]:
        """Return what was done in this life, and how many jobs are in hand."""
        return {**self._counts, **self._loops_did, "processing": len(self._in_hand)}

    async def _step(self, group: asyncio.TaskGroup) -> None:
        free = self._limits.concurrency - len(self._in_hand)
        claimed: Sequence[ClaimedJob] = ()
        if free or self._outcomes:
            try:
                claimed = await self._exchange(free)
            except TransientError as error:
                await self._note(error)
        for job in claimed:
            self._begin(group, job)
        if not free or len(claimed) < free:
            await self._bell.wait(self._limits.poll_s)

    def _begin(self, group: asyncio.TaskGroup, job: ClaimedJob) -> None:
        attempt = Try(job, self._queue, self._registry, self._jitter())
        self._in_hand[job.lease.job_id] = _InHand(attempt, group.create_task(self._carry_out(attempt)))
        self._counts["tried"] += 1

    async def _carry_out(self, attempt: Try) -> None:
        try:
            outcome = await attempt.carry_out()
        finally:
            del self._in_hand[attempt.lease.job_id]
        if outcome is not None:
            self._outcomes.append((attempt.lease, outcome))
        self._bell.ring()

    async def _exchange(self, slots: int) -> Sequence[ClaimedJob]:
        """Store outcomes and claim; what could not be stored is stored next time, under the same leases.

        Raises:
            TransientError: the database is away.
        """
        outcomes, self._outcomes = self._outcomes, []
        try:
            return await self._queue.exchange(self._worker, outcomes, slots, self._limits.lease_s)
        except TransientError:
            self._outcomes = outcomes + self._outcomes
            raise
        except (CallboardError, TypeError) as error:  # TypeError: a result that is no JSON
            if not outcomes:
                raise
            log.warning("outcomes are stored one by one: %s", error)
            for lease, outcome in outcomes:
                await self._store_alone(lease, outcome)
            return ()

    async def _store_alone(self, lease: JobLease, outcome: Outcome) -> None:
        """Store one outcome; one that cannot be stored is a failure, and no other job's."""
        try:
            await self._queue.exchange(self._worker, [(lease, outcome)], 0, self._limits.lease_s)
        except TransientError:
            self._outcomes.append((lease, outcome))
        except (CallboardError, TypeError):
            self._outcomes.append((lease, Failed("its result cannot be stored: it is no plain JSON")))

    async def _beat(self) -> None:
        in_hand = list(self._in_hand.values())
        if not in_hand:
            return
        held = await self._queue.beat([it.attempt.lease for it in in_hand], self._limits.lease_s)
        for it in in_hand:
            cancelled = held.get(it.attempt.lease.job_id)
            if cancelled is None:
                it.attempt.disown()
                it.task.cancel()
            elif cancelled and it.attempt.wanted_ended:  # it had a whole beat to notice
                it.attempt.end()
                it.task.cancel()
            elif cancelled:
                it.attempt.wanted_ended = True

    async def _sweep(self) -> None:
        self._counts["given_back"] += (lost := await self._queue.sweep())
        self._counts["scheduled"] += (due := await self._queue.tick(next_run))
        if lost or due:
            self._bell.ring()

    async def _tidy(self) -> None:
        gone = portion = 1_000
        while gone >= portion and not self._stopping:
            gone = await self._queue.forget(portion)
        for chore in self._chores:
            await chore()

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Do one piece of work again and again; the next round tries again whatever went wrong."""
        while True:
            try:
                await work()
            except (CallboardError, OSError) as error:
                await self._note(error)
            await self._clock.sleep(seconds)

    async def _note(self, error: Exception) -> None:
        self._counts["failures"] += 1
        log.warning("jobs: %s", error)
        await self._clock.sleep(self._limits.away_s)

    async def _wind_up(self) -> None:
        """Let jobs end for a moment, give the rest back, store it all. What cannot be stored ends with its lease."""
        if tasks := [it.task for it in self._in_hand.values()]:
            await asyncio.wait(tasks, timeout=self._limits.drain_s)
        for it in list(self._in_hand.values()):
            it.attempt.give_back()
            it.task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self._limits.drain_s)
        self._outcomes += [(it.attempt.lease, Returned()) for it in self._in_hand.values()]  # tasks that never began
        for _ in range(2):  # the second time for what could only be stored alone
            if self._outcomes:
                try:
                    await self._exchange(0)
                except CallboardError as error:
                    log.warning("jobs: %s", error)
