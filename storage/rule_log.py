"""What rules did, and the events of the last days that a rule can be tried on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from storage.postgres import Database

_EXECUTIONS = """
select id, at, kind, conversation_id, turn_id, data::text from activity_logs
where agent_id = $1 and data ->> 'rule' = $2 and kind in ('rule.fired', 'rule.failed') and ($3::bigint is null or id < $3)
order by id desc limit $4"""
# Newest first until the limit; who tries a rule wants the events of now.
_EVENTS = """
select t.conversation_id, m.id, m.text, m.version, g.channel, t.created_at, t.body
from traces t join conversations c on c.id = t.conversation_id join integrations g on g.id = c.integration_id
cross join lateral (select max(x.id) as id, min(x.version) as version, string_agg(x.body, E'\\n' order by x.seq) as text
                    from messages x where x.turn_id = t.turn_id and x.role = 'customer') m
where g.agent_id = $1 and t.created_at > now() - $2::int * interval '1 day' and m.id is not null
order by t.created_at desc limit $3"""


@dataclass(frozen=True, slots=True)
class Execution:
    """One time a rule fired or failed."""

    id: int
    at: datetime
    kind: str
    conversation_id: int | None
    turn_id: UUID | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PastEvent:
    """A customer's message with the trace of its turn (actors/domain/trace.py)."""

    conversation_id: int
    message_id: int
    text: str
    version: int  # of the conversation: 1 with its first turn
    channel: str
    at: datetime
    trace: bytes


class RuleLog:
    """What rules of a tenant did; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def executions(self, tenant_id: UUID, agent_id: UUID, key: str, before: int | None, limit: int) -> list[Execution]:
        """Return the times a rule fired or failed, the newest first, before the execution `before`."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_EXECUTIONS, agent_id, key, before, limit)
        return [Execution(*[*list(r.values())[:-1], orjson.loads(r["data"])]) for r in rows]

    async def events(self, tenant_id: UUID, agent_id: UUID, days: int, limit: int) -> list[PastEvent]:
        """Return the newest customers' messages of the last days, oldest first."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_EVENTS, agent_id, days, limit)
        return [PastEvent(*r.values()) for r in reversed(rows)]
