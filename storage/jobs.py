"""The queue `agent-jobs` as metrics see it."""

from dataclasses import dataclass

from storage.postgres import Database

_COUNTS = """
select count(*) as total, count(*) filter (where state = 'done') as completed,
       count(*) filter (where state = 'failed') as failed, count(*) filter (where state = 'running') as processing
from jobs where queue = $1"""


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Jobs of all tenants by state."""

    total: int
    completed: int
    failed: int
    processing: int


class Jobs:
    """Jobs of the installation; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self, queue: str = "agent-jobs") -> JobCounts:
        """Return how many jobs there are in which state."""
        async with self._database.dispatch_transaction() as connection:
            r = await connection.fetchrow(_COUNTS, queue)
        assert r is not None  # an aggregate always has a row
        return JobCounts(r["total"], r["completed"], r["failed"], r["processing"])
