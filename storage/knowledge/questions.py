"""Questions that found no good answer: handed off because the knowledge has none, or met by a list to choose from."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from storage.accounts.audit import Actor, record
from storage.postgres import Database

DAYS = 30
_LOOKED_AT = 3_000  # the newest of each sort
MOST = 100
# The same question in other spaces, case and punctuation is one.
_KEY = "md5(trim(regexp_replace(lower(translate(q.body, 'ёЁ', 'ее')), '[^[:alnum:]]+', ' ', 'g')))::uuid"
_LIST = f"""
with turns as (
  (select a.turn_id, a.conversation_id, a.at, 'none' as found from activity_logs a
   where a.tenant_id = $1 and a.agent_id = $2 and a.kind = 'turn.handed_off'
     and a.data ->> 'reason' in ('no passage covers the question', 'no passage is sure')
   order by a.xid desc, a.id desc limit {_LOOKED_AT})
  union all
  (select a.turn_id, a.conversation_id, a.at, 'several' from activity_logs a
   where a.agent_id = $2 and a.kind = 'turn.answered' and a.data ->> 'mode' = 'choices' order by a.id desc limit {_LOOKED_AT})
), questions as (
  select t.conversation_id, t.at, t.found,
    (select string_agg(m.body, ' ' order by m.seq) from messages m where m.turn_id = t.turn_id and m.role = 'customer') as body
  from turns t where t.at > now() - interval '{DAYS} days'
), keyed as (
  select q.*, {_KEY} as key from questions q where q.body is not null
)
select k.key, left((array_agg(k.body order by k.at desc))[1], 500) as question, count(*)::int as times, max(k.at) as last_at,
  (array_agg(k.conversation_id order by k.at desc))[1] as conversation_id, bool_or(k.found = 'none') as nothing
from keyed k left join dismissed_questions d on d.agent_id = $2 and d.key = k.key
group by k.key, d.dismissed_at having d.dismissed_at is null or max(k.at) > d.dismissed_at
order by times desc, last_at desc, key limit {MOST}"""  # noqa: S608
_DISMISS = f"""
insert into dismissed_questions (tenant_id, agent_id, key, dismissed_by) select $1, $2, o.key, $4 from ({_LIST}) o where o.key = $3
on conflict (agent_id, key) do update set dismissed_at = now(), dismissed_by = excluded.dismissed_by returning 1"""  # noqa: S608
_RECALL = "delete from dismissed_questions where agent_id = $1 and key = $2 returning 1"
_SHOWN = f"select 1 from ({_LIST}) o where o.key = $3"  # noqa: S608


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question without a good answer. `nothing`: at least once nothing was found; else there were several things to choose from."""

    key: UUID
    question: str
    times: int
    last_at: datetime
    conversation_id: int
    nothing: bool


class OpenQuestions:
    """The questions of a tenant's agents; needs the role callboard_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, tenant_id: UUID, agent_id: UUID) -> list[OpenQuestion]:
        """Return what was asked most in the last 30 days."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [OpenQuestion(*r.values()) for r in await connection.fetch(_LIST, tenant_id, agent_id)]

    async def dismiss(self, tenant_id: UUID, agent_id: UUID, key: UUID, by: Actor) -> bool:
        """Leave a question out until it is asked again. False if there is no such question."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await connection.fetchval(_DISMISS, tenant_id, agent_id, key, by.name) is None:
                return False
            await record(connection, tenant_id, by, "question.dismissed", f"agent:{agent_id}", None, {"question": str(key)})
            return True

    async def recall(self, tenant_id: UUID, agent_id: UUID, key: UUID, by: Actor) -> bool:
        """Show a dismissed question again; one that is shown stays so. False if there is no such question."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await connection.fetchval(_RECALL, agent_id, key) is not None:
                await record(connection, tenant_id, by, "question.recalled", f"agent:{agent_id}", None, {"question": str(key)})
                return True
            return await connection.fetchval(_SHOWN, tenant_id, agent_id, key) is not None
