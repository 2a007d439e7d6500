"""The queue `agent-jobs`: what a kind of job has to provide, and what it is given. docs/jobs.md shows how to add one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel

from actors.domain.ids import TenantId
from actors.domain.jobs import Mark, Outcome

QUEUE = "agent-jobs"
CONCURRENCY = 5
NextRun = Callable[[str, str, datetime], datetime]
P = TypeVar("P", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class JobLease:
    """The right to write for a job. Stores check it in the transaction of what they write; a newer generation ends it."""

    job_id: UUID
    tenant_id: TenantId
    generation: int


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job in hand. `attempt` counts from 1; `checkpoint` is what the try before left."""

    lease: JobLease
    name: str
    payload: Mapping[str, Any]
    attempt: int
    max_attempts: int
    checkpoint: Mapping[str, Any]


class JobContext(Protocol):
    """What a handler knows about its try."""

    @property
    def lease(self) -> JobLease:
        """Return the right to write; every store that writes for a job wants it."""

    @property
    def attempt(self) -> int:
        """Return the number of this try, from 1."""

    @property
    def checkpoint(self) -> Mapping[str, Any]:
        """Return what the last commit of an earlier try left; empty at the first."""

    async def report(self, mark: Mark) -> None:
        """Commit progress and checkpoint without anything else.

        Raises:
            JobCancelled: a person wants the job ended; let it through.
            OwnershipLost: somebody else works on the job now; let it through.
        """


class JobHandler(Protocol[P]):
    """One kind of job. It may be ended at any await and begun again: what it does twice must be as if done once."""

    name: ClassVar[str]  # `topic:verb`, for ever: rows carry it
    payload: type[P]
    timeout_s: ClassVar[float]  # of one try

    async def run(self, payload: P, context: JobContext) -> Mapping[str, Any]:
        """Do the work and return the result, plain JSON for people.

        Raises:
            TransientError: it may work later: tried again with backoff, `retry_after_s` is respected.
            TerminalError: it will not work: the job fails at once.
            JobCancelled, OwnershipLost: as the stores raised them.
        """


@dataclass(frozen=True, slots=True)
class NewJob(Generic[P]):
    """A job to be queued.

    Args:
        handler: the kind of job.
        payload: what it needs to know; no secrets.
        dedupe_key: of the jobs of a kind with the same key one is live; asking again returns its id.
        delay_s: not before this.
        max_attempts: tries, the first included.
        by: who asked for it, by name; empty: the program itself.
    """

    handler: type[JobHandler[P]]
    payload: P
    dedupe_key: str | None = None
    delay_s: float = 0.0
    max_attempts: int = 5
    by: str = ""


class JobQueue(Protocol):
    """The queue as its worker needs it."""

    async def exchange(
        self, worker: UUID, outcomes: Sequence[tuple[JobLease, Outcome]], slots: int, lease_s: float
    ) -> Sequence[ClaimedJob]:
        """Store what became of jobs, and claim up to `slots` others, in one transaction.

        An outcome whose lease was lost is ignored. After an error repeat the outcomes: storing them twice is harmless.
        While others wait, nobody gets more than two slots of the worker.
        """

    async def beat(self, leases: Sequence[JobLease], lease_s: float) -> Mapping[UUID, bool]:
        """Extend leases; return those that still hold, each with whether a person wants the job ended."""

    async def report(self, lease: JobLease, mark: Mark) -> None:
        """Commit progress and checkpoint.

        Raises:
            JobCancelled: a person wants the job ended.
            OwnershipLost: the lease was lost.
        """

    async def sweep(self) -> int:
        """Give back jobs whose worker is gone; return how many."""

    async def tick(self, next_run: NextRun) -> int:
        """Queue what schedules are due, each run once, however many ask; return how many."""

    async def forget(self, portion: int) -> int:
        """Delete at most `portion` rows that ended long ago; return how many went."""
