"""The scripts, rules and sequences of an agent's draft: written, deleted, brought back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson

from actors.domain.errors import TerminalError
from storage.accounts.audit import Actor
from storage.authoring.changes import Change, Stale, Taken, check, lock, tell, touch
from storage.authoring.shelves import Shelf
from storage.postgres import Connection, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionItem:
    """A part of a draft. `definition` is what would be published of it; its `id` is the `key` here."""

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


Item = TypeVar("Item", bound=DefinitionItem)


class Definitions(Generic[Item]):
    """One kind of parts of a tenant's agents; either role. What comes in was validated before.

    Customers meet them when the draft is published.
    """

    def __init__(self, database: Database, shelf: Shelf, item: type[Item]) -> None:
        self._database = database
        self._shelf = shelf
        self._item = item

    async def all(self, tenant_id: UUID, agent_id: UUID) -> list[Item]:
        """Return all that are not deleted, in their order."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await self._all(connection, agent_id)

    async def page(self, tenant_id: UUID, agent_id: UUID, after: int, limit: int, *, deleted: bool = False) -> list[Item]:
        """Return them in their order behind a position (0: from the start): those there are, or those that can be restored."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [self._read(r) for r in await connection.fetch(self._shelf.page, agent_id, deleted, after, limit)]

    async def find(self, tenant_id: UUID, agent_id: UUID, item_id: UUID) -> Item | None:
        """Return one, deleted or not."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await self._find(connection, agent_id, item_id)

    async def create(self, tenant_id: UUID, by: Actor, agent_id: UUID, definition: Mapping[str, Any]) -> Item | None:
        """Add one behind the others. None if there is no such agent.

        Raises:
            Taken: another one of the agent has its key.
        """
        try:
            async with self._database.tenant_transaction(tenant_id) as connection:
                if await lock(connection, agent_id) is None:
                    return None
                columns = self._shelf.columns_of([definition])
                item_id = await connection.fetchval(self._shelf.create, tenant_id, agent_id, by.name, *columns)
                return await self._changed(connection, tenant_id, by, await self._find(connection, agent_id, item_id), None, "created")
        except TerminalError as error:
            raise self._taken(error) from error

    async def replace(
        self, tenant_id: UUID, by: Actor, agent_id: UUID, item_id: UUID, expected: int | None, definition: Mapping[str, Any]
    ) -> Item | None:
        """Replace one as a whole. None if there is no such.

        Raises:
            Stale: somebody changed it.
            Taken: another one of the agent has its key.
        """
        try:
            async with self._database.tenant_transaction(tenant_id) as connection:
                before = await self._locked(connection, agent_id, item_id, expected)
                if before is None:
                    return None
                (columns,) = zip(*self._shelf.columns_of([definition]), strict=True)
                await connection.execute(self._shelf.replace, item_id, agent_id, by.name, *columns)
                return await self._changed(connection, tenant_id, by, await self._find(connection, agent_id, item_id), before, "changed")
        except TerminalError as error:
            raise self._taken(error) from error

    async def delete(self, tenant_id: UUID, by: Actor, agent_id: UUID, item_id: UUID, expected: int | None) -> Item | None:
        """Delete one; `restore` undoes it. None if there is no such.

        Raises:
            Stale: somebody changed it.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await self._locked(connection, agent_id, item_id, expected)
            if before is None:
                return None
            await connection.execute(self._shelf.delete, item_id, agent_id, by.name)
            return await self._changed(connection, tenant_id, by, await self._find(connection, agent_id, item_id), before, "deleted")

    async def restore(self, tenant_id: UUID, by: Actor, agent_id: UUID, item_id: UUID) -> Item | None:
        """Bring a deleted one back; one that is there stays as it is. None if there is no such."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await self._locked(connection, agent_id, item_id, None, deleted=True)
            if before is None:
                return await self._find(connection, agent_id, item_id)
            await connection.execute(self._shelf.restore, item_id, agent_id, by.name)
            return await self._changed(connection, tenant_id, by, await self._find(connection, agent_id, item_id), None, "restored")

    async def put(self, tenant_id: UUID, by: Actor, agent_id: UUID, given: Sequence[Mapping[str, Any]], *, replace: bool) -> bool:
        """Store definitions by their keys, new or over those there are; with `replace` all others are deleted. False: no such agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await lock(connection, agent_id) is None:
                return False
            if replace:
                await connection.execute(self._shelf.delete_others, [d["id"] for d in given], agent_id, by.name)
            await connection.execute(self._shelf.put, tenant_id, agent_id, by.name, *self._shelf.columns_of(given))
            await touch(connection, agent_id, by)
            after = {self._shelf.table: len(given), "replace": replace}
            await tell(
                connection, tenant_id, agent_id, by, Change(f"{self._shelf.table}.imported", f"agent:{agent_id}", None, after, after)
            )
        return True

    async def _all(self, connection: Connection, agent_id: UUID) -> list[Item]:
        return [self._read(r) for r in await connection.fetch(self._shelf.all, agent_id)]

    async def _find(self, connection: Connection, agent_id: UUID, item_id: UUID) -> Item | None:
        r = await connection.fetchrow(self._shelf.find, agent_id, item_id)
        return self._read(r) if r else None

    async def _locked(
        self, connection: Connection, agent_id: UUID, item_id: UUID, expected: int | None, *, deleted: bool = False
    ) -> Item | None:
        if await lock(connection, agent_id) is None:
            return None
        found = await self._find(connection, agent_id, item_id)
        if found is None or (found.deleted_at is not None) != deleted:
            return None
        check(found.version, expected)
        return found

    async def _changed(self, connection: Connection, tenant_id: UUID, by: Actor, item: Item | None, before: Item | None, done: str) -> Item:
        assert item is not None  # written in this transaction
        await touch(connection, item.agent_id, by)
        was, now = (before.definition if before else None), (None if item.deleted_at else item.definition)
        if was and now:
            names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
            was, now = {name: was.get(name) for name in names}, {name: now.get(name) for name in names}
        noun = self._shelf.noun
        change = Change(f"{noun}.{done}", f"{noun}:{item.id}", was, now, self._about(item))
        await tell(connection, tenant_id, item.agent_id, by, change)
        return item

    def _about(self, item: Item) -> dict[str, Any]:
        return {f"{self._shelf.noun}_id": str(item.id), "name": item.definition.get("name", item.key)}

    def _read(self, r: Any) -> Item:
        return self._item(**{**dict(r), "definition": orjson.loads(r["definition"])})

    def _taken(self, error: TerminalError) -> TerminalError:
        """Return the refusal of a key that is taken, any other error as it is."""
        if isinstance(error, Stale) or self._shelf.key_index not in str(error):
            return error
        return Taken(f"another {self._shelf.noun} of this agent has this key")
