"""Versions of agents: immutable documents, made by publishing a draft, by trying it, or from an older version."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.domain.catalogue import read_definition
from actors.domain.errors import TerminalError
from storage.accounts.audit import Actor
from storage.authoring.changes import Change, LockedDraft, lock, read, tell, to_text
from storage.authoring.shelves import assemble
from storage.postgres import Connection, Database

_HASH = "sha256(convert_to($2::jsonb::text, 'UTF8'))"
_INSERT = f"""
with next as (
  update agents set last_version = last_version + 1, published_version = case when $3 then last_version + 1 else published_version end
  where id = $1 returning tenant_id, id, last_version
)
insert into agent_versions (tenant_id, agent_id, version, definition, content_hash, created_by, published_at, published_by, note, copy_of)
select tenant_id, id, last_version, $2::jsonb, {_HASH}, $4, case when $3 then now() end, case when $3 then $4 end, $5, $6 from next
returning version"""  # noqa: S608
_SAME = f"select max(version) from agent_versions where agent_id = $1 and content_hash = {_HASH}"  # noqa: S608
_MARK = "update agent_versions set published_at = now(), published_by = $3, note = $4 where agent_id = $1 and version = $2"
_SWITCH = "update agents set published_version = $2 where id = $1"
_EQUALS = "update agent_drafts set as_version = $2 where agent_id = $1"
_TRIED = """
select d.as_version from agent_drafts d join agents a on a.id = d.agent_id
where d.agent_id = $1 and a.archived_at is null and d.as_version is not null"""
_COLUMNS = "version, created_at, created_by, published_at, published_by, note, copy_of"
_PAGE = f"""
select {_COLUMNS} from agent_versions
where agent_id = $1 and ($2::bigint is null or version < $2) and ($3 or published_at is not null)
order by version desc limit $4"""  # noqa: S608
_FIND = f"select {_COLUMNS}, definition::text from agent_versions where agent_id = $1 and version = $2::bigint"  # noqa: S608
_BASES = "select id::text, name from knowledge_bases where id::text = any($1::text[])"


@dataclass(frozen=True, slots=True)
class VersionItem:
    """A version as lists show it. `published_at` is None for a draft that was only tried; `copy_of` names what was rolled back to."""

    version: int
    created_at: datetime
    created_by: str
    published_at: datetime | None
    published_by: str | None
    note: str
    copy_of: int | None


@dataclass(frozen=True, slots=True)
class VersionDocument:
    """A version with what it says and does."""

    item: VersionItem
    definition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version to be stored."""

    definition: Mapping[str, Any]
    published: bool
    note: str = ""
    copy_of: int | None = None


class Versions:
    """The versions of a tenant's agents; either role. Nothing that cannot be used is ever stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, tenant_id: UUID, agent_id: UUID, before: int | None, limit: int, *, tried: bool = False) -> list[VersionItem]:
        """Return versions, the newest first, older than `before`; with `tried`, also those that were never published."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_PAGE, agent_id, before, tried, limit)
        return [VersionItem(*r.values()) for r in rows]

    async def find(self, tenant_id: UUID, agent_id: UUID, version: int) -> VersionDocument | None:
        """Return one version with its document."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _find(connection, agent_id, version)

    async def draft(self, tenant_id: UUID, agent_id: UUID) -> Mapping[str, Any] | None:
        """Return what publishing the draft would make of it, faults included; nothing is stored. None if there is no such agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            draft = await read(connection, agent_id)
            return await assemble(connection, draft) if draft else None

    async def bases(self, tenant_id: UUID, *definitions: Mapping[str, Any]) -> dict[str, str]:
        """Return the names of the bases of knowledge that are named in definitions, by id."""
        named = {str(base) for definition in definitions for base in definition.get("knowledge", ())}
        if not named:
            return {}
        async with self._database.tenant_transaction(tenant_id) as connection:
            return {r["id"]: r["name"] for r in await connection.fetch(_BASES, list(named))}

    async def publish(self, tenant_id: UUID, by: Actor, agent_id: UUID, note: str = "") -> VersionItem | None:
        """Publish the draft with its enabled scripts; what is published already stays as it is. None if there is no such agent.

        Raises:
            InvalidDefinition: with every problem and its place in the assembled definition.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            draft = await lock(connection, agent_id)
            if draft is None:
                return None
            version = await self._publish(connection, draft, by, note)
            await connection.execute(_EQUALS, agent_id, version)
            if version != draft.published_version:
                await _tell_published(connection, tenant_id, draft, by, version, note)
            return await _item(connection, agent_id, version)

    async def roll_back(self, tenant_id: UUID, by: Actor, agent_id: UUID, version: int, note: str = "") -> VersionItem | None:
        """Publish an older version's content as a new version; the draft stays. None if there is no such version.

        Raises:
            InvalidDefinition: it cannot be used any more.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            draft = await lock(connection, agent_id)
            older = await _find(connection, agent_id, version)
            if draft is None or older is None:
                return None
            if version == draft.published_version:
                return older.item
            await _validated(older.definition)
            fresh = await insert_version(connection, agent_id, by, NewVersion(older.definition, True, note, version))
            if draft.as_version == version:
                await connection.execute(_EQUALS, agent_id, fresh)
            await _tell_published(connection, tenant_id, draft, by, fresh, note, version)
            return await _item(connection, agent_id, fresh)

    async def publish_definition(self, tenant_id: UUID, by: Actor, agent_id: UUID, definition: Mapping[str, Any], note: str = "") -> bool:
        """Publish what is said elsewhere than in the draft, which stays. False: there is no such agent.

        Raises:
            InvalidDefinition: it cannot be used.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            draft = await lock(connection, agent_id)
            if draft is None:
                return False
            new = NewVersion(await _validated(definition), True, note)
            version = await insert_version(connection, agent_id, by, new)
            await _tell_published(connection, tenant_id, draft, by, version, note)
        return True

    async def snapshot(self, tenant_id: UUID, by: Actor, agent_id: UUID) -> int | None:
        """Return a version that equals the draft, stored if there is none. None if there is no such agent.

        Raises:
            InvalidDefinition: with every problem and its place in the assembled definition.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            version: int | None = await connection.fetchval(_TRIED, agent_id)
            if version is not None:
                return version
            draft = await lock(connection, agent_id)
            if draft is None:
                return None
            definition = await _validated(await assemble(connection, draft))
            version = await _same(connection, agent_id, definition)
            version = version or await insert_version(connection, agent_id, by, NewVersion(definition, False))
            await connection.execute(_EQUALS, agent_id, version)
            return version

    async def _publish(self, connection: Connection, draft: LockedDraft, by: Actor, note: str) -> int:
        definition = await _validated(await assemble(connection, draft))
        same = await _same(connection, draft.agent_id, definition)
        if same is None or same < draft.published_version:  # an older one is published again as a new one: history goes forward
            return await insert_version(connection, draft.agent_id, by, NewVersion(definition, True, note))
        if same > draft.published_version:
            await connection.execute(_MARK, draft.agent_id, same, by.name, note)
            await connection.execute(_SWITCH, draft.agent_id, same)
        return same


async def insert_version(connection: Connection, agent_id: UUID, by: Actor, new: NewVersion) -> int:
    """Store a version under the next number and return it.

    Raises:
        TerminalError: there is no such agent.
    """
    text = to_text(new.definition)
    version: int | None = await connection.fetchval(_INSERT, agent_id, text, new.published, by.name, new.note, new.copy_of)
    if version is None:
        raise TerminalError(f"there is no agent {agent_id}")
    return version


async def _validated(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    await asyncio.to_thread(read_definition, definition)  # thousands of scripts take a while
    return definition


async def _same(connection: Connection, agent_id: UUID, definition: Mapping[str, Any]) -> int | None:
    version: int | None = await connection.fetchval(_SAME, agent_id, to_text(definition))
    return version


async def _find(connection: Connection, agent_id: UUID, version: int) -> VersionDocument | None:
    r = await connection.fetchrow(_FIND, agent_id, version)
    if r is None:
        return None
    *columns, definition = r.values()
    return VersionDocument(VersionItem(*columns), orjson.loads(definition))


async def _item(connection: Connection, agent_id: UUID, version: int) -> VersionItem | None:
    found = await _find(connection, agent_id, version)
    return found.item if found else None


async def _tell_published(
    connection: Connection, tenant_id: UUID, draft: LockedDraft, by: Actor, version: int, note: str, copy_of: int | None = None
) -> None:
    after = {"published_version": version, "note": note, **({"copy_of": copy_of} if copy_of else {})}
    change = Change("agent.published", f"agent:{draft.agent_id}", {"published_version": draft.published_version}, after, after)
    await tell(connection, tenant_id, draft.agent_id, by, change)
