"""Actions: what turns asked of systems outside, leased to one sender, carried out once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.domain.ids import AgentId, ConversationId, TenantId, owned
from actors.ports.actions import Action, ActionId, ActionOutcome
from actors.ports.carriers import Carrier
from storage.postgres import Database

_COLUMNS = """
id, agent_id, conversation_id, turn_id, seq, kind, rule, state, attempts, error, created_at, ended_at, due_at, params::text, result::text"""
_PAGE = f"""
select {_COLUMNS} from actions
where agent_id = $1 and ($2::text is null or state = $2) and ($3::text is null or rule = $3) and ($4::bigint is null or id < $4)
order by id desc limit $5"""  # noqa: S608
_OF_MESSAGE = f"""
select {_COLUMNS} from actions where turn_id = (select m.turn_id from messages m where m.id = $1 and m.conversation_id = $2) order by seq"""  # noqa: S608
_HAS_MESSAGE = "select exists (select from messages where id = $1 and conversation_id = $2)"
_OF_TURNS = f"select {_COLUMNS} from actions where turn_id = any($1) order by id"  # noqa: S608
_RETRY = f"""
update actions set state = 'pending', attempts = 0, due_at = now(), error = null, ended_at = null
where id = $1 and state in ('failed', 'unknown') returning {_COLUMNS}"""  # noqa: S608
_FIND = f"select {_COLUMNS} from actions where id = $1"  # noqa: S608
_TEST_CHAT = """
from conversations c join integrations g on g.id = c.integration_id where c.id = $1 and g.channel = 'test'"""
_ACTS = f"select c.acts {_TEST_CHAT}"
_SET_ACTS = f"update conversations set acts = $2 where id = (select c.id {_TEST_CHAT}) returning acts"  # noqa: S608
_TELL = """
insert into activity_logs (tenant_id, kind, agent_id, conversation_id, turn_id, data)
values ($1, 'action.retried', $2, $3, $4, $5::jsonb)"""


class PostgresActions:
    """Actions of the whole installation; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, carrier: Carrier, full: Sequence[TenantId], limit: int, lease_s: float) -> list[Action]:
        """Lease the oldest open action of each conversation and family.

        Raises:
            OwnershipLost: a newer generation or epoch owns the shards.
        """
        shards = owned(carrier.part, carrier.parts)
        sql = "select * from actions_claim($1, $2, $3, $4, $5, $6, $7)"
        rows = await self._database.fetch(sql, carrier.part, carrier.generation, carrier.epoch, shards, list(full), limit, lease_s)
        return [_action(r) for r in rows]

    async def begin(self, carrier: Carrier, ids: Sequence[ActionId]) -> set[ActionId]:
        """Commit `sending`; only the returned ids may be carried out."""
        begun = await self._database.fetchval("select actions_begin($1, $2)", carrier.generation, list(ids))
        return {ActionId(i) for i in begun}

    async def finish(self, carrier: Carrier, outcome: ActionOutcome) -> bool:
        """Store how one ended; False if it is not this generation's any more."""
        result = orjson.dumps(dict(outcome.result)).decode() if outcome.result else None
        arguments = (carrier.generation, outcome.id, outcome.outcome, outcome.error, result, outcome.delay_s)
        ours: bool = await self._database.fetchval("select actions_finish($1, $2, $3, $4, $5::jsonb, $6)", *arguments)
        return ours

    async def expire(self) -> int:
        """End leases that are over; return how many."""
        rows: int = await self._database.fetchval("select actions_expire()")
        return rows


@dataclass(frozen=True, slots=True)
class ActionItem:
    """An action as people see it."""

    id: int
    agent_id: UUID
    conversation_id: int
    turn_id: UUID
    seq: int
    kind: str
    rule: str
    state: str
    attempts: int
    error: str | None
    created_at: datetime
    ended_at: datetime | None
    due_at: datetime
    params: Mapping[str, Any]
    result: Mapping[str, Any]


class Actions:
    """The actions of a tenant; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, tenant_id: UUID, agent_id: UUID, state: str | None, rule: str | None, before: int | None, limit: int
    ) -> list[ActionItem]:
        """Return an agent's actions, the newest first, older than `before`."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_item(r) for r in await connection.fetch(_PAGE, agent_id, state, rule, before, limit)]

    async def of_message(self, tenant_id: UUID, conversation_id: int, message_id: int) -> list[ActionItem] | None:
        """Return what the turn of a message asked for, in its order. None if the conversation has no such message."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if not await connection.fetchval(_HAS_MESSAGE, message_id, conversation_id):
                return None
            return [_item(r) for r in await connection.fetch(_OF_MESSAGE, message_id, conversation_id)]

    async def of_turns(self, tenant_id: UUID, turns: Sequence[UUID]) -> list[ActionItem]:
        """Return what turns asked for."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_item(r) for r in await connection.fetch(_OF_TURNS, list(turns))]

    async def retry(self, tenant_id: UUID, action_id: int, by: str) -> ActionItem | None:
        """Let an action that failed, or whose outcome nobody knows, be carried out again; one in another state stays as it is."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_RETRY, action_id)
            if r is None:
                found = await connection.fetchrow(_FIND, action_id)
                return _item(found) if found else None
            item = _item(r)
            data = orjson.dumps({"action": item.id, "kind": item.kind, "rule": item.rule, "by": by}).decode()
            await connection.execute(_TELL, tenant_id, item.agent_id, item.conversation_id, item.turn_id, data)
            return item

    async def acts(self, tenant_id: UUID, conversation_id: int) -> bool | None:
        """Return whether a test conversation acts in earnest; None if there is no such test conversation."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            found: bool | None = await connection.fetchval(_ACTS, conversation_id)
        return found

    async def set_acts(self, tenant_id: UUID, conversation_id: int, acts: bool) -> bool | None:
        """Say whether a test conversation acts in earnest from its next turn on; None if there is no such test conversation."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            found: bool | None = await connection.fetchval(_SET_ACTS, conversation_id, acts)
        return found


def _action(r: Any) -> Action:
    return Action(
        ActionId(r["id"]),
        TenantId(r["tenant_id"]),
        AgentId(r["agent_id"]),
        ConversationId(r["conversation_id"]),
        r["turn_id"],
        r["seq"],
        r["kind"],
        orjson.loads(r["params"]),
        r["rule"],
        r["attempts"],
        r["begun_at"],
    )


def _item(r: Any) -> ActionItem:
    *columns, params, result = r.values()
    return ActionItem(*[*columns, orjson.loads(params), orjson.loads(result) if result else {}])
