"""The queue `agent-jobs` as health and metrics see it."""

from dataclasses import dataclass

from storage.postgres import Database

_COUNTS = """
select count(*) as total, count(*) filter (where state = 'queued') as queued, count(*) filter (where state = 'running') as processing,
       count(*) filter (where state = 'done') as completed, count(*) filter (where state = 'failed') as failed,
       count(*) filter (where state = 'dead') as dead, count(*) filter (where state = 'cancelled') as cancelled,
       (select coalesce(extract(epoch from now() - min(w.run_at)), 0)::float8 from jobs w
        where w.queue = $1 and w.state = 'queued' and w.run_at <= now()) as oldest_age_s
from jobs where queue = $1"""


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Jobs of all tenants by state; `oldest_age_s` since the job that waits longest could have begun."""

    total: int = 0
    queued: int = 0
    processing: int = 0
    completed: int = 0
    failed: int = 0
    dead: int = 0
    cancelled: int = 0
    oldest_age_s: float = 0.0


class Jobs:
    """Jobs of the installation; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self, queue: str = "agent-jobs") -> JobCounts:
        """Return how many jobs there are in which state."""
        async with self._database.dispatch_transaction() as connection:
            r = await connection.fetchrow(_COUNTS, queue)
        assert r is not None  # an aggregate always has a row
        return JobCounts(**r)
