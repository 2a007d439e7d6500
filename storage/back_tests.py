"""Back-tests: recorded turns as they are read for one, and the events that came of it. They go with their job."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.domain.ids import AgentId, TenantId
from actors.domain.jobs import Mark
from actors.domain.rules.back_test import Finding, Outcome
from actors.domain.rules.past import Said
from actors.ports.back_tests import Span, StoredTurn, TurnPage
from actors.ports.jobs import JobLease
from storage.jobs.fence import fenced
from storage.jobs.views import JobState
from storage.postgres import Database

PAGE = 2_000  # turns
_AT_ONCE = 500  # conversations
_NUMBERS = 20_000  # ids of conversations read at once
_LONGEST_TEXT = 200
_SPAN = """
select s.since, s.until,
  (select count(*) from conversations c join integrations g on g.id = c.integration_id where g.agent_id = $1 and c.last_at > s.since) as n
from (select now() as until, now() - $2::int * interval '1 day' as since) s"""
_CONVERSATIONS = """
select c.id from conversations c join integrations g on g.id = c.integration_id
where g.agent_id = $1 and c.last_at > $2 and c.id > $3 order by c.id limit $4"""
# Of the first conversation only what is behind `$4`: it did not fit into the page before.
_TURNS = """
select i.id, t.turn_id, t.created_at, t.body
from unnest($1::bigint[]) with ordinality i (id, n)
cross join lateral (
  select x.turn_id, x.created_at, x.body from traces x
  where x.conversation_id = i.id and x.created_at > case i.n when 1 then $4::timestamptz else $2::timestamptz end and x.created_at <= $3
  order by x.created_at limit $5) t
order by i.n, t.created_at limit $5"""
_SAID = """
select m.turn_id, string_agg(m.body, E'\\n' order by m.seq) as text, min(m.version) = 1 as first, min(g.channel) as channel
from messages m join conversations c on c.id = m.conversation_id join integrations g on g.id = c.integration_id
where m.turn_id = any($1::uuid[]) and m.role = 'customer' group by m.turn_id"""
_FIRED = """
select conversation_id, extract(epoch from max(at))::bigint as at from activity_logs
where agent_id = $1 and data ->> 'rule' = $2 and kind = 'rule.fired' and data ->> 'on' <> 'wait'
  and at <= $3 and conversation_id is not null
group by conversation_id"""
_FORGET = "delete from back_test_events where job_id = $1"
_SAVE = """
insert into back_test_events (tenant_id, job_id, conversation_id, turn_id, outcome, reason, body)
select $1, $2, u.conversation_id, u.turn_id, u.outcome, u.reason, u.body
from unnest($3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::jsonb[])
  with ordinality u (conversation_id, turn_id, outcome, reason, body, n)
where exists (select from conversations c where c.id = u.conversation_id) order by u.n"""
_PAGE = """
select position, conversation_id, turn_id, outcome, reason, body::text from back_test_events
where job_id = $1 and ($2::text is null or outcome = $2) and ($3::text is null or reason = $3) and position > $4
order by position limit $5"""
_FIND = """
select id, (payload ->> 'days')::int as days, state, progress_done, progress_total, progress_note, result::text, error,
       created_by, created_at, finished_at
from jobs where name = 'rules:back-test' and id = $1"""


@dataclass(frozen=True, slots=True)
class BackTestItem:
    """A back-test as it is shown."""

    id: UUID
    days: int
    state: JobState
    progress_done: int
    progress_total: int | None
    progress_note: str
    result: Mapping[str, Any] | None
    error: str | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class BackTestEvent:
    """An event as stored. `position` is its place in the list; `reason` says why the rule does not fire."""

    position: int
    conversation_id: int
    turn_id: UUID
    outcome: Outcome
    reason: str
    body: Mapping[str, Any]


class PostgresBackTests:
    """What back-tests read and leave behind; the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def span(self, tenant_id: TenantId, agent_id: AgentId, days: int) -> Span:
        """Return the last days until now."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            [r] = await connection.fetch(_SPAN, agent_id, days)
        return Span(r["since"], r["until"], r["n"])

    async def pages(self, tenant_id: TenantId, agent_id: AgentId, span: Span) -> AsyncIterator[TurnPage]:
        """Return the turns of a span page by page; every page is a transaction of its own."""
        done, last = 0, 0
        while ids := await self._conversations(tenant_id, agent_id, span, last):
            last = ids[-1]
            for first in range(0, len(ids), _AT_ONCE):
                chunk = ids[first : first + _AT_ONCE]
                async for turns in self._turns(tenant_id, chunk, span):
                    yield TurnPage(turns, done + first)
            done += len(ids)

    async def _conversations(self, tenant_id: TenantId, agent_id: AgentId, span: Span, after: int) -> list[int]:
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [r["id"] for r in await connection.fetch(_CONVERSATIONS, agent_id, span.since, after, _NUMBERS)]

    async def _turns(self, tenant_id: TenantId, ids: list[int], span: Span) -> AsyncIterator[list[StoredTurn]]:
        after = span.since
        while ids:
            async with self._database.tenant_transaction(tenant_id) as connection:
                rows = await connection.fetch(_TURNS, ids, span.since, span.until, after, PAGE)
            if rows:
                yield [StoredTurn(*r) for r in rows]
            if len(rows) < PAGE:
                return
            ids, after = ids[ids.index(rows[-1]["id"]) :], rows[-1]["created_at"]

    async def said(self, tenant_id: TenantId, turn_ids: Sequence[UUID]) -> Mapping[UUID, Said]:
        """Return what customers wrote in turns; those where nobody did are left out."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_SAID, turn_ids)
        return {r["turn_id"]: Said(r["text"], r["first"], r["channel"]) for r in rows}

    async def fired_before(self, tenant_id: TenantId, agent_id: AgentId, rule: str, before: datetime) -> Mapping[int, int]:
        """Return when a rule fired last before a moment, in Unix seconds, by conversation."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_FIRED, agent_id, rule, before)
        return {r["conversation_id"]: r["at"] for r in rows}

    async def save(self, lease: JobLease, findings: Sequence[Finding], mark: Mark) -> None:
        """Store the events to look at in place of those of an earlier try, in one transaction under the job's lease."""
        columns: list[list[Any]] = [[], [], [], [], []]
        for found in findings:
            turn = found.event.turn
            row = (turn.conversation_id, turn.turn_id, found.outcome, found.reason, orjson.dumps(_body(found)).decode())
            for column, value in zip(columns, row, strict=True):
                column.append(value)
        async with fenced(self._database, lease) as writes:
            await writes.connection.execute(_FORGET, lease.job_id)
            await writes.connection.execute(_SAVE, lease.tenant_id, lease.job_id, *columns)
            writes.mark = mark


class TenantBackTests:
    """Back-tests as the API shows them; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, tenant_id: UUID, job_id: UUID) -> BackTestItem | None:
        """Return one back-test."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_FIND, job_id)
        return BackTestItem(**{**dict(r), "result": orjson.loads(r["result"]) if r["result"] else None}) if r else None

    async def page(
        self, tenant_id: UUID, job_id: UUID, outcome: Outcome | None, reason: str | None, after: int, limit: int
    ) -> list[BackTestEvent]:
        """Return events of a back-test, the newest first, after the place `after` (0: from the start)."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_PAGE, job_id, outcome, reason, after, limit)
        return [BackTestEvent(*[*list(r.values())[:-1], orjson.loads(r["body"])]) for r in rows]


def _body(found: Finding) -> dict[str, Any]:
    """Return what lists do not go by."""
    event = found.event
    return {"at": event.at.isoformat(), "on": event.wake.on, "text": event.text[:_LONGEST_TEXT], "saved_reason": found.saved_reason}
