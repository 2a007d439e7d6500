"""Web chat widgets: what a company's site shows, and the conversations of its visitors."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.domain.ids import Address, AgentId, ConversationId, IntegrationId, TenantId, shard_of
from storage.accounts.audit import Actor
from storage.authoring.changes import Change, check, tell
from storage.postgres import Connection, Database

TOKEN_PREFIX = "cbw_"  # noqa: S105  # it is public

_COLUMNS = "w.id, w.agent_id, w.integration_id, w.token, w.name, w.origins, w.enabled, w.version, w.created_at"
_SELECT = f"select {_COLUMNS} from widgets w join integrations g on g.id = w.integration_id"  # noqa: S608
_LIST = f"{_SELECT} where w.agent_id = $1 and g.status <> 'disconnected' order by w.created_at, w.id"
_FIND = f"{_SELECT} where w.agent_id = $1 and w.id = $2 and g.status <> 'disconnected'"
_LOCK = f"{_FIND} for update of w"
_AGENT = "select 1 from agents where id = $1 and archived_at is null for share"
_INTEGRATE = "insert into integrations (id, tenant_id, agent_id, channel, account, shard) values ($1, $2, $3, 'web', $4, $5)"
_CREATE = """
insert into widgets (id, tenant_id, agent_id, integration_id, token, name, origins, enabled) values ($1, $2, $3, $4, $5, $6, $7, $8)"""
_CHANGE = """
update widgets set name = coalesce($2, name), origins = coalesce($3, origins), enabled = coalesce($4, enabled), version = version + 1
where id = $1"""
_DISCONNECT = "update integrations set status = 'disconnected' where id = $1"
_BY_TOKEN = "select tenant_id, id from widgets where token = $1 and enabled"  # noqa: S105
_OPEN = """
select w.id, w.tenant_id, w.agent_id, w.integration_id, w.origins, v.definition -> 'persona' ->> 'name' as agent_name, t.locale
from widgets w join integrations g on g.id = w.integration_id join agents a on a.id = w.agent_id join tenants t on t.id = w.tenant_id
join agent_versions v on v.agent_id = a.id and v.version = a.published_version
where w.id = $1 and w.enabled and g.status = 'live' and a.archived_at is null"""
_CONVERSATION = "select id from conversations where integration_id = $1 and key = $2"
_BEGIN = """
insert into conversations (tenant_id, integration_id, key, kind, partition) values ($1, $2, $3, 'chat', $4)
on conflict do nothing returning id"""
_SHOWN = """
m.id, m.role, m.body, m.external_id, m.created_at, m.data->'buttons' as buttons, m.data->'attachment' as attachment
from messages m where m.conversation_id = $1"""
_SAID = f"select {_SHOWN} and m.id > $2 order by m.id limit $3"
_LATEST = f"select * from (select {_SHOWN} order by m.id desc limit $2) latest order by id"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Widget:
    """A widget as its owners see it. `origins` are the sites where it may be used."""

    id: UUID
    agent_id: UUID
    integration_id: UUID
    token: str
    name: str
    origins: Sequence[str]
    enabled: bool
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OpenWidget:
    """A widget that takes messages now, as a visitor's request needs it."""

    id: UUID
    tenant_id: TenantId
    agent_id: AgentId
    integration_id: IntegrationId
    origins: frozenset[str]
    agent_name: str
    locale: str


@dataclass(frozen=True, slots=True)
class Said:
    """What a visitor sees of a message; `external_id` is what their page called their own one."""

    id: int
    role: str
    body: str
    external_id: str | None
    created_at: datetime
    buttons: Sequence[Mapping[str, Any]]  # below our answers: text, url
    attachment: Mapping[str, Any] | None  # to our answers: kind, url


class Widgets:
    """The widgets of a tenant's agents; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_agent(self, tenant_id: UUID, agent_id: UUID) -> list[Widget]:
        """Return an agent's widgets, oldest first."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [Widget(*r.values()) for r in await connection.fetch(_LIST, agent_id)]

    async def find(self, tenant_id: UUID, agent_id: UUID, widget_id: UUID) -> Widget | None:
        """Return one widget."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _find(connection, agent_id, widget_id)

    async def create(
        self, tenant_id: UUID, by: Actor, agent_id: UUID, name: str, origins: Sequence[str], *, enabled: bool = True
    ) -> Widget | None:
        """Create a widget and the integration it is. None if the tenant has no such agent, or it is in the archive."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await connection.fetchval(_AGENT, agent_id) is None:
                return None
            widget_id, integration_id = await connection.fetchval("select array[gen_random_uuid(), gen_random_uuid()]")
            token = TOKEN_PREFIX + secrets.token_urlsafe(16)
            await connection.execute(_INTEGRATE, integration_id, tenant_id, agent_id, str(widget_id), shard_of(integration_id))
            await connection.execute(_CREATE, widget_id, tenant_id, agent_id, integration_id, token, name, list(origins), enabled)
            widget = await _find(connection, agent_id, widget_id)
            assert widget is not None  # inserted just now
            after = _told(widget)
            await tell(connection, tenant_id, agent_id, by, Change("widget.created", f"widget:{widget_id}", None, after, after))
            return widget

    async def change(
        self,
        tenant_id: UUID,
        by: Actor,
        agent_id: UUID,
        widget_id: UUID,
        expected: int | None,
        name: str | None,
        origins: Sequence[str] | None,
        enabled: bool | None,
    ) -> Widget | None:
        """Change what is not None. None if there is no such widget.

        Raises:
            Stale: somebody changed it.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await _lock(connection, agent_id, widget_id, expected)
            if before is None:
                return None
            await connection.execute(_CHANGE, widget_id, name, None if origins is None else list(origins), enabled)
            after = await _find(connection, agent_id, widget_id)
            assert after is not None  # locked above
            change = Change("widget.changed", f"widget:{widget_id}", _told(before), _told(after), _told(after))
            await tell(connection, tenant_id, agent_id, by, change)
            return after

    async def delete(self, tenant_id: UUID, by: Actor, agent_id: UUID, widget_id: UUID, expected: int | None) -> Widget | None:
        """Take a widget off for good; its conversations stay. None if there is no such widget.

        Raises:
            Stale: somebody changed it.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            widget = await _lock(connection, agent_id, widget_id, expected)
            if widget is None:
                return None
            await connection.execute(_DISCONNECT, widget.integration_id)
            await connection.execute("delete from widgets where id = $1", widget_id)
            change = Change("widget.deleted", f"widget:{widget_id}", _told(widget), None, _told(widget))
            await tell(connection, tenant_id, agent_id, by, change)
            return widget


class Visits:
    """The conversations of visitors; needs the role callboard_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def widget(self, token: str) -> OpenWidget | None:
        """Return the widget of a token if it takes messages: enabled, its integration live, its agent published and in use."""
        async with self._database.dispatch_transaction() as connection:
            found = await connection.fetchrow(_BY_TOKEN, token)
        if found is None:
            return None
        async with self._database.tenant_transaction(found["tenant_id"]) as connection:
            r = await connection.fetchrow(_OPEN, found["id"])
        if r is None:
            return None
        widget_id, tenant_id, agent_id, integration_id, origins, agent_name, locale = r.values()
        ids = (TenantId(tenant_id), AgentId(agent_id), IntegrationId(integration_id))
        return OpenWidget(widget_id, *ids, frozenset(origins), agent_name or "", locale)

    async def conversation(self, tenant_id: UUID, address: Address) -> ConversationId | None:
        """Return a visitor's conversation; None before the first message."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            found = await connection.fetchval(_CONVERSATION, address.integration_id, address.key)
        return ConversationId(found) if found else None

    async def begin(self, tenant_id: UUID, address: Address) -> ConversationId:
        """Return a visitor's conversation, made if it did not exist."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            found = await connection.fetchval(_CONVERSATION, address.integration_id, address.key)
            found = found or await connection.fetchval(_BEGIN, tenant_id, address.integration_id, address.key, address.partition)
            found = found or await connection.fetchval(_CONVERSATION, address.integration_id, address.key)
        return ConversationId(found)

    async def said(self, tenant_id: UUID, conversation_id: int, after: int | None, limit: int) -> list[Said]:
        """Return messages after the message `after`, or the latest ones; oldest first."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if after is None:
                return [_said(r) for r in await connection.fetch(_LATEST, conversation_id, limit)]
            return [_said(r) for r in await connection.fetch(_SAID, conversation_id, after, limit)]


def _said(r: Any) -> Said:
    shown = orjson.loads(r["buttons"] or "[]"), orjson.loads(r["attachment"] or "null")
    return Said(r["id"], r["role"], r["body"], r["external_id"], r["created_at"], *shown)


async def _find(connection: Connection, agent_id: UUID, widget_id: UUID) -> Widget | None:
    r = await connection.fetchrow(_FIND, agent_id, widget_id)
    return Widget(*r.values()) if r else None


async def _lock(connection: Connection, agent_id: UUID, widget_id: UUID, expected: int | None) -> Widget | None:
    r = await connection.fetchrow(_LOCK, agent_id, widget_id)
    if r is None:
        return None
    widget = Widget(*r.values())
    check(widget.version, expected)
    return widget


def _told(widget: Widget) -> Mapping[str, Any]:
    return {"name": widget.name, "origins": list(widget.origins), "enabled": widget.enabled}
