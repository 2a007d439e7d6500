"""Old activity and traces go, in small portions."""

from collections.abc import Callable

from actors.domain.ids import TenantId
from actors.domain.jobs import Mark
from actors.ports.jobs import JobLease
from storage.jobs.fence import fenced
from storage.postgres import Database

_COUNT = """
select (select count(*) from activity_logs where tenant_id = $1 and at < now() - $2 * interval '1 day')
     + (select count(*) from traces where tenant_id = $1 and created_at < now() - $2 * interval '1 day')"""
_ACTIVITY = """
with gone as (
  delete from activity_logs where tenant_id = $1 and id = any (array(
    select id from activity_logs where tenant_id = $1 and at < now() - $2 * interval '1 day' limit $3))
  returning 1
)
select count(*) from gone"""
_TRACES = """
with gone as (
  delete from traces where tenant_id = $1 and turn_id = any (array(
    select turn_id from traces where tenant_id = $1 and created_at < now() - $2 * interval '1 day' limit $3))
  returning 1
)
select count(*) from gone"""


class PostgresActivityPruning:
    """Retention of what a tenant's turns left behind; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, tenant_id: TenantId, days: int) -> int:
        """Return how many rows are older than `days`."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            number: int = await connection.fetchval(_COUNT, tenant_id, days)
        return number

    async def prune(self, lease: JobLease, days: int, portion: int, mark: Callable[[int], Mark]) -> int:
        """Delete at most `portion` rows of each kind under the job's lease; return how many went."""
        async with fenced(self._database, lease) as writes:
            gone = 0
            for statement in (_ACTIVITY, _TRACES):
                gone += await writes.connection.fetchval(statement, lease.tenant_id, days, portion)
            writes.mark = mark(gone)
        return gone
