"""A worker that reads documents over real servers, in this process or as one of its own that a test can kill."""

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import uvloop

from actors.runtime.clock import SystemClock
from actors.runtime.document_jobs import document_jobs
from actors.runtime.sync_actor import SyncActor
from actors.services.agent import Models
from actors.services.jobs.registry import JobRegistry
from config.settings import Settings
from storage.jobs.queue import PostgresJobQueue
from storage.knowledge.calls import KnowledgeCalls
from storage.postgres import Database, Role
from storage.signals import RedisSignals


@asynccontextmanager
async def reading(dsn: str, redis_url: str, *, private: bool = True, models: Models | None = None) -> AsyncIterator[SyncActor]:
    """Let a worker of documents work while the block lasts; pages may be on this machine."""
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(await Database.open(dsn, Role.ENGINE, "test reader", size=8))
        signals = await stack.enter_async_context(RedisSignals(redis_url))
        clock = SystemClock()
        knowledge = await stack.enter_async_context(KnowledgeCalls(redis_url, engine, 5.0))  # a busy machine
        jobs = await document_jobs(engine, Settings(pages_private=private), clock, stack, knowledge, models)
        actor = SyncActor(uuid4(), PostgresJobQueue(engine), JobRegistry(*jobs), signals, clock, random.random)
        running = asyncio.create_task(actor.run())
        try:
            yield actor
        finally:
            await actor.drain()
            await asyncio.wait_for(running, 10)


class ReaderProcess:
    """One life of a worker."""

    def __init__(self, dsn: str, redis_url: str) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "tests.integration.knowledge.reading_lab", dsn, redis_url])

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


async def _main(dsn: str, redis_url: str) -> None:
    async with reading(dsn, redis_url):
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_main(*sys.argv[1:]))
