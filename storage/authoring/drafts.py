"""Agents with their drafts: made, changed, archived, copied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.domain.agent.validation import check_persona
from actors.domain.ids import AgentId, shard_of
from actors.domain.knowledge.validation import check_passages
from storage.accounts.audit import Actor
from storage.authoring.changes import Change, InUse, LockedDraft, lock, tell, to_text, touch
from storage.authoring.shelves import SHELVES, add, definitions
from storage.postgres import Connection, Database

_SELECT = """
select a.id, a.name, a.published_version, a.created_at, a.archived_at, d.version, d.as_version, d.changed_at, d.changed_by, d.persona::text
from agents a join agent_drafts d on d.agent_id = a.id"""
_PAGE = f"""{_SELECT} where (a.archived_at is not null) = $3
and ($1::uuid is null or (a.created_at, a.id) > (select x.created_at, x.id from agents x where x.id = $1))
order by a.created_at, a.id limit $2"""  # noqa: S608
_FIND = f"{_SELECT} where a.id = $1"
_CREATE = "insert into agents (id, tenant_id, name) values (gen_random_uuid(), $1, $2) returning id"
_CREATE_DRAFT = "insert into agent_drafts (agent_id, tenant_id, persona, passages, changed_by) values ($1, $2, $3::jsonb, $4::jsonb, $5)"
_COPY_BINDINGS = """
insert into knowledge_bindings (tenant_id, agent_id, base_id)
select tenant_id, $2, base_id from knowledge_bindings where agent_id = $1"""
_TEST_CHAT = "insert into integrations (id, tenant_id, agent_id, channel, account, shard) values ($1, $2, $3, 'test', $3::uuid::text, $4)"
_CHANGE = "update agent_drafts set persona = $2::jsonb, passages = $3::jsonb, version = version + 1 where agent_id = $1"
_RENAME = "update agents set name = $2 where id = $1"
_ARCHIVE = "update agents set archived_at = case when $2 then now() end where id = $1"
_BUMP = "update agent_drafts set version = version + 1 where agent_id = $1"
_CONNECTED = """
select distinct channel from integrations
where agent_id = $1 and channel not in ('test', 'agent') and status <> 'disconnected' order by channel"""


@dataclass(frozen=True, slots=True)
class AgentDraft:
    """An agent as people edit it. `as_version` is the version with just this content, None since a change."""

    id: AgentId
    name: str
    published_version: int
    created_at: datetime
    archived_at: datetime | None
    version: int
    as_version: int | None
    changed_at: datetime
    changed_by: str
    persona: Mapping[str, Any]

    @property
    def differs(self) -> bool:
        """Return whether the draft says something else than what is published."""
        return self.as_version != self.published_version


@dataclass(frozen=True, slots=True)
class PassagesDraft:
    """An agent's passages; their version is the draft's."""

    version: int
    passages: Sequence[Any]


class Drafts:
    """The agents of a tenant; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, tenant_id: UUID, after: UUID | None, limit: int, *, archived: bool = False) -> list[AgentDraft]:
        """Return agents, oldest first, after the agent `after`: those in use, or those in the archive."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_draft(r) for r in await connection.fetch(_PAGE, after, limit, archived)]

    async def find(self, tenant_id: UUID, agent_id: UUID) -> AgentDraft | None:
        """Return one agent, archived or not."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _find(connection, agent_id)

    async def passages(self, tenant_id: UUID, agent_id: UUID) -> PassagesDraft | None:
        """Return the passages of the draft."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow("select version, passages::text from agent_drafts where agent_id = $1", agent_id)
        return PassagesDraft(r["version"], orjson.loads(r["passages"])) if r else None

    async def create(self, tenant_id: UUID, by: Actor, name: str, persona: Mapping[str, Any]) -> AgentDraft:
        """Create an agent with a test chat and a draft; nothing is published yet.

        Raises:
            InvalidDefinition: the persona may not be saved.
        """
        check_persona(persona)
        async with self._database.tenant_transaction(tenant_id) as connection:
            agent_id = await create_agent(connection, tenant_id, by, name, {"persona": persona})
            return await self._born(connection, tenant_id, by, agent_id, None)

    async def duplicate(self, tenant_id: UUID, by: Actor, agent_id: UUID, name: str | None) -> AgentDraft | None:
        """Create an agent whose draft, scripts, rules and sequences are copies, not yet published. None if there is no such agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            draft = await lock(connection, agent_id)
            if draft is None:
                return None
            parts = {shelf.table: await definitions(connection, shelf, agent_id) for shelf in SHELVES}
            definition = {"persona": draft.persona, "passages": draft.passages, **parts}
            copy = await create_agent(connection, tenant_id, by, name or draft.name, definition)
            await connection.execute(_COPY_BINDINGS, agent_id, copy)
            return await self._born(connection, tenant_id, by, copy, agent_id)

    async def change(
        self, tenant_id: UUID, by: Actor, agent_id: UUID, expected: int | None, name: str | None, persona: Mapping[str, Any]
    ) -> AgentDraft | None:
        """Rename it and lay `persona` over the draft's; None takes a field back to its default. None if there is no such agent.

        Raises:
            Stale: somebody changed it.
            InvalidDefinition: the persona may not be saved.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            draft = await lock(connection, agent_id, expected)
            if draft is None:
                return None
            merged = {field: value for field, value in {**draft.persona, **persona}.items() if value is not None}
            check_persona(merged)
            await self._store(connection, by, draft, merged, draft.passages)
            if name is not None:
                await connection.execute(_RENAME, agent_id, name)
            before = {"name": draft.name, **{field: draft.persona.get(field) for field in persona}}
            after = {"name": name or draft.name, **persona}
            differs = {field for field, value in after.items() if value != before[field]}
            about = {"fields": sorted(differs)}
            change = Change("agent.changed", f"agent:{agent_id}", _only(before, differs), _only(after, differs), about)
            await tell(connection, tenant_id, agent_id, by, change)
            return await _find(connection, agent_id)

    async def set_passages(
        self, tenant_id: UUID, by: Actor, agent_id: UUID, expected: int | None, passages: Sequence[Mapping[str, Any]]
    ) -> PassagesDraft | None:
        """Replace the passages of the draft. None if there is no such agent.

        Raises:
            Stale: somebody changed the draft.
            InvalidDefinition: the passages may not be saved.
        """
        check_passages(passages)
        async with self._database.tenant_transaction(tenant_id) as connection:
            draft = await lock(connection, agent_id, expected)
            if draft is None:
                return None
            await self._store(connection, by, draft, draft.persona, passages)
            before, after = {"passages": len(draft.passages)}, {"passages": len(passages)}
            change = Change("agent.changed", f"agent:{agent_id}", before, after, {"fields": ["passages"]})
            await tell(connection, tenant_id, agent_id, by, change)
            return PassagesDraft(draft.version + 1, passages)

    async def archive(self, tenant_id: UUID, by: Actor, agent_id: UUID, expected: int | None) -> AgentDraft | None:
        """Put an agent away; it can be restored. None if there is no such agent.

        Raises:
            Stale: somebody changed it.
            InUse: customers reach it over a channel.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await lock(connection, agent_id, expected) is None:
                return None
            if connected := await connection.fetch(_CONNECTED, agent_id):
                raise InUse([r["channel"] for r in connected])
            return await self._put(connection, tenant_id, by, agent_id, away=True)

    async def restore(self, tenant_id: UUID, by: Actor, agent_id: UUID) -> AgentDraft | None:
        """Take an agent out of the archive; one that is not there stays as it is. None if there is no such agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await lock(connection, agent_id, archived=True) is None:
                return await _find(connection, agent_id)
            return await self._put(connection, tenant_id, by, agent_id, away=False)

    async def _put(self, connection: Connection, tenant_id: UUID, by: Actor, agent_id: UUID, *, away: bool) -> AgentDraft | None:
        await connection.execute(_ARCHIVE, agent_id, away)
        await connection.execute(_BUMP, agent_id)
        draft = await _find(connection, agent_id)
        action = "agent.archived" if away else "agent.restored"
        change = Change(action, f"agent:{agent_id}", {"archived": not away}, {"archived": away}, {"name": draft.name if draft else ""})
        await tell(connection, tenant_id, agent_id, by, change)
        return draft

    async def _store(
        self, connection: Connection, by: Actor, draft: LockedDraft, persona: Mapping[str, Any], passages: Sequence[Any]
    ) -> None:
        await connection.execute(_CHANGE, draft.agent_id, to_text(persona), to_text(passages))
        await touch(connection, draft.agent_id, by)

    async def _born(self, connection: Connection, tenant_id: UUID, by: Actor, agent_id: UUID, source: UUID | None) -> AgentDraft:
        await _add_test_chat(connection, tenant_id, agent_id)
        draft = await _find(connection, agent_id)
        assert draft is not None  # created in this transaction
        after = {"name": draft.name, **({"copy_of": str(source)} if source else {})}
        await tell(connection, tenant_id, agent_id, by, Change("agent.created", f"agent:{agent_id}", None, after, after))
        return draft


async def create_agent(connection: Connection, tenant_id: UUID, by: Actor, name: str, definition: Mapping[str, Any]) -> UUID:
    """Store an agent whose draft is the definition, whatever it says; publishing validates it."""
    agent_id: UUID = await connection.fetchval(_CREATE, tenant_id, name)
    persona, passages = to_text(definition.get("persona", {})), to_text(list(definition.get("passages", ())))
    await connection.execute(_CREATE_DRAFT, agent_id, tenant_id, persona, passages, by.name)
    for shelf in SHELVES:
        await add(connection, shelf, tenant_id, agent_id, by, definition.get(shelf.table, ()))
    return agent_id


async def _add_test_chat(connection: Connection, tenant_id: UUID, agent_id: UUID) -> None:
    integration_id: UUID = await connection.fetchval("select gen_random_uuid()")
    await connection.execute(_TEST_CHAT, integration_id, tenant_id, agent_id, shard_of(integration_id))


async def _find(connection: Connection, agent_id: UUID) -> AgentDraft | None:
    r = await connection.fetchrow(_FIND, agent_id)
    return _draft(r) if r else None


def _draft(r: Any) -> AgentDraft:
    *columns, persona = r.values()
    return AgentDraft(*[*columns, orjson.loads(persona)])


def _only(values: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: values[name] for name in sorted(names)}
