"""The scripts of an agent's draft: found, changed, deleted and brought back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.domain.errors import TerminalError
from storage.accounts.audit import Actor
from storage.authoring.changes import Change, Taken, check, lock, tell, to_text, touch
from storage.authoring.search import like, search_text
from storage.postgres import Connection, Database

_COLUMNS = "id, agent_id, position, key, enabled, version, created_at, changed_at, changed_by, deleted_at, definition::text"
# A script can answer in a language if it listens to it and has a text in it, or needs none.
_LANGUAGE = """
($4::text is null or ((coalesce(definition -> 'languages', '[]') = '[]' or definition -> 'languages' ? $4)
  and (coalesce(definition -> 'answer', '{}') = '{}' or definition -> 'answer' ? $4)))"""
_PAGE = f"""
select {_COLUMNS} from scripts
where agent_id = $1 and (deleted_at is not null) = $6 and ($2::text is null or search like $2) and ($3::bool is null or enabled = $3)
  and {_LANGUAGE} and position > $5
order by position limit $7"""  # noqa: S608
_FIND = f"select {_COLUMNS} from scripts where agent_id = $1 and id = $2"  # noqa: S608
_ALL = f"select {_COLUMNS} from scripts where agent_id = $1 and deleted_at is null order by position"  # noqa: S608
_CREATE = """
insert into scripts (id, tenant_id, agent_id, definition, search, changed_by)
values (gen_random_uuid(), $1, $2, $3::jsonb, $4, $5) returning id"""
_REPLACE = """
update scripts set definition = $2::jsonb, search = $3, version = version + 1, changed_at = now(), changed_by = $4 where id = $1"""
_DELETE = """
update scripts set deleted_at = case when $2 then now() end, version = version + 1, changed_at = now(), changed_by = $3 where id = $1"""
_PUT = """
insert into scripts (id, tenant_id, agent_id, definition, search, changed_by)
select gen_random_uuid(), $1, $2, s.definition, s.search, $5
from unnest($3::jsonb[], $4::text[]) with ordinality s (definition, search, n) order by s.n
on conflict (agent_id, key) do update set definition = excluded.definition, search = excluded.search, deleted_at = null,
  version = scripts.version + 1, changed_at = now(), changed_by = excluded.changed_by"""
_MOVE_BEHIND = "update scripts set position = default where agent_id = $1 and key = $2 and deleted_at is null"
_DELETE_OTHERS = """
update scripts set deleted_at = now(), version = version + 1, changed_at = now(), changed_by = $3
where agent_id = $1 and deleted_at is null and key <> all ($2::text[])"""
_KEY_INDEX = "scripts_agent_id_key_key"


@dataclass(frozen=True, slots=True)
class ScriptFilter:
    """Which scripts; None means any. `q` is looked for in name, phrases, keywords and answers."""

    q: str | None = None
    enabled: bool | None = None
    language: str | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class ScriptItem:
    """A script of a draft. `definition` is what would be published of it; its `id` is the `key` here."""

    id: UUID
    agent_id: UUID
    position: int
    key: str
    enabled: bool
    version: int
    created_at: datetime
    changed_at: datetime
    changed_by: str
    deleted_at: datetime | None
    definition: Mapping[str, Any]


class Scripts:
    """The scripts of a tenant's agents; either role. What comes in was validated before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, tenant_id: UUID, agent_id: UUID, where: ScriptFilter, after: int, limit: int) -> list[ScriptItem]:
        """Return scripts in their order, after the place `after` (0: from the start)."""
        pattern = like(where.q) if where.q else None
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_PAGE, agent_id, pattern, where.enabled, where.language, after, where.deleted, limit)
        return [_script(r) for r in rows]

    async def all(self, tenant_id: UUID, agent_id: UUID) -> list[ScriptItem]:
        """Return every script that is not deleted, in their order."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_script(r) for r in await connection.fetch(_ALL, agent_id)]

    async def find(self, tenant_id: UUID, agent_id: UUID, script_id: UUID) -> ScriptItem | None:
        """Return one script, deleted or not."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _find(connection, agent_id, script_id)

    async def create(self, tenant_id: UUID, by: Actor, agent_id: UUID, definition: Mapping[str, Any]) -> ScriptItem | None:
        """Add a script behind the others. None if there is no such agent.

        Raises:
            Taken: another script of the agent has its key.
        """
        try:
            async with self._database.tenant_transaction(tenant_id) as connection:
                if await lock(connection, agent_id) is None:
                    return None
                search, text = search_text(definition), to_text(definition)
                script_id = await connection.fetchval(_CREATE, tenant_id, agent_id, text, search, by.name)
                return await self._changed(connection, tenant_id, by, await _find(connection, agent_id, script_id), None, "created")
        except TerminalError as error:
            raise _taken(error) from error

    async def replace(
        self, tenant_id: UUID, by: Actor, agent_id: UUID, script_id: UUID, expected: int | None, definition: Mapping[str, Any]
    ) -> ScriptItem | None:
        """Replace a script as a whole. None if there is no such script.

        Raises:
            Stale: somebody changed it.
            Taken: another script of the agent has its key.
        """
        try:
            async with self._database.tenant_transaction(tenant_id) as connection:
                before = await _locked(connection, agent_id, script_id, expected)
                if before is None:
                    return None
                await connection.execute(_REPLACE, script_id, to_text(definition), search_text(definition), by.name)
                return await self._changed(connection, tenant_id, by, await _find(connection, agent_id, script_id), before, "changed")
        except TerminalError as error:
            raise _taken(error) from error

    async def delete(self, tenant_id: UUID, by: Actor, agent_id: UUID, script_id: UUID, expected: int | None) -> ScriptItem | None:
        """Delete a script; `restore` undoes it. None if there is no such script.

        Raises:
            Stale: somebody changed it.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await _locked(connection, agent_id, script_id, expected)
            if before is None:
                return None
            await connection.execute(_DELETE, script_id, True, by.name)
            return await self._changed(connection, tenant_id, by, await _find(connection, agent_id, script_id), before, "deleted")

    async def restore(self, tenant_id: UUID, by: Actor, agent_id: UUID, script_id: UUID) -> ScriptItem | None:
        """Bring a deleted script back; one that is there stays as it is. None if there is no such script."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await _locked(connection, agent_id, script_id, None, deleted=True)
            if before is None:
                return await _find(connection, agent_id, script_id)
            await connection.execute(_DELETE, script_id, False, by.name)
            return await self._changed(connection, tenant_id, by, await _find(connection, agent_id, script_id), None, "restored")

    async def put(self, tenant_id: UUID, by: Actor, agent_id: UUID, definitions: Sequence[Mapping[str, Any]], *, replace: bool) -> bool:
        """Store scripts by their keys, new or over those there are; with `replace` all others are deleted. False: no such agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await lock(connection, agent_id) is None:
                return False
            texts, found_by = [to_text(d) for d in definitions], [search_text(d) for d in definitions]
            if replace:
                await connection.execute(_DELETE_OTHERS, agent_id, [d["id"] for d in definitions], by.name)
            await connection.execute(_PUT, tenant_id, agent_id, texts, found_by, by.name)
            await touch(connection, agent_id, by)
            after = {"scripts": len(definitions), "replace": replace}
            await tell(connection, tenant_id, agent_id, by, Change("scripts.imported", f"agent:{agent_id}", None, after, after))
        return True

    async def order(self, tenant_id: UUID, by: Actor, agent_id: UUID, keys: Sequence[str]) -> None:
        """Put scripts into an order; others come before them."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await lock(connection, agent_id) is None:
                return
            await connection.executemany(_MOVE_BEHIND, [(agent_id, key) for key in keys])
            await touch(connection, agent_id, by)
            await tell(connection, tenant_id, agent_id, by, Change("scripts.ordered", f"agent:{agent_id}", None, {"order": list(keys)}))

    async def _changed(
        self, connection: Connection, tenant_id: UUID, by: Actor, script: ScriptItem | None, before: ScriptItem | None, done: str
    ) -> ScriptItem:
        assert script is not None  # written in this transaction
        await touch(connection, script.agent_id, by)
        was, now = (before.definition if before else None), (None if script.deleted_at else script.definition)
        if was and now:
            names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
            was, now = {name: was.get(name) for name in names}, {name: now.get(name) for name in names}
        about = {"script_id": str(script.id), "name": script.definition.get("name", script.key)}
        await tell(connection, tenant_id, script.agent_id, by, Change(f"script.{done}", f"script:{script.id}", was, now, about))
        return script


async def _locked(
    connection: Connection, agent_id: UUID, script_id: UUID, expected: int | None, *, deleted: bool = False
) -> ScriptItem | None:
    if await lock(connection, agent_id) is None:
        return None
    found = await _find(connection, agent_id, script_id)
    if found is None or (found.deleted_at is not None) != deleted:
        return None
    check(found.version, expected)
    return found


async def _find(connection: Connection, agent_id: UUID, script_id: UUID) -> ScriptItem | None:
    r = await connection.fetchrow(_FIND, agent_id, script_id)
    return _script(r) if r else None


def _script(r: Any) -> ScriptItem:
    *columns, definition = r.values()
    return ScriptItem(*[*columns, orjson.loads(definition)])


def _taken(error: TerminalError) -> TerminalError:
    """Return the refusal of a key that is taken, any other error as it is."""
    return Taken("another script of this agent has this key") if _KEY_INDEX in str(error) else error
