"""Asks operators about customers who wait, one after another. A handoff is a row; the scheduler moves it on, in one transaction a step.

opened --ask the first--> limit passed --tell the customer once, ask the next--> ... --nobody is left--> (until somebody links)
"""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson

from actors.domain.agent.models import OVERDUE
from actors.domain.conversation import OWN_CHANNELS
from actors.domain.fields import pick
from actors.domain.operator_words import SHOWN, Said, notice, take_or_give_back, words
from storage.operators import notices
from storage.operators.chats import MAY, lock, say
from storage.postgres import Connection, Database

_DUE = "select id, tenant_id from handoffs where closed_at is null and next_at <= now() order by next_at, id limit $1"
# Whoever holds the conversation knows most of a message that died; then comes whose it is, then whoever was asked longest ago.
_NEXT = f"""
select o.user_id, o.conversation_id as chat, u.locale
from handoffs h join conversations c on c.id = h.conversation_id
join operator_chats o on o.tenant_id = h.tenant_id join users u on u.id = o.user_id
join conversations x on x.id = o.conversation_id join integrations g on g.id = x.integration_id
where h.id = $1 and o.available and {MAY} and g.status = 'live'
  and not exists (select from handoff_asks k where k.handoff_id = h.id and k.user_id = o.user_id)
order by o.user_id is not distinct from c.held_by desc, o.user_id is not distinct from c.assigned_to desc,
  o.asked_at, o.linked_at, o.user_id limit 1"""  # noqa: S608
_OF = "select conversation_id from handoffs where id = $1"
_STATE = """
select h.id, h.kind, h.asked, h.overdue, h.next_at = h.opened_at as first, c.id as conversation_id, c.control, c.state::text, c.tenant_id,
       nullif(coalesce(nullif(c.state->>'name', ''), c.title), '') as name, g.id as integration_id, g.channel, g.shard, g.silent,
       g.reply_policy, a.id as agent_id, v.definition->'persona'->'overdue_text' as texts, t.locale,
       coalesce((v.definition->'persona'->>'handoff_limit_s')::float8, 600) as limit_s,
       (select coalesce(nullif(u.name, ''), u.email) from users u where u.id = h.asked_user) as asked_name
from handoffs h join conversations c on c.id = h.conversation_id join integrations g on g.id = c.integration_id
join agents a on a.id = g.agent_id join tenants t on t.id = h.tenant_id
left join agent_versions v on v.agent_id = a.id and v.version = a.published_version
where h.id = $1 and h.closed_at is null and h.next_at <= now() for update of h"""
_ASKED = "insert into handoff_asks (handoff_id, user_id, tenant_id) values ($1, $2, $3)"
_LATEST = """
select role, body from (select id, role, body from messages where conversation_id = $1 order by id desc limit $2) latest order by id"""
_ON = """
update handoffs set asked = asked + ($2::uuid is not null)::int, asked_user = coalesce($2, asked_user), overdue = overdue + $3::int,
  next_at = case when $4::float8 is null then 'infinity' else now() + $4 * interval '1 second' end,
  closed_at = case when kind = 'dead_letter' then now() end
where id = $1"""
_LOG = """
insert into activity_logs (tenant_id, kind, agent_id, conversation_id, data) values ($1, 'handoff.overdue', $2, $3, $4::jsonb)"""
_RISE = "update conversations set version = version + 1, last_at = now() where id = $1 returning version"
_TELL = """
insert into messages (tenant_id, conversation_id, version, turn_id, seq, role, body, mode)
values ($1, $2, $3, $4, 0, 'agent', $5, 'overdue')"""
_SEND = """
insert into outbox (tenant_id, conversation_id, integration_id, shard, turn_id, seq, class, policy, body)
values ($1, $2, $3, $4, $5, 0, 'reply', $6, jsonb_build_object('text', $7::text))"""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who is asked now."""

    user_id: UUID
    chat: int
    locale: str


class Handoffs:
    """Handoffs of the whole installation; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def advance(self, limit: int) -> int:
        """Move on at most `limit` handoffs that are due; return how many were."""
        async with self._database.dispatch_transaction() as connection:
            due = await connection.fetch(_DUE, limit)
        for r in due:
            async with self._database.tenants_transaction([r["tenant_id"]]) as connection:
                await _advance(connection, r["id"])
        return len(due)

    async def tell(self, limit: int) -> int:
        """Say at most `limit` notices in operators' own chats; return how many."""
        return await notices.tell(self._database, limit)

    async def sweep(self) -> int:
        """Withdraw what a stopped bot would still say; return how many messages."""
        rows: int = await self._database.fetchval("select bots_sweep()")
        return rows


async def _advance(connection: Connection, handoff_id: int) -> None:
    asked = await _next(connection, handoff_id)
    conversation_id = await connection.fetchval(_OF, handoff_id)
    await lock(connection, {conversation_id, asked.chat} if asked else {conversation_id})
    h = await connection.fetchrow(_STATE, handoff_id)
    if h is None:
        return  # taken, or moved on by somebody else
    overdue = h["kind"] == "handoff" and not h["first"]
    if overdue:
        await _say_overdue(connection, h)
    if asked:
        await _ask(connection, h, asked)
    goes_on = asked is not None or not overdue
    await connection.execute(_ON, handoff_id, asked.user_id if asked else None, int(overdue), h["limit_s"] if goes_on else None)


async def _next(connection: Connection, handoff_id: int) -> _Asked | None:
    r = await connection.fetchrow(_NEXT, handoff_id)
    return _Asked(r["user_id"], r["chat"], r["locale"]) if r else None


async def _ask(connection: Connection, h: Any, asked: _Asked) -> None:
    kind: Literal["handoff", "again", "dead_letter"] = "again" if h["asked"] else "handoff"
    if h["kind"] == "dead_letter":
        kind = "dead_letter"
    said = [Said(m["role"], m["body"]) for m in await connection.fetch(_LATEST, h["conversation_id"], SHOWN)]
    text = notice(kind, asked.locale, h["name"] or words("somebody", asked.locale), said)
    buttons = take_or_give_back(asked.locale, h["conversation_id"])
    await say(connection, asked.chat, {"text": text, "buttons": buttons, "about": str(h["conversation_id"])})
    await connection.execute(_ASKED, h["id"], asked.user_id, h["tenant_id"])
    await connection.execute("update operator_chats set asked_at = now() where user_id = $1", asked.user_id)


async def _say_overdue(connection: Connection, h: Any) -> None:
    data = {"handoff_id": str(h["id"]), "asked": h["asked_name"], "limit_s": h["limit_s"], "times": h["overdue"] + 1}
    await connection.execute(_LOG, h["tenant_id"], h["agent_id"], h["conversation_id"], orjson.dumps(data).decode())
    if h["overdue"] == 0:
        await _tell_customer(connection, h)


async def _tell_customer(connection: Connection, h: Any) -> None:
    """Say once that it takes longer; a stopped bot does not, nor does one that talks with a robot."""
    state = orjson.loads(h["state"])
    if h["silent"] or h["control"] != "waiting" or state.get("talk", {}).get("silenced") or state.get("blocked"):
        return
    text = pick(orjson.loads(h["texts"]) if h["texts"] else OVERDUE, state.get("language") or h["locale"])
    turn_id = await connection.fetchval("select gen_random_uuid()")
    version = await connection.fetchval(_RISE, h["conversation_id"])
    await connection.execute(_TELL, h["tenant_id"], h["conversation_id"], version, turn_id, text)
    if h["channel"] not in OWN_CHANNELS:
        where = (h["tenant_id"], h["conversation_id"], h["integration_id"], h["shard"], turn_id)
        await connection.execute(_SEND, *where, h["reply_policy"], text)
