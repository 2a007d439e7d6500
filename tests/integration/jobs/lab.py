"""Kinds of jobs for tests, and a worker of them. Every run of a job leaves a row in a ledger, written under the lease."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID, uuid4

from pydantic import BaseModel

from actors.domain.errors import TerminalError, TransientError
from actors.domain.jobs import Mark, Progress
from actors.ports.jobs import JobContext, NewJob
from actors.runtime.clock import SystemClock
from actors.runtime.sync_actor import SyncActor, SyncLimits
from actors.services.jobs.registry import JobRegistry
from storage.jobs.fence import fenced
from storage.jobs.queue import PostgresJobQueue, enqueue
from storage.postgres import Database
from storage.signals import RedisSignals

LEDGER = """
create table ledger (job_id uuid not null, generation int not null, n int not null, at timestamptz not null default clock_timestamp());
create table begun (job_id uuid not null, generation int not null, at timestamptz not null default clock_timestamp());
grant select, insert on ledger, begun to callboard_engine, callboard_api"""


class Work(BaseModel):
    """What to do: `steps` commits, each after `step_s`."""

    steps: int = 1
    step_s: float = 0.0
    fail: str = ""


class Steps:
    """Does one step after another, each in a commit; goes on where the try before stopped. So every step is there once."""

    name: ClassVar[str] = "test:steps"
    timeout_s: ClassVar[float] = 60.0
    payload = Work

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, payload: Work, context: JobContext) -> Mapping[str, Any]:
        lease = context.lease
        await self._database.fetch("insert into begun (job_id, generation) values ($1, $2)", lease.job_id, lease.generation)
        for n in range(int(context.checkpoint.get("n", 0)), payload.steps):
            await asyncio.sleep(payload.step_s)
            async with fenced(self._database, lease) as writes:
                await writes.connection.execute("insert into ledger values ($1, $2, $3)", lease.job_id, lease.generation, n)
                writes.mark = Mark(Progress(n + 1, payload.steps, f"step {n + 1}"), {"n": n + 1})
        return self._ending(payload, context)

    def _ending(self, payload: Work, context: JobContext) -> Mapping[str, Any]:
        match payload.fail:
            case "transient":
                raise TransientError("busy", retry_after_s=0.0)
            case "terminal":
                raise TerminalError("no such account")
            case "mistake":
                raise RuntimeError("a mistake")
            case "odd":
                return {"odd": {1, 2}.__class__}
            case "nul":
                return {"text": "a\0b"}
        return {"steps": payload.steps, "attempt": context.attempt}


class Fast:
    """Does nothing: what the queue itself costs."""

    name: ClassVar[str] = "test:fast"
    timeout_s: ClassVar[float] = 60.0
    payload = Work

    async def run(self, payload: Work, context: JobContext) -> Mapping[str, Any]:
        return {}


class Stubborn:
    """Never commits, so it never hears that somebody wants it ended."""

    name: ClassVar[str] = "test:stubborn"
    timeout_s: ClassVar[float] = 60.0
    payload = Work

    async def run(self, payload: Work, context: JobContext) -> Mapping[str, Any]:
        await asyncio.sleep(3_600)
        return {}


class Slow(Stubborn):
    """Takes longer than it may."""

    name: ClassVar[str] = "test:slow"
    timeout_s: ClassVar[float] = 0.1


def registry(database: Database) -> JobRegistry:
    return JobRegistry(Steps(database), Fast(), Stubborn(), Slow())


def worker(database: Database, signals: RedisSignals, limits: SyncLimits | None = None) -> SyncActor:
    queue = PostgresJobQueue(database)
    return SyncActor(uuid4(), queue, registry(database), signals, SystemClock(), random.random, (), limits)


@asynccontextmanager
async def working(actor: SyncActor) -> AsyncIterator[SyncActor]:
    """Let a worker work while the block lasts; fail if it ended by itself."""
    task = asyncio.create_task(actor.run())
    try:
        yield actor
    finally:
        await actor.drain()
        await asyncio.wait_for(task, 10)


@dataclass
class Requests:
    """Asks for jobs of one tenant."""

    database: Database
    tenant_id: UUID

    async def add(self, kind: Any = Steps, *, key: str | None = None, delay_s: float = 0.0, tries: int = 5, **work: Any) -> UUID:
        async with self.database.tenant_transaction(self.tenant_id) as connection:
            job = NewJob(kind, Work(**work), key, delay_s, tries)
            return await enqueue(connection, self.tenant_id, job)

    async def row(self, job_id: UUID) -> Mapping[str, Any]:
        async with self.database.tenant_transaction(self.tenant_id) as connection:
            found = await connection.fetchrow("select * from jobs where id = $1", job_id)
        assert found is not None
        return dict(found)

    async def ended(self, job_id: UUID, timeout_s: float = 20.0) -> Mapping[str, Any]:
        """Return the row once the job is over."""
        async with asyncio.timeout(timeout_s):
            while (row := await self.row(job_id))["state"] in {"queued", "running"}:
                await asyncio.sleep(0.02)
        return row

    async def until(self, job_id: UUID, timeout_s: float = 20.0, **columns: Any) -> Mapping[str, Any]:
        """Return the row once it has these values."""
        async with asyncio.timeout(timeout_s):
            row = await self.row(job_id)
            while not columns.items() <= row.items():
                await asyncio.sleep(0.02)
                row = await self.row(job_id)
        return row
