"""What is old goes, in small portions: what each company keeps, and for how long."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.domain.ids import TenantId
from actors.domain.jobs import Mark
from actors.ports.jobs import JobLease
from actors.ports.retention import Keeping
from storage.accounts.audit import Actor, record
from storage.jobs.fence import fenced
from storage.postgres import Connection, Database

KEY = "activity:retention"
_CONVERSATIONS = 20  # as many of these as of a portion's rows are deleted at once: each has rows of its own
_OLD = "tenant_id = $1 and {age} < now() - $2 * interval '1 day'"
_KINDS: Mapping[str, tuple[str, str, str]] = {  # table, key, age
    "activity": ("activity_logs", "id", "at"),
    "traces": ("traces", "turn_id", "created_at"),
    "inputs": ("inbox", "id", "received_at"),
}
_DAYS = {"activity": "activity_days", "traces": "traces_days", "inputs": "traces_days"}
_MORE = {"inputs": " and state = 'done'"}
_PLAN = "select payload::text, enabled, next_at from job_schedules where key = $1"
_CHANGE = """
update job_schedules set payload = $2::jsonb, enabled = true, version = version + 1 where key = $1"""
_FORGETTABLE = "select count(*) from conversations c where c.tenant_id = $1 and conversation_is_over(c, $2)"


def _count(kind: str) -> str:
    table, _, age = _KINDS[kind]
    return f"select count(*) from {table} where {_OLD.format(age=age)}{_MORE.get(kind, '')}"  # noqa: S608


def _forget(kind: str) -> str:
    table, key, age = _KINDS[kind]
    return f"""
with gone as (
  delete from {table} where tenant_id = $1 and {key} = any (array(
    select {key} from {table} where {_OLD.format(age=age)}{_MORE.get(kind, "")} limit $3))
  returning 1
)
select count(*) from gone"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What a company keeps, and when the next night is that something goes."""

    keeping: Keeping
    enabled: bool
    next_at: datetime | None


class RetentionPlans:
    """What companies keep; needs the role callboard_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def show(self, tenant_id: UUID) -> RetentionPlan:
        """Return what a company keeps."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _plan(connection)

    async def change(self, tenant_id: UUID, keeping: Keeping, by: Actor) -> RetentionPlan:
        """Keep this from the next night on."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await _plan(connection)
            await connection.execute(_CHANGE, KEY, orjson.dumps(asdict(keeping)).decode())
            after = await _plan(connection)
            await record(connection, tenant_id, by, "retention.changed", f"tenant:{tenant_id}", asdict(before.keeping), asdict(keeping))
            return after

    async def too_old(self, tenant_id: UUID, keeping: Keeping) -> Mapping[str, int]:
        """Return how much would go by these rules now, by kind."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _too_old(connection, tenant_id, keeping)


class PostgresRetention:
    """Retention of what a tenant's past left behind; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, tenant_id: TenantId, keeping: Keeping) -> int:
        """Return how many rows and conversations are too old."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return sum((await _too_old(connection, tenant_id, keeping)).values())

    async def prune(self, lease: JobLease, keeping: Keeping, portion: int, mark: Callable[[int], Mark]) -> int:
        """Delete at most `portion` of each kind under the job's lease; return how many went."""
        async with fenced(self._database, lease) as writes:
            gone = 0
            for kind, days in _DAYS.items():
                gone += await writes.connection.fetchval(_forget(kind), lease.tenant_id, getattr(keeping, days), portion)
            if keeping.conversations_days is not None:
                few = max(portion // _CONVERSATIONS, 1)
                forget = "select conversations_forget($1, $2, $3)"
                gone += await writes.connection.fetchval(forget, lease.tenant_id, keeping.conversations_days, few)
            writes.mark = mark(gone)
        return gone


async def _plan(connection: Connection) -> RetentionPlan:
    r = await connection.fetchrow(_PLAN, KEY)
    assert r is not None, "every tenant has this schedule"
    payload: dict[str, Any] = orjson.loads(r["payload"])
    return RetentionPlan(Keeping(**payload), r["enabled"], r["next_at"] if r["enabled"] else None)


async def _too_old(connection: Connection, tenant_id: UUID, keeping: Keeping) -> dict[str, int]:
    found = {kind: await connection.fetchval(_count(kind), tenant_id, getattr(keeping, days)) for kind, days in _DAYS.items()}
    silent = keeping.conversations_days
    found["conversations"] = 0 if silent is None else await connection.fetchval(_FORGETTABLE, tenant_id, silent)
    return found
