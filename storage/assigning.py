"""Whose conversations are: said by rules, in the commit of their turn, and by people, at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from actors.ports.turns import TurnCommit
from storage.postgres import Connection, Database

_NAME = "coalesce(nullif(u.name, ''), u.email)"
_MAY = "u.removed_at is null and u.role in ('owner', 'admin', 'operator')"
_BY_RULE = f"""
update conversations c set assigned_to = u.id from users u
where c.id = $1 and u.tenant_id = c.tenant_id and u.email = $2 and {_MAY} returning {_NAME}"""  # noqa: S608
_BY_HAND = """
update conversations c set assigned_to = $2 where c.id = $1 and c.kind = 'chat' and not c.state ? 'operator' returning 1"""
_NAMED = f"select {_NAME} from users u where u.id = $1 and {_MAY}"  # noqa: S608
_COLLEAGUES = f"select u.id, u.email, {_NAME} as name from users u where {_MAY} order by name, u.id"  # noqa: S608
_LOG = """
insert into activity_logs (tenant_id, kind, agent_id, conversation_id, turn_id, data)
select c.tenant_id, case when $2 then 'conversation.assigned' else 'rule.failed' end, g.agent_id, c.id, $3, $4::jsonb
from conversations c join integrations g on g.id = c.integration_id where c.id = $1"""


class Unassignable(Exception):
    """There is no such person, or they may not answer customers."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who may answer customers."""

    id: UUID
    email: str
    name: str


class Assignments:
    """Whose conversations are, as people say it; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def colleagues(self, tenant_id: UUID) -> list[Colleague]:
        """Return who may answer customers, by name."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [Colleague(*r.values()) for r in await connection.fetch(_COLLEAGUES)]

    async def assign(self, tenant_id: UUID, conversation_id: int, user_id: UUID | None, by: str) -> bool:
        """Say whose a conversation is; None: nobody's. False if there is no such conversation.

        Raises:
            Unassignable: see there.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            name = await connection.fetchval(_NAMED, user_id) if user_id else ""
            if name is None:
                raise Unassignable
            if await connection.fetchval(_BY_HAND, conversation_id, user_id) is None:
                return False
            data = orjson.dumps({"to": name, "by": by}).decode()
            await connection.execute(_LOG, conversation_id, True, None, data)
        return True


async def settle(connection: Connection, winners: Sequence[TurnCommit]) -> None:
    """Write what rules of the winners said; a conversation is given to nobody who is not there any more, and the log says so."""
    for turn in winners:
        if turn.assigned is None:
            continue
        user, rule = turn.assigned.user, turn.assigned.rule
        name = await connection.fetchval(_BY_RULE, turn.conversation_id, user)
        told = {"rule": rule, "to": name}
        if name is None:
            told = {"rule": rule, "on": "assign", "reason": f"nobody with the address {user} answers customers here"}
        await connection.execute(_LOG, turn.conversation_id, name is not None, turn.turn_id, orjson.dumps(told).decode())
