"""Chats of operators: who may act in one, and what is said there."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson

from storage.accounts.audit import Actor
from storage.postgres import Connection

# Who may act now: people leave, and roles change.
MAY = "u.removed_at is null and u.role in ('operator', 'admin', 'owner')"
Policy = Literal["once", "repeat_once"]
TITLE = "coalesce(nullif(u.name, ''), u.email)"

_OPERATOR = f"""
select u.id, {TITLE} as name, u.locale, t.name as company
from operator_chats o join users u on u.id = o.user_id join tenants t on t.id = u.tenant_id
where o.conversation_id = $1 and {MAY}"""  # noqa: S608
_SAY = """
insert into outbox (tenant_id, conversation_id, integration_id, shard, turn_id, seq, class, policy, body)
select c.tenant_id, c.id, g.id, g.shard, coalesce($2, gen_random_uuid()), $3, 'operator', $5, $4::jsonb
from conversations c join integrations g on g.id = c.integration_id where c.id = $1"""
_LOCK = "select from conversations where id = any($1::bigint[]) order by id for update"
_FORGET = """
with gone as (delete from operator_chats where user_id = $1 or conversation_id = $2 returning conversation_id)
update conversations c set state = c.state - 'operator', version = c.version + 1 from gone
where c.id = gone.conversation_id returning c.id"""


@dataclass(frozen=True, slots=True)
class Operator:
    """A user who may act, at their own chat."""

    user_id: UUID
    name: str
    locale: str
    company: str

    @property
    def actor(self) -> Actor:
        """Return who it is for the audit log."""
        return Actor(self.name, self.user_id)


async def operator_of(connection: Connection, chat: int) -> Operator | None:
    """Return whose chat it is, if they may still act: roles change, and people leave."""
    r = await connection.fetchrow(_OPERATOR, chat)
    return Operator(r["id"], r["name"], r["locale"], r["company"]) if r else None


async def say(
    connection: Connection, chat: int, body: Mapping[str, Any], turn_id: UUID | None = None, seq: int = 0, policy: Policy = "repeat_once"
) -> None:
    """Send something to an operator's chat; `turn_id` and `seq` are what it is sent once for."""
    await connection.execute(_SAY, chat, turn_id, seq, orjson.dumps(dict(body)).decode(), policy)


async def lock(connection: Connection, conversations: Collection[int]) -> None:
    """Take conversations in the one order in which all do; who holds a customer's and wants an operator's would wait for ever."""
    await connection.execute(_LOCK, sorted(conversations))


async def forget(connection: Connection, user_id: UUID | None, chat: int | None) -> bool:
    """Make the chat of a user, or this chat, a customer's again; False if there is none."""
    return bool(await connection.fetch(_FORGET, user_id, chat))
