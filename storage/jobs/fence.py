"""What a job writes, it writes under its lease: checked in the same transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson

from actors.domain.errors import OwnershipLost
from actors.domain.jobs import JobCancelled, Mark
from actors.ports.jobs import JobLease
from storage.postgres import Connection, Database

_CHECK = """
update jobs set progress_done = coalesce($3, progress_done), progress_total = case when $3::bigint is null then progress_total else $4 end,
  progress_note = coalesce($5, progress_note), checkpoint = coalesce($6::jsonb, checkpoint)
where id = $1 and generation = $2 and state = 'running' returning cancel_requested"""


@dataclass(slots=True)
class Fenced:
    """A transaction of a job: set `mark` before the block ends, and it is committed with the rest."""

    connection: Connection
    mark: Mark | None = None


@asynccontextmanager
async def fenced(database: Database, lease: JobLease) -> AsyncIterator[Fenced]:
    """Open a transaction of the job's tenant that is committed only if the lease still holds.

    The row is locked last: a lock held while the block works would keep the heartbeat waiting.

    Raises:
        OwnershipLost: another try of the job has begun, or it ended; nothing was written.
        JobCancelled: a person wants the job ended; nothing was written.
    """
    async with database.tenant_transaction(lease.tenant_id) as connection:
        writes = Fenced(connection)
        yield writes
        await _check(writes, lease)


async def _check(writes: Fenced, lease: JobLease) -> None:
    done, total, note, checkpoint = None, None, None, None
    if writes.mark is not None:
        progress = writes.mark.progress
        done, total, note = progress.done, progress.total, progress.note
        if writes.mark.checkpoint is not None:
            checkpoint = orjson.dumps(dict(writes.mark.checkpoint)).decode()
    wanted_ended = await writes.connection.fetchval(_CHECK, lease.job_id, lease.generation, done, total, note, checkpoint)
    if wanted_ended is None:
        raise OwnershipLost("another try of the job has begun")
    if wanted_ended:
        raise JobCancelled("cancelled")
