"""What rules did."""

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


@dataclass(frozen=True, slots=True)
class Execution:
    """One time a rule fired or failed."""

    id: int
    at: datetime
    kind: str
    conversation_id: int | None
    turn_id: UUID | None
    data: Mapping[str, Any]


class RuleLog:
    """What rules of a tenant did; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def executions(self, tenant_id: UUID, agent_id: UUID, key: str, before: int | None, limit: int) -> list[Execution]:
        """Return the times a rule fired or failed, the newest first, before the execution `before`."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_EXECUTIONS, agent_id, key, before, limit)
        return [Execution(*[*list(r.values())[:-1], orjson.loads(r["data"])]) for r in rows]
