"""The sequences of an agent's draft: written, deleted and brought back, paused and resumed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.domain.errors import TerminalError
from storage.accounts.audit import Actor
from storage.authoring.changes import Change, Stale, Taken, check, lock, tell, to_text, touch
from storage.postgres import Connection, Database

_COLUMNS = """
id, agent_id, position, key, enabled, version, paused_at, created_at, changed_at, changed_by, deleted_at, definition::text"""
_ALL = f"select {_COLUMNS} from sequences where agent_id = $1 and deleted_at is null order by position"  # noqa: S608
_PAGE = f"""
select {_COLUMNS} from sequences where agent_id = $1 and (deleted_at is not null) = $2 and position > $3
order by position limit $4"""  # noqa: S608
_FIND = f"select {_COLUMNS} from sequences where agent_id = $1 and id = $2"  # noqa: S608
_CREATE = """
insert into sequences (id, tenant_id, agent_id, definition, changed_by) values (gen_random_uuid(), $1, $2, $3::jsonb, $4) returning id"""
_REPLACE = "update sequences set definition = $2::jsonb, version = version + 1, changed_at = now(), changed_by = $3 where id = $1"
_DELETE = "update sequences set deleted_at = now(), version = version + 1, changed_at = now(), changed_by = $2 where id = $1"
_RESTORE = "update sequences set deleted_at = null, version = version + 1, changed_at = now(), changed_by = $2 where id = $1"
_PAUSE = "update sequences set paused_at = case when $2 then now() end where id = $1"
_HOLD = """
update enrollments set state = case when $3 then 'paused' else 'active' end, changed_at = now()
where agent_id = $1 and key = $2 and state = case when $3 then 'active' else 'paused' end returning id"""
_WITHHOLD = "select enrollments_withhold($1, 'the sequence is paused')"
_ADD = """
insert into sequences (id, tenant_id, agent_id, definition, changed_by)
select gen_random_uuid(), $1, $2, r.definition, $4 from unnest($3::jsonb[]) with ordinality r (definition, n) order by r.n"""
_COPIED = "select definition::text from sequences where agent_id = $1 and deleted_at is null order by position"
_KEY_INDEX = "sequences_agent_id_key_key"


@dataclass(frozen=True, slots=True)
class SequenceItem:
    """A sequence of a draft. `definition` is what would be published of it; its `id` is the `key` here."""

    id: UUID
    agent_id: UUID
    position: int
    key: str
    enabled: bool
    version: int
    paused_at: datetime | None
    created_at: datetime
    changed_at: datetime
    changed_by: str
    deleted_at: datetime | None
    definition: Mapping[str, Any]


class Sequences:
    """Sequences of a tenant's agents; either role. Customers meet them when the draft is published."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, tenant_id: UUID, agent_id: UUID) -> list[SequenceItem]:
        """Return all sequences in their order."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_sequence(r) for r in await connection.fetch(_ALL, agent_id)]

    async def page(self, tenant_id: UUID, agent_id: UUID, after: int, limit: int, *, deleted: bool = False) -> list[SequenceItem]:
        """Return sequences behind a position: those there are, or those that can be restored."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_sequence(r) for r in await connection.fetch(_PAGE, agent_id, deleted, after, limit)]

    async def find(self, tenant_id: UUID, agent_id: UUID, sequence_id: UUID) -> SequenceItem | None:
        """Return one sequence, deleted or not."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _find(connection, agent_id, sequence_id)

    async def create(self, tenant_id: UUID, by: Actor, agent_id: UUID, definition: Mapping[str, Any]) -> SequenceItem | None:
        """Add a sequence behind the others. None if there is no such agent.

        Raises:
            Taken: another sequence of the agent has its key.
        """
        try:
            async with self._database.tenant_transaction(tenant_id) as connection:
                if await lock(connection, agent_id) is None:
                    return None
                sequence_id = await connection.fetchval(_CREATE, tenant_id, agent_id, to_text(definition), by.name)
                return await self._changed(connection, tenant_id, by, await _find(connection, agent_id, sequence_id), None, "created")
        except TerminalError as error:
            raise _taken(error) from error

    async def replace(
        self, tenant_id: UUID, by: Actor, agent_id: UUID, sequence_id: UUID, expected: int | None, definition: Mapping[str, Any]
    ) -> SequenceItem | None:
        """Replace a sequence as a whole. None if there is no such sequence.

        Raises:
            Stale: somebody changed it.
            Taken: another sequence of the agent has its key.
        """
        try:
            async with self._database.tenant_transaction(tenant_id) as connection:
                before = await _locked(connection, agent_id, sequence_id, expected)
                if before is None:
                    return None
                await connection.execute(_REPLACE, sequence_id, to_text(definition), by.name)
                return await self._changed(connection, tenant_id, by, await _find(connection, agent_id, sequence_id), before, "changed")
        except TerminalError as error:
            raise _taken(error) from error

    async def delete(self, tenant_id: UUID, by: Actor, agent_id: UUID, sequence_id: UUID, expected: int | None) -> SequenceItem | None:
        """Delete a sequence; `restore` undoes it. None if there is no such sequence.

        Raises:
            Stale: somebody changed it.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await _locked(connection, agent_id, sequence_id, expected)
            if before is None:
                return None
            await connection.execute(_DELETE, sequence_id, by.name)
            return await self._changed(connection, tenant_id, by, await _find(connection, agent_id, sequence_id), before, "deleted")

    async def restore(self, tenant_id: UUID, by: Actor, agent_id: UUID, sequence_id: UUID) -> SequenceItem | None:
        """Bring a deleted sequence back; one that is there stays as it is. None if there is no such sequence."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await _locked(connection, agent_id, sequence_id, None, deleted=True)
            if before is None:
                return await _find(connection, agent_id, sequence_id)
            await connection.execute(_RESTORE, sequence_id, by.name)
            return await self._changed(connection, tenant_id, by, await _find(connection, agent_id, sequence_id), None, "restored")

    async def pause(self, tenant_id: UUID, by: Actor, agent_id: UUID, sequence_id: UUID, *, paused: bool) -> SequenceItem | None:
        """Hold all runs of a sequence, or let them go on. What is queued and not on the wire is said after the pause.

        None if there is no such sequence.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await lock(connection, agent_id) is None:
                return None
            found = await _find(connection, agent_id, sequence_id)
            if found is None or (found.paused_at is not None) == paused:
                return found
            await connection.execute(_PAUSE, sequence_id, paused)
            held = [r["id"] for r in await connection.fetch(_HOLD, agent_id, found.key, paused)]
            if paused and held:
                await connection.execute(_WITHHOLD, held)
            about = {"sequence_id": str(found.id), "name": found.definition.get("name", found.key), "runs": len(held)}
            change = Change("sequence.paused" if paused else "sequence.resumed", f"sequence:{found.id}", None, about, about)
            await tell(connection, tenant_id, agent_id, by, change)
            return await _find(connection, agent_id, sequence_id)

    async def _changed(
        self, connection: Connection, tenant_id: UUID, by: Actor, item: SequenceItem | None, before: SequenceItem | None, done: str
    ) -> SequenceItem:
        assert item is not None  # written in this transaction
        await touch(connection, item.agent_id, by)
        was, now = (before.definition if before else None), (None if item.deleted_at else item.definition)
        if was and now:
            names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
            was, now = {name: was.get(name) for name in names}, {name: now.get(name) for name in names}
        about = {"sequence_id": str(item.id), "name": item.definition.get("name", item.key)}
        await tell(connection, tenant_id, item.agent_id, by, Change(f"sequence.{done}", f"sequence:{item.id}", was, now, about))
        return item


async def all_sequences(connection: Connection, agent_id: UUID) -> list[Any]:
    """Return all definitions in their order, those that are switched off as well."""
    return [orjson.loads(r["definition"]) for r in await connection.fetch(_COPIED, agent_id)]


async def add_sequences(connection: Connection, tenant_id: UUID, agent_id: UUID, by: Actor, plans: Sequence[Mapping[str, Any]]) -> None:
    """Store the sequences of a new agent in their order."""
    if plans:
        await connection.execute(_ADD, tenant_id, agent_id, [to_text(plan) for plan in plans], by.name)


async def _locked(
    connection: Connection, agent_id: UUID, sequence_id: UUID, expected: int | None, *, deleted: bool = False
) -> SequenceItem | None:
    if await lock(connection, agent_id) is None:
        return None
    found = await _find(connection, agent_id, sequence_id)
    if found is None or (found.deleted_at is not None) != deleted:
        return None
    check(found.version, expected)
    return found


async def _find(connection: Connection, agent_id: UUID, sequence_id: UUID) -> SequenceItem | None:
    r = await connection.fetchrow(_FIND, agent_id, sequence_id)
    return _sequence(r) if r else None


def _sequence(r: Any) -> SequenceItem:
    *columns, definition = r.values()
    return SequenceItem(*[*columns, orjson.loads(definition)])


def _taken(error: TerminalError) -> TerminalError:
    """Return the refusal of a key that is taken, any other error as it is."""
    if isinstance(error, Stale):
        return error
    return Taken("another sequence of this agent has this key") if _KEY_INDEX in str(error) else error
