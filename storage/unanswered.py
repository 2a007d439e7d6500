"""Customers whose last words nobody answered, and having the bot answer them: a timer each, which becomes an input like any other."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from actors.domain.standing import ANSWER
from storage.postgres import Database

PACE_S = 0.1  # between two of one company: customers who write now do not wait behind them
# Where people were told, they are at it; where nobody can be told anything, nothing is to be done.
OPEN = """
c.state ? 'open' and c.kind = 'chat' and (c.control = 'bot' or c.control = 'waiting' and c.state->'open'->>'why' in ('late', 'stopped'))
  and not c.state ?| array['operator', 'blocked'] and not coalesce((c.state->'talk'->>'silenced')::bool, false)
  and g.channel <> 'test' and g.status = 'live' and not g.silent"""
# Asked for, and not handled yet: before its timer is due, or with a host.
_ASKED = f"""
exists (select from timers t where t.conversation_id = c.id and t.kind = '{ANSWER}')
  or exists (select from inbox i where i.integration_id = c.integration_id and i.key = c.key and i.state = 'pending')"""  # noqa: S608
_COUNT = f"""
select count(*) filter (where not o.asked)::int as waiting, count(*) filter (where o.asked)::int as answering,
       min(o.last_at) filter (where not o.asked) as oldest_at
from (select c.last_at, {_ASKED} as asked from conversations c join integrations g on g.id = c.integration_id where {OPEN}) o"""  # noqa: S608
# What was said since the last answer; words of ours that are none do not count, nor what was never sent.
_TEXTS = """
select jsonb_agg(left(m.body, 4000) order by m.id) as texts from (
  select m.id, m.body from messages m
  where m.conversation_id = c.id and m.role = 'customer' and m.id > coalesce((
    select max(a.id) from messages a left join outbox o on o.turn_id = a.turn_id and o.seq = a.seq
    where a.conversation_id = c.id and a.role <> 'customer' and coalesce(a.mode, '') not in ('late', 'step', 'handoff', 'overdue')
      and coalesce(o.state, 'sent') not in ('withdrawn', 'failed')), 0)
  order by m.id desc limit 10) m"""
_ASK = f"""
insert into timers (tenant_id, conversation_id, kind, due_at, payload)
select w.tenant_id, w.id, '{ANSWER}', now() + w.n * $1::float8 * interval '1 second',
       jsonb_build_object('inbox', w.inbox, 'by', $2::text, 'texts', w.texts)
from (
  select c.tenant_id, c.id, c.state->'open'->'inbox' as inbox, t.texts, row_number() over (order by c.last_at, c.id) - 1 as n
  from conversations c join integrations g on g.id = c.integration_id cross join lateral ({_TEXTS}) t
  where {OPEN} and not ({_ASKED}) and t.texts is not null) w
on conflict (conversation_id, kind) do nothing returning 1"""  # noqa: S608
_TOLD = """
insert into activity_logs (tenant_id, kind, data)
values ($1, 'bot.caught_up', jsonb_build_object('by', $2::text, 'conversations', $3::int))"""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """How many customers wait for an answer that nobody asked for, how many are being answered, and since when the longest waits."""

    waiting: int
    answering: int
    oldest_at: datetime | None


class UnansweredConversations:
    """Those of a tenant; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, tenant_id: UUID) -> Unanswered:
        """Count them."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_COUNT)
        assert r is not None  # an aggregate
        return Unanswered(*r.values())

    async def answer(self, tenant_id: UUID, by: str) -> int:
        """Have the bot answer all that wait, each once; return how many were asked for now."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            asked = len(await connection.fetch(_ASK, PACE_S, by))
            if asked:
                await connection.execute(_TOLD, tenant_id, by, asked)
        return asked
