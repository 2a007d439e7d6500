"""One try of one job, from the claim to its outcome."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from actors.domain.errors import CallboardError, OwnershipLost, TransientError
from actors.domain.jobs import Cancelled, Done, Mark, Outcome, Returned, judge
from actors.ports.jobs import ClaimedJob, JobLease, JobQueue
from actors.services.jobs.registry import JobRegistry

log = logging.getLogger(__name__)


class Try:
    """Carries a job out once; this is the handler's JobContext as well."""

    def __init__(self, job: ClaimedJob, queue: JobQueue, registry: JobRegistry, jitter: float) -> None:
        self.job = job
        self.wanted_ended = False  # a person cancelled it; the handler notices at its next commit
        self._queue = queue
        self._registry = registry
        self._jitter = jitter
        self._ended: Outcome | None = None
        self._disowned = False

    @property
    def lease(self) -> JobLease:
        """Return the right to write."""
        return self.job.lease

    @property
    def attempt(self) -> int:
        """Return the number of this try, from 1."""
        return self.job.attempt

    @property
    def checkpoint(self) -> Mapping[str, Any]:
        """Return what the last commit of an earlier try left."""
        return self.job.checkpoint

    async def report(self, mark: Mark) -> None:
        """Commit progress and checkpoint without anything else."""
        await self._queue.report(self.lease, mark)

    async def carry_out(self) -> Outcome | None:
        """Return what the try came to; None: the job is somebody else's by now."""
        timeout_s = self._registry.timeout_s(self.job.name)
        watch = asyncio.timeout(timeout_s)
        try:
            async with watch:
                return Done(await self._registry.run(self.job, self))
        except asyncio.CancelledError:
            if self._ended is None and not self._disowned:
                raise
            return self._ended
        except OwnershipLost:
            return None
        except Exception as error:
            if watch.expired():
                return judge(TransientError(f"it took longer than {timeout_s:.0f} s"), self.attempt, self._jitter)
            if not isinstance(error, CallboardError):
                log.exception("job %s (%s) failed", self.job.name, self.lease.job_id)
            return judge(error, self.attempt, self._jitter)

    def give_back(self) -> None:
        """Say that a cancellation of the task means: the worker stops, somebody else goes on."""
        self._ended = Returned()

    def end(self) -> None:
        """Say that a cancellation of the task means: a person wanted that."""
        self._ended = Cancelled()

    def disown(self) -> None:
        """Say that a cancellation of the task means: the lease was lost, there is nothing to store."""
        self._disowned = True
