"""Daily digests: whether and when, what they say, and who was sent one. When is a schedule of the queue, by its key."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from actors.domain.cron import next_run
from actors.domain.digest import DigestFacts, hours_of
from actors.domain.ids import TenantId
from actors.domain.rollups import Tally
from actors.ports.digests import Reader
from actors.ports.jobs import JobLease
from storage.accounts.audit import Actor, record
from storage.jobs.fence import fenced
from storage.operators.chats import MAY, TITLE, say
from storage.postgres import Connection, Database
from storage.summaries import Range, Summaries
from storage.unanswered import UnansweredConversations

KEY = "digest:daily"
USUAL_HOUR = 9
_DAILY = re.compile(r"0 (\d{1,2}) \* \* \*")
_SCHEDULE = "select cron, time_zone, enabled, next_at from job_schedules where key = $1"
_PLAN = """
insert into job_schedules (tenant_id, key, name, cron, time_zone, enabled, next_at) values ($1, $2, $2, $3, $4, $5, $6)
on conflict (tenant_id, key) do update set cron = excluded.cron, time_zone = excluded.time_zone, enabled = excluded.enabled,
  next_at = excluded.next_at, problem = null, version = job_schedules.version + 1"""
# Chats with bots that are there: a paused or broken one sends later, one that was disconnected never.
_CHATS = """
(select o.user_id, o.conversation_id from operator_chats o join conversations c on c.id = o.conversation_id
 join integrations g on g.id = c.integration_id where g.status <> 'disconnected') o"""
_OWNERS = f"""
select u.id, {TITLE} as name, o.user_id is not null as linked from users u left join {_CHATS} on o.user_id = u.id
where u.removed_at is null and u.role = 'owner' order by u.created_at, u.id limit 100"""  # noqa: S608
_READERS = f"""
select u.id, {TITLE} as name, u.locale, o.conversation_id from {_CHATS} join users u on u.id = o.user_id
where {MAY} and ($1::uuid is null and u.role = 'owner' or u.id = $1) order by u.created_at, u.id"""  # noqa: S608
_MORE = """
select t.name as company,
  (select count(*) from jobs j where j.state in ('failed', 'dead') and j.finished_at >= $1 and j.finished_at < $2)::int as failed_jobs,
  (select count(*) from integrations g where g.status = 'broken')::int as broken,
  (select count(*) from agents a where a.archived_at is null and (a.stopped_at is not null or t.stopped_at is not null))::int as stopped
from tenants t where t.id = $3"""
_ONCE = "insert into digests (tenant_id, user_id, key) values ($1, $2, $3) on conflict do nothing returning 1"
_TOLD = """
insert into activity_logs (tenant_id, kind, data) values ($1, 'digest.sent', $2::jsonb)"""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom it is for; without a linked Telegram nothing can be sent."""

    id: UUID
    name: str
    linked: bool


@dataclass(frozen=True, slots=True)
class DigestPlan:
    """When the digest is sent. `hour` is None where somebody gave the schedule a time of its own."""

    enabled: bool
    hour: int | None
    time_zone: str
    next_at: datetime | None
    owners: Sequence[Owner]


class DigestPlans:
    """The plans of tenants; needs the role callboard_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def show(self, tenant_id: UUID) -> DigestPlan:
        """Return the plan; until somebody makes one it is off."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _plan(connection)

    async def change(self, tenant_id: UUID, enabled: bool, hour: int, time_zone: str, by: Actor) -> DigestPlan:
        """Send it daily at an hour of a time zone, or not.

        Raises:
            InvalidDefinition: there is no such time zone.
        """
        cron = f"0 {hour} * * *"
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await _plan(connection)
            following = next_run(cron, time_zone, await connection.fetchval("select now()"))
            await connection.execute(_PLAN, tenant_id, KEY, cron, time_zone, enabled, following)
            after = await _plan(connection)
            await record(connection, tenant_id, by, "digest.changed", f"tenant:{tenant_id}", _told(before), _told(after))
        return after


class PostgresDigests:
    """Implements the port DigestStore; either role reads, `send` needs callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def zone(self, tenant_id: TenantId) -> tzinfo:
        """Return the zone of the schedule."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_SCHEDULE, KEY)
        return ZoneInfo(r["time_zone"] if r else "UTC")

    async def facts(self, tenant_id: TenantId, day: date, zone: tzinfo) -> DigestFacts:
        """Return the counters of the hours of a day."""
        since, until = hours_of(day, zone)
        summary = await Summaries(self._database).read(tenant_id, Range(since, until), "day")
        unanswered = await UnansweredConversations(self._database).count(tenant_id)
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_MORE, since, until, tenant_id)
        assert r is not None  # a job's tenant exists
        whole = Tally()
        for tally in summary.of.values():
            whole.add(tally)
        waiting = sum(w.conversations for w in summary.waiting)
        return DigestFacts(r["company"], day, whole, r["failed_jobs"], waiting, unanswered.waiting, r["broken"], r["stopped"])

    async def readers(self, tenant_id: TenantId, user_id: UUID | None) -> Sequence[Reader]:
        """Return who reads it."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [Reader(*r.values()) for r in await connection.fetch(_READERS, user_id)]

    async def send(self, lease: JobLease, reader: Reader, key: str, text: str) -> bool:
        """Queue it for delivery with the note that it was, and the fact for people."""
        async with fenced(self._database, lease) as writes:
            first = await writes.connection.fetchval(_ONCE, lease.tenant_id, reader.user_id, key)
            if first:
                await say(writes.connection, reader.chat, {"text": text}, policy="once")
                told = {"subject": f"user:{reader.user_id}", "title": reader.name}
                await writes.connection.execute(_TOLD, lease.tenant_id, orjson.dumps(told).decode())
        return bool(first)


async def _plan(connection: Connection) -> DigestPlan:
    r = await connection.fetchrow(_SCHEDULE, KEY)
    owners = [Owner(*o.values()) for o in await connection.fetch(_OWNERS)]
    if r is None:
        return DigestPlan(False, USUAL_HOUR, "UTC", None, owners)
    daily = _DAILY.fullmatch(r["cron"])
    return DigestPlan(r["enabled"], int(daily[1]) if daily else None, r["time_zone"], r["next_at"] if r["enabled"] else None, owners)


def _told(plan: DigestPlan) -> dict[str, Any]:
    return {"enabled": plan.enabled, "hour": plan.hour, "time_zone": plan.time_zone}
