"""An operator's own chat: a code is made in the console, and whoever sends it from their Telegram is that operator."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from actors.domain.operators import CODE
from storage.accounts.audit import Actor, record
from storage.operators.chats import MAY, TITLE, forget
from storage.postgres import Connection, Database

CODE_MINUTES = 10
MOST_TRIES = 5  # wrong codes of one chat in that time; 50 random bits need no more protection than that
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

_ISSUE = """
insert into operator_codes (user_id, tenant_id, code_hash, expires_at) values ($1, $2, $3, now() + $4 * interval '1 minute')
on conflict (user_id) do update set code_hash = excluded.code_hash, expires_at = excluded.expires_at returning expires_at"""
_STATE = """
select o.linked_at, o.available, g.username, c.state->>'name' as chat, a.name as agent
from operator_chats o join conversations c on c.id = o.conversation_id join integrations g on g.id = c.integration_id
join agents a on a.id = g.agent_id where o.user_id = $1"""
_BOTS = """
select g.username, a.name from integrations g join agents a on a.id = g.agent_id
where g.channel = 'telegram' and g.status = 'live' order by g.created_at, g.id limit 50"""
_AVAILABLE = "update operator_chats set available = $2 where user_id = $1 returning 1"
# Counted before the code is looked at; the window begins again when it is over.
_TRY = """
insert into operator_tries as t (conversation_id, tenant_id, tries) values ($1, $2, 1)
on conflict (conversation_id) do update set
  tries = case when t.began_at <= now() - $3 * interval '1 minute' then 1 else least(t.tries, 1000) + 1 end,
  began_at = case when t.began_at <= now() - $3 * interval '1 minute' then now() else t.began_at end
returning tries"""
_REDEEM = f"""
with used as (delete from operator_codes where code_hash = $1 and expires_at > now() returning user_id)
select u.id, {TITLE} as name from used join users u on u.id = used.user_id where {MAY}"""  # noqa: S608
_CLAIM = "insert into operator_chats (user_id, tenant_id, conversation_id) values ($1, $2, $3)"
# The chat was a customer's until now: what the bot still had to say there is not said, what waited for it does not wait any more.
_MARK = """
update conversations set control = 'bot', version = version + 1,
  state = state || jsonb_build_object('operator', $2::text, 'name', left($3::text, 120))
where id = $1"""
_WITHDRAW = """
update outbox set state = 'withdrawn', error = 'the chat became an operator''s', claimed_by = null, lease_until = null
where conversation_id = $1 and state in ('pending', 'claimed') and class <> 'operator'"""
# Who was waiting while nobody was left to ask is asked about again; see asking.py.
_WAKE = "update handoffs set next_at = opened_at where closed_at is null and next_at = 'infinity'"

Linked = Literal["linked", "wrong", "too_many"]


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot of the tenant to which a code can be sent; without a username it has no link."""

    agent: str
    username: str


@dataclass(frozen=True, slots=True)
class LinkedChat:
    """The Telegram chat of a user: whose it looks like there, and which bot it is with."""

    chat: str
    agent: str
    username: str
    available: bool
    linked_at: datetime


class OperatorLinks:
    """The chat of a user; needs the role callboard_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def issue(self, tenant_id: UUID, user_id: UUID, actor: Actor) -> tuple[str, datetime]:
        """Return a fresh code, for the only time, and when it ends; an older one ends now."""
        code = "op_" + "".join(secrets.choice(_LETTERS) for _ in range(10))
        async with self._database.tenant_transaction(tenant_id) as connection:
            expires_at: datetime = await connection.fetchval(_ISSUE, user_id, tenant_id, _hash(code), CODE_MINUTES)
            await record(connection, tenant_id, actor, "user.telegram_code_made", f"user:{user_id}")
        return code, expires_at

    async def find(self, tenant_id: UUID, user_id: UUID) -> LinkedChat | None:
        """Return the chat of a user."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_STATE, user_id)
        return LinkedChat(r["chat"] or "", r["agent"], r["username"], r["available"], r["linked_at"]) if r else None

    async def bots(self, tenant_id: UUID) -> list[Bot]:
        """Return the bots to which a code can be sent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [Bot(r["name"], r["username"]) for r in await connection.fetch(_BOTS)]

    async def set_available(self, tenant_id: UUID, user_id: UUID, available: bool) -> bool:
        """Say whether the user is asked about waiting customers; False if no chat is linked."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            known = bool(await connection.fetchval(_AVAILABLE, user_id, available))
            if available:
                await connection.execute(_WAKE)
        return known

    async def unlink(self, tenant_id: UUID, user_id: UUID, actor: Actor) -> bool:
        """Make the chat an ordinary one again; False if none is linked."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            await connection.execute("delete from operator_codes where user_id = $1", user_id)
            known = await forget(connection, user_id, None)
            if known:
                await record(connection, tenant_id, actor, "user.telegram_unlinked", f"user:{user_id}")
        return known


async def redeem(connection: Connection, tenant_id: UUID, chat: int, code: str, name: str) -> Linked:
    """Make a chat the one of the user whose code it is; in the commit of the turn that sent it."""
    if await connection.fetchval(_TRY, chat, tenant_id, CODE_MINUTES) > MOST_TRIES:
        return "too_many"
    user = await connection.fetchrow(_REDEEM, _hash(code)) if CODE.fullmatch(code) else None
    if user is None:
        return "wrong"
    await forget(connection, user["id"], chat)
    await connection.execute(_CLAIM, user["id"], tenant_id, chat)
    await connection.execute(_MARK, chat, str(user["id"]), name)
    await connection.execute(_WITHDRAW, chat)
    await connection.execute("delete from timers where conversation_id = $1", chat)
    await connection.execute("delete from operator_tries where conversation_id = $1", chat)
    await connection.execute(_WAKE)
    await record(connection, tenant_id, Actor(user["name"], user["id"]), "user.telegram_linked", f"user:{user['id']}")
    return "linked"


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "replace")).digest()
