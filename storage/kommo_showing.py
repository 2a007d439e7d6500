"""What is to be shown in Kommo, with leases on chats; needs the role callboard_engine."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from actors.domain.errors import TerminalError
from actors.domain.ids import Address, ConversationId, IntegrationId, TenantId
from actors.ports.showing import OwnChannel, SaidMessage, ShownChat
from storage.crypto import SecretBox, SecretKeyError
from storage.postgres import Connection, Database

log = logging.getLogger(__name__)

AT_ONCE = 3  # transactions: the process has other work
MOST_FOUND = 2_000  # chats noted in one statement
LONGEST_REF = 64

_CHANNELS = """
select h.id, h.tenant_id, h.integration_id, h.channel_id, h.scope_id, k.host, h.bot_id, h.title, h.failures,
  h.problem_code is not null as broken, h.secret_encrypted, h.due_at <= now() as due
from kommo_channels h join integrations g on g.id = h.integration_id join kommo_accounts k on k.integration_id = h.integration_id
where g.status <> 'disconnected' order by h.due_at, h.id"""
# Conversations that changed since the last look. Transactions become visible in any order: two minutes are looked at again.
_FOUND = """
with latest as (
  select c.id, c.last_at from kommo_channels h join conversations c on c.tenant_id = h.tenant_id
  where h.id = $1 and c.last_at > h.watermark - interval '2 minutes'
), changed as (
  select c.id from kommo_channels h join integrations k on k.id = h.integration_id cross join latest l join conversations c on c.id = l.id
  join integrations g on g.id = c.integration_id left join kommo_chats s on s.conversation_id = c.id
  where h.id = $1 and c.kind = 'chat' and not c.state ? 'operator' and g.agent_id = k.agent_id and g.channel in ('telegram', 'web')
    and case when s.conversation_id is null then
          exists (select from messages m where m.conversation_id = c.id and m.created_at >= h.connected_at)
        else s.channel = h.id and s.due_at is null and
          exists (select from messages m where m.conversation_id = c.id and m.id > s.cursor) end
  order by l.last_at limit $2
)
insert into kommo_chats as s (conversation_id, tenant_id, channel, cursor, due_at)
select x.id, h.tenant_id, h.id,
  coalesce((select max(m.id) from messages m where m.conversation_id = x.id and m.created_at < h.connected_at), 0), now()
from changed x join kommo_channels h on h.id = $1 order by x.id
on conflict (conversation_id) do update set due_at = now() where s.due_at is null and s.channel = excluded.channel
returning 1"""
_LOOKED = "update kommo_channels set watermark = now() where id = $1 and watermark < now()"
_CLAIM = """
with mine as (
  select s.conversation_id from kommo_chats s
  where s.channel = $1 and s.due_at <= clock_timestamp() and (s.lease_until is null or s.lease_until < clock_timestamp())
  order by s.due_at, s.conversation_id limit $3 for update skip locked
), taken as (
  update kommo_chats s set worker = $2, lease_until = clock_timestamp() + $4 from mine where s.conversation_id = mine.conversation_id
  returning s.*
)
select t.conversation_id, t.ref_id, t.cursor, t.sending, t.repeatable, t.looks, c.integration_id, c.key,
  t.made_for <> c.key is true as moved,
  coalesce(nullif(c.state->>'name', ''), nullif(c.title, ''), '') as name
from taken t join conversations c on c.id = t.conversation_id order by t.conversation_id"""
_MINE = "where conversation_id = $1 and worker = $2 and lease_until > clock_timestamp()"
_MADE = f"update kommo_chats set ref_id = $3, made_for = $4 {_MINE} returning 1"  # noqa: S608
_MIRROR = """
insert into conversations as c (tenant_id, integration_id, key, kind, partition, state)
values ($1, $2, $3, 'mirror', $4, '{"mirror": true}')
on conflict (integration_id, key) do update set kind = 'mirror', version = c.version + 1, state = c.state || '{"mirror": true}'
where c.kind <> 'mirror'"""
_FOLLOWING = """
select m.id, m.role, m.body, m.created_at, extract(epoch from clock_timestamp() - m.created_at)::float8 as age_s,
  coalesce(m.external_id, '') as external_id, o.state as delivery, o.error
from messages m left join outbox o on o.turn_id = m.turn_id and o.seq = m.seq and m.role <> 'customer'
where m.conversation_id = $1 and m.id > $2 order by m.id limit 1"""
_BEGIN = f"""
update kommo_chats set sending = $3, sending_since = clock_timestamp(), repeatable = false, looks = 0, lease_until = clock_timestamp() + $4
{_MINE} returning 1"""  # noqa: S608
_DONE = f"""
update kommo_chats set cursor = greatest(cursor, $3), sending = null, sending_since = null, repeatable = false, looks = 0, error = null,
  shown = shown + ($4::bool)::int, last_shown_at = case when $4::bool then clock_timestamp() else last_shown_at end
{_MINE} returning 1"""  # noqa: S608
_GIVE_UP = f"""
update kommo_chats set cursor = greatest(cursor, $3), sending = null, sending_since = null, repeatable = false, looks = 0, error = $4,
  uncertain = uncertain + ($5::bool)::int
{_MINE} returning 1"""  # noqa: S608
_WAIT = f"""
update kommo_chats set due_at = clock_timestamp() + $3, error = coalesce($4, error), worker = null, lease_until = null,
  sending = case when $5::bool then sending end, sending_since = case when $5::bool then sending_since end
{_MINE}"""  # noqa: S608
_DOUBT = f"""
update kommo_chats set due_at = clock_timestamp() + $3, error = $4, looks = $5, repeatable = $6, worker = null, lease_until = null
{_MINE}"""  # noqa: S608
# What is said from now on is noted by the next look, of whoever has raised `last_at`.
_RELEASE = f"""
update kommo_chats s set worker = null, lease_until = null,
  due_at = case when exists (select from messages m where m.conversation_id = s.conversation_id and m.id > s.cursor)
    then clock_timestamp() end
{_MINE}"""  # noqa: S608
_TOLD = """
insert into activity_logs (tenant_id, kind, conversation_id, data)
values ($1, case when $2::bool then 'mirror.unknown' else 'mirror.refused' end, $3, $4::jsonb)"""
_BROKE = """
insert into activity_logs (tenant_id, kind, agent_id, data)
select tenant_id, 'integration.broken', agent_id, $2::jsonb from integrations where id = $1"""
_PAUSE = """
update kommo_channels h set due_at = clock_timestamp() + $2, failures = least(h.failures + 1, 1000), problem = coalesce($3, h.problem),
  problem_code = coalesce($4, h.problem_code)
from kommo_channels before where h.id = $1 and before.id = h.id and h.secret_encrypted = $5
returning before.problem_code is null and $4::text is not null"""
_WORKS = "update kommo_channels set failures = 0, problem = null, problem_code = null where id = $1 and secret_encrypted = $2"


class PostgresShowing:
    """Channels of all tenants, and the chats in them."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box
        self._room = asyncio.Semaphore(AT_ONCE)

    async def channels(self) -> Sequence[OwnChannel]:
        """Return all channels, those that wait longest first."""
        async with self._room, self._database.dispatch_transaction() as connection:
            rows = await connection.fetch(_CHANNELS)
        return [channel for r in rows if (channel := self._channel(r)) is not None]

    async def find(self, channel: OwnChannel) -> None:
        """Note the conversations that changed."""
        async with self._transaction(channel) as connection:
            found = await connection.fetch(_FOUND, channel.id, MOST_FOUND)
            if len(found) < MOST_FOUND:
                await connection.execute(_LOOKED, channel.id)

    async def claim(self, channel: OwnChannel, worker: UUID, most: int, lease_s: float) -> Sequence[ShownChat]:
        """Take chats that are due, the longest waiting first."""
        async with self._transaction(channel) as connection:
            rows = await connection.fetch(_CLAIM, channel.id, worker, most, timedelta(seconds=lease_s))
        return [_chat(r) for r in rows]

    async def made(self, channel: OwnChannel, chat: ShownChat, worker: UUID, ref_id: str) -> bool:
        """Keep Kommo's id of a chat; what the ordinary webhook tells of this chat is ignored from now on."""
        if not 0 < len(ref_id) <= LONGEST_REF:
            raise TerminalError("Kommo: the chat's id is none")
        address = Address(IntegrationId(channel.integration_id), ref_id)
        async with self._transaction(channel) as connection:
            if not await connection.fetchval(_MADE, chat.conversation_id, worker, ref_id, chat.address.key):
                return False
            await connection.execute(_MIRROR, channel.tenant_id, channel.integration_id, ref_id, address.partition)
        return True

    async def following(self, channel: OwnChannel, chat: ShownChat) -> SaidMessage | None:
        """Return the message behind the chat's cursor."""
        async with self._transaction(channel) as connection:
            r = await connection.fetchrow(_FOLLOWING, chat.conversation_id, chat.cursor)
        return SaidMessage(*r.values()) if r else None

    async def begin(self, channel: OwnChannel, chat: ShownChat, worker: UUID, message_id: int, lease_s: float) -> bool:
        """Say that a message is written to the wire now."""
        return await self._change(channel, _BEGIN, chat.conversation_id, worker, message_id, timedelta(seconds=lease_s))

    async def done(self, channel: OwnChannel, chat: ShownChat, worker: UUID, message_id: int, *, shown: bool) -> bool:
        """Put the cursor behind a message."""
        return await self._change(channel, _DONE, chat.conversation_id, worker, message_id, shown)

    async def give_up(self, channel: OwnChannel, chat: ShownChat, worker: UUID, message_id: int, error: str, *, uncertain: bool) -> bool:
        """Go on without a message, and tell people."""
        data = _json({"message_id": str(message_id), "error": error})
        async with self._transaction(channel) as connection:
            if not await connection.fetchval(_GIVE_UP, chat.conversation_id, worker, message_id, error, uncertain):
                return False
            await connection.execute(_TOLD, channel.tenant_id, uncertain, chat.conversation_id, data)
        return True

    async def wait(self, channel: OwnChannel, chat: ShownChat, worker: UUID, seconds: float, error: str | None, *, begun: bool) -> None:
        """Let the chat go; `begun`: what was begun stays to be looked for."""
        async with self._transaction(channel) as connection:
            await connection.execute(_WAIT, chat.conversation_id, worker, timedelta(seconds=seconds), error, begun)

    async def doubt(
        self, channel: OwnChannel, chat: ShownChat, worker: UUID, looks: int, seconds: float, error: str, *, repeatable: bool
    ) -> None:
        """Let the chat go after an outcome that is not known; `looks` into the history were in vain."""
        async with self._transaction(channel) as connection:
            await connection.execute(_DOUBT, chat.conversation_id, worker, timedelta(seconds=seconds), error, looks, repeatable)

    async def release(self, channel: OwnChannel, chat: ShownChat, worker: UUID) -> None:
        """Let a chat go, to come again if more was said."""
        async with self._transaction(channel) as connection:
            await connection.execute(_RELEASE, chat.conversation_id, worker)

    async def pause(self, channel: OwnChannel, seconds: float, problem: str | None, code: str | None) -> None:
        """Ask nothing of the channel for some time; a problem is told in the feed once."""
        async with self._transaction(channel) as connection:
            fresh = await connection.fetchval(_PAUSE, channel.id, timedelta(seconds=seconds), problem, code, channel.sealed)
            if fresh:
                whose = {"integration_id": str(channel.integration_id), "channel": "kommo"}
                about = {"what": "own_channel.broken", **whose, "code": code, "reason": problem}
                await connection.execute(_BROKE, channel.integration_id, _json(about))

    async def works(self, channel: OwnChannel) -> None:
        """Say that nothing is wrong with the channel any more."""
        async with self._transaction(channel) as connection:
            await connection.execute(_WORKS, channel.id, channel.sealed)

    async def _change(self, channel: OwnChannel, sql: str, *values: Any) -> bool:
        async with self._transaction(channel) as connection:
            return await connection.fetchval(sql, *values) is not None

    @asynccontextmanager
    async def _transaction(self, channel: OwnChannel) -> AsyncIterator[Connection]:
        async with self._room, self._database.tenant_transaction(channel.tenant_id) as connection:
            yield connection

    def _channel(self, r: Any) -> OwnChannel | None:
        try:
            secret = self._box.decrypt(r["secret_encrypted"], str(r["id"]))
        except SecretKeyError as error:
            log.error("kommo: channel %s is left alone: %s", r["id"], error)
            return None
        names = ("integration_id", "channel_id", "scope_id", "host", "bot_id", "title", "due", "failures", "broken")
        kept: dict[str, Any] = {name: r[name] for name in names}
        return OwnChannel(id=r["id"], tenant_id=TenantId(r["tenant_id"]), secret=secret, sealed=r["secret_encrypted"], **kept)


def _chat(r: Any) -> ShownChat:
    address = Address(IntegrationId(r["integration_id"]), r["key"])
    names = ("name", "ref_id", "cursor", "sending", "repeatable", "looks", "moved")
    return ShownChat(ConversationId(r["conversation_id"]), address, *(r[name] for name in names))


def _json(data: Any) -> str:
    return orjson.dumps(data).decode()
