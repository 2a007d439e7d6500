"""Channels of our own at Kommo as people connect them; needs the role callboard_api."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from actors.domain.errors import TerminalError
from actors.domain.ids import TenantId
from storage.accounts.audit import Actor
from storage.authoring.changes import Change, tell
from storage.crypto import SecretBox
from storage.kommo_connections import ConnectedElsewhere
from storage.postgres import Connection, Database

SCOPE_KEY = "kommo_channels_scope_id_key"

_ACCOUNT = """
select k.host from integrations g join kommo_accounts k on k.integration_id = g.id
where g.agent_id = $1 and g.id = $2 and g.channel = 'kommo' and g.status <> 'disconnected'"""
_FIND = """
select h.id, h.channel_id, h.amojo_id, h.bot_id, h.title, h.scope_id, h.problem, h.problem_code, h.connected_at, h.secret_encrypted, k.host
from kommo_channels h join integrations g on g.id = h.integration_id join kommo_accounts k on k.integration_id = h.integration_id
where g.agent_id = $1 and h.integration_id = $2 and g.status <> 'disconnected'"""
_COUNTS = """
select count(*) filter (where c.ref_id is not null)::int as shown_chats, max(c.last_shown_at) as last_shown_at,
  coalesce(sum(case when c.due_at is null then 0 else (
    select count(*) from messages m where m.conversation_id = c.conversation_id and m.id > c.cursor) end), 0)::int as waiting_messages
from kommo_chats c where c.channel = $1"""
_OTHERS = """
select 1 from kommo_channels h join integrations g on g.id = h.integration_id
where g.agent_id = $1 and h.integration_id <> $2 and g.status <> 'disconnected'"""
_GONE = "delete from kommo_channels where integration_id = $1 and (channel_id <> $2 or amojo_id <> $3)"
_OVER = """
delete from kommo_channels h using integrations g where g.id = h.integration_id and g.status = 'disconnected' and h.scope_id = $1"""
_ID = "select coalesce((select id from kommo_channels where integration_id = $1), gen_random_uuid())"
_KEEP = """
insert into kommo_channels (id, tenant_id, integration_id, channel_id, amojo_id, scope_id, bot_id, title, secret_encrypted)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (integration_id) do update set bot_id = excluded.bot_id, title = excluded.title, secret_encrypted = excluded.secret_encrypted,
  problem = null, problem_code = null, due_at = '-infinity', failures = 0"""
_DELETE = "delete from kommo_channels where integration_id = $1"
_SHOWN = ("id", "channel_id", "amojo_id", "bot_id", "title", "scope_id", "problem", "problem_code", "connected_at", "host")
Whose = tuple[UUID, UUID]  # the agent, and its Kommo account


@dataclass(frozen=True, slots=True)
class NewChannel:
    """What Kommo accepted; the secret is plain here and only here."""

    channel_id: str
    amojo_id: str
    scope_id: str
    bot_id: str
    title: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChannelState:
    """A channel as its owners see it."""

    id: UUID
    channel_id: str
    amojo_id: str
    bot_id: str
    title: str
    scope_id: str
    problem: str | None
    problem_code: str | None
    connected_at: datetime
    shown_chats: int
    waiting_messages: int
    last_shown_at: datetime | None
    host: str
    secret: str = field(repr=False)


class KommoChannels:
    """Connecting, showing and giving up channels of a tenant."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def account_host(self, tenant_id: UUID, agent_id: UUID, integration_id: UUID) -> str | None:
        """Return the host of an agent's Kommo account; None if the agent has no such account."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            host: str | None = await connection.fetchval(_ACCOUNT, agent_id, integration_id)
        return host

    async def find(self, tenant_id: UUID, agent_id: UUID, integration_id: UUID) -> ChannelState | None:
        """Return the account's channel."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await self._find(connection, agent_id, integration_id)

    async def connect(self, tenant_id: UUID, by: Actor, agent_id: UUID, integration_id: UUID, new: NewChannel) -> ChannelState:
        """Keep a channel that Kommo accepted. Of the one that was there the chats go on; another one begins anew.

        Raises:
            ConnectedElsewhere: the agent shows its chats by another account already, or the channel is another company's.
        """
        try:
            async with self._database.tenant_transaction(tenant_id) as connection:
                return await self._connect(connection, tenant_id, by, (agent_id, integration_id), new)
        except TerminalError as error:
            if SCOPE_KEY in str(error):
                raise ConnectedElsewhere("this channel is connected already, by another company on this server") from error
            raise

    async def _connect(self, connection: Connection, tenant_id: UUID, by: Actor, whose: Whose, new: NewChannel) -> ChannelState:
        agent_id, integration_id = whose
        if await connection.fetchval(_OTHERS, agent_id, integration_id):
            raise ConnectedElsewhere("the agent shows its chats in another Kommo account already: disconnect the channel there first")
        before = await self._find(connection, agent_id, integration_id)
        await connection.execute(_GONE, integration_id, new.channel_id, new.amojo_id)
        await connection.execute(_OVER, new.scope_id)
        channel: UUID = await connection.fetchval(_ID, integration_id)
        sealed = self._box.encrypt(new.secret, str(channel))
        where = (channel, tenant_id, integration_id, new.channel_id, new.amojo_id, new.scope_id)
        await connection.execute(_KEEP, *where, new.bot_id, new.title, sealed)
        after = await self._find(connection, agent_id, integration_id)
        assert after is not None
        await self._tell(connection, tenant_id, by, whose, before, after)
        return after

    async def disconnect(self, tenant_id: UUID, by: Actor, agent_id: UUID, integration_id: UUID) -> ChannelState | None:
        """Give the channel up and return what it was. None if there was none."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await self._find(connection, agent_id, integration_id)
            if before is not None:
                await connection.execute(_DELETE, integration_id)
                await self._tell(connection, tenant_id, by, (agent_id, integration_id), before, None)
        return before

    async def _find(self, connection: Connection, agent_id: UUID, integration_id: UUID) -> ChannelState | None:
        r = await connection.fetchrow(_FIND, agent_id, integration_id)
        if r is None:
            return None
        counts = await connection.fetchrow(_COUNTS, r["id"])
        assert counts is not None  # an aggregate has one row
        kept: dict[str, Any] = {**{name: r[name] for name in _SHOWN}, **dict(counts)}
        return ChannelState(secret=self._box.decrypt(r["secret_encrypted"], str(r["id"])), **kept)

    @staticmethod
    async def _tell(
        connection: Connection, tenant_id: UUID, by: Actor, whose: Whose, before: ChannelState | None, after: ChannelState | None
    ) -> None:
        agent_id, integration_id = whose
        about = {"what": _what(before, after), "integration_id": str(integration_id), "channel": "kommo"}
        change = Change("integration.changed", f"integration:{integration_id}", _told(before), _told(after), about)
        await tell(connection, TenantId(tenant_id), agent_id, by, change)


def _what(before: ChannelState | None, after: ChannelState | None) -> str:
    """Return what the feed calls it."""
    if after is None:
        return "own_channel.disconnected"
    return "own_channel.connected" if before is None else "own_channel.changed"


def _told(state: ChannelState | None) -> dict[str, Any]:
    """Return what the audit log keeps: no secret."""
    if state is None:
        return {"own_channel": None}
    return {"own_channel": {"channel_id": state.channel_id, "bot_id": state.bot_id, "title": state.title}}
