"""When rules of published versions are due: each moment becomes one input of the rule's own address, however many schedulers look."""

from typing import Any

import orjson

from actors.domain.cron import last_run, next_run
from actors.domain.errors import InvalidDefinition
from actors.domain.ids import Address, IntegrationId, TenantId
from actors.ports.inbox import NewInput
from storage.inbox import ingest
from storage.postgres import Connection, Database

_DUE = """
select s.id, s.tenant_id, s.agent_id, s.integration_id, s.rule, s.cron, s.time_zone, s.next_at, now() as now from rule_schedules s
where s.next_at is null or s.next_at <= now() order by s.next_at nulls first limit $1 for update skip locked"""
_TENANT = "select set_config('app.tenants', '{' || $1 || '}', true)"
_NEXT = "update rule_schedules set next_at = $2 where id = $1"
_BROKEN = "update rule_schedules set next_at = 'infinity' where id = $1"
_MISSED = """
insert into activity_logs (tenant_id, kind, agent_id, data)
values ($1, 'rule.missed', $2, jsonb_build_object('rule', $3::text, 'from', $4::text, 'done', $5::text))"""
_FAILED = """
insert into activity_logs (tenant_id, kind, agent_id, data)
values ($1, 'rule.failed', $2, jsonb_build_object('rule', $3::text, 'on', 'schedule', 'reason', $4::text))"""


class PostgresRuleClock:
    """Schedules of rules of the whole installation; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fire(self, limit: int) -> int:
        """Turn schedules that are due into inbox rows, each moment once; return how many were due.

        The next moment is worked out from the one that fired and the database's clock, so it only ever rises: a clock that is put
        back fires nothing twice. Of the moments of an outage only the last is made up for, and that is told.
        """
        async with self._database.dispatch_transaction() as connection:
            due = await connection.fetch(_DUE, limit)
            for schedule in due:
                await connection.execute(_TENANT, str(schedule["tenant_id"]))
                await _advance(connection, schedule)
        return len(due)


async def _advance(connection: Connection, schedule: Any) -> None:
    cron, zone, first, now = schedule["cron"], schedule["time_zone"], schedule["next_at"], schedule["now"]
    whose = (schedule["tenant_id"], schedule["agent_id"], schedule["rule"])
    try:
        following = next_run(cron, zone, now)
    except InvalidDefinition as error:  # it was checked when it was published: this machine knows another set of time zones
        await connection.execute(_BROKEN, schedule["id"])
        await connection.execute(_FAILED, *whose, str(error))
        return
    if first is not None:
        at = last_run(cron, zone, first, now)
        await ingest(connection, [_input(schedule, at.isoformat(), (now - at).total_seconds())])
        if at > first:
            await connection.execute(_MISSED, *whose, first.isoformat(), at.isoformat())
    await connection.execute(_NEXT, schedule["id"], following)


def _input(schedule: Any, at: str, late_s: float) -> NewInput:
    rule = schedule["rule"]
    raw = orjson.dumps({"kind": "schedule", "payload": {"rule": rule, "facts": {"schedule.at": at, "schedule.late_s": round(late_s)}}})
    address = Address(IntegrationId(schedule["integration_id"]), f"rule:{rule}")
    return NewInput(TenantId(schedule["tenant_id"]), address, "result", f"schedule:{schedule['agent_id']}:{rule}:{at}", raw)
