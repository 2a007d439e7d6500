"""The rules of an agent's draft: written, ordered, deleted and brought back."""

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

_COLUMNS = "id, agent_id, position, key, enabled, version, created_at, changed_at, changed_by, deleted_at, definition::text"
_ALL = f"select {_COLUMNS} from rules where agent_id = $1 and (deleted_at is not null) = $2 order by position, id"  # noqa: S608
_PAGE = f"""
select {_COLUMNS} from rules where agent_id = $1 and (deleted_at is not null) = $2 and position > $3
order by position limit $4"""  # noqa: S608
_FIND = f"select {_COLUMNS} from rules where agent_id = $1 and id = $2"  # noqa: S608
_CREATE = """
insert into rules (id, tenant_id, agent_id, position, definition, changed_by)
select gen_random_uuid(), $1, $2, coalesce((select max(r.position) from rules r where r.agent_id = $2), 0) + 1, $3::jsonb, $4
returning id"""
_REPLACE = "update rules set definition = $2::jsonb, version = version + 1, changed_at = now(), changed_by = $3 where id = $1"
_DELETE = """
update rules set deleted_at = now(), version = version + 1, changed_at = now(), changed_by = $2 where id = $1"""
_ORDER = """
update rules r set position = o.n from unnest($2::uuid[]) with ordinality o (id, n)
where r.agent_id = $1 and r.id = o.id and r.position <> o.n"""
_RESTORE = """
update rules set deleted_at = null, version = version + 1, changed_at = now(), changed_by = $3,
  position = (select max(r.position) + 1 from rules r where r.agent_id = $2)
where id = $1"""
_ADD = """
insert into rules (id, tenant_id, agent_id, position, definition, changed_by)
select gen_random_uuid(), $1, $2, r.n, r.definition, $4 from unnest($3::jsonb[]) with ordinality r (definition, n)"""
_COPIED = "select definition::text from rules where agent_id = $1 and deleted_at is null order by position, id"
_KEY_INDEX = "rules_agent_id_key_key"


class OtherRules(TerminalError):
    """An order names other rules than there are."""


@dataclass(frozen=True, slots=True)
class RuleItem:
    """A rule of a draft. `definition` is what would be published of it; its `id` is the `key` here."""

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


class Rules:
    """Rules of a tenant's agents; either role. Customers meet them when the draft is published."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, tenant_id: UUID, agent_id: UUID) -> list[RuleItem]:
        """Return all rules in their order."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_rule(r) for r in await connection.fetch(_ALL, agent_id, False)]

    async def page(self, tenant_id: UUID, agent_id: UUID, after: int, limit: int, *, deleted: bool = False) -> list[RuleItem]:
        """Return rules in their order behind a position: those there are, or those that can be restored."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_rule(r) for r in await connection.fetch(_PAGE, agent_id, deleted, after, limit)]

    async def find(self, tenant_id: UUID, agent_id: UUID, rule_id: UUID) -> RuleItem | None:
        """Return one rule, deleted or not."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _find(connection, agent_id, rule_id)

    async def create(self, tenant_id: UUID, by: Actor, agent_id: UUID, definition: Mapping[str, Any]) -> RuleItem | None:
        """Add a rule behind the others. None if there is no such agent.

        Raises:
            Taken: another rule of the agent has its key.
        """
        try:
            async with self._database.tenant_transaction(tenant_id) as connection:
                if await lock(connection, agent_id) is None:
                    return None
                rule_id = await connection.fetchval(_CREATE, tenant_id, agent_id, to_text(definition), by.name)
                return await self._changed(connection, tenant_id, by, await _find(connection, agent_id, rule_id), None, "created")
        except TerminalError as error:
            raise _taken(error) from error

    async def replace(
        self, tenant_id: UUID, by: Actor, agent_id: UUID, rule_id: UUID, expected: int | None, definition: Mapping[str, Any]
    ) -> RuleItem | None:
        """Replace a rule as a whole. None if there is no such rule.

        Raises:
            Stale: somebody changed it.
            Taken: another rule of the agent has its key.
        """
        try:
            async with self._database.tenant_transaction(tenant_id) as connection:
                before = await _locked(connection, agent_id, rule_id, expected)
                if before is None:
                    return None
                await connection.execute(_REPLACE, rule_id, to_text(definition), by.name)
                return await self._changed(connection, tenant_id, by, await _find(connection, agent_id, rule_id), before, "changed")
        except TerminalError as error:
            raise _taken(error) from error

    async def delete(self, tenant_id: UUID, by: Actor, agent_id: UUID, rule_id: UUID, expected: int | None) -> RuleItem | None:
        """Delete a rule; `restore` undoes it. None if there is no such rule.

        Raises:
            Stale: somebody changed it.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await _locked(connection, agent_id, rule_id, expected)
            if before is None:
                return None
            await connection.execute(_DELETE, rule_id, by.name)
            return await self._changed(connection, tenant_id, by, await _find(connection, agent_id, rule_id), before, "deleted")

    async def restore(self, tenant_id: UUID, by: Actor, agent_id: UUID, rule_id: UUID) -> RuleItem | None:
        """Bring a deleted rule back behind the others; one that is there stays as it is. None if there is no such rule."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await _locked(connection, agent_id, rule_id, None, deleted=True)
            if before is None:
                return await _find(connection, agent_id, rule_id)
            await connection.execute(_RESTORE, rule_id, agent_id, by.name)
            return await self._changed(connection, tenant_id, by, await _find(connection, agent_id, rule_id), None, "restored")

    async def order(self, tenant_id: UUID, by: Actor, agent_id: UUID, rules: Sequence[UUID]) -> list[RuleItem] | None:
        """Put all rules into an order. None if there is no such agent.

        Raises:
            OtherRules: these are not all the rules there are, each once.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await lock(connection, agent_id) is None:
                return None
            before = [_rule(r) for r in await connection.fetch(_ALL, agent_id, False)]
            if sorted(rules) != sorted(rule.id for rule in before):
                raise OtherRules("name every rule of the agent once")
            await connection.execute(_ORDER, agent_id, list(rules))
            await touch(connection, agent_id, by)
            keys = {rule.id: rule.key for rule in before}
            was, now = {"order": [rule.key for rule in before]}, {"order": [keys[rule] for rule in rules]}
            await tell(connection, tenant_id, agent_id, by, Change("rules.ordered", f"agent:{agent_id}", was, now, {"rules": len(rules)}))
            return [_rule(r) for r in await connection.fetch(_ALL, agent_id, False)]

    async def _changed(
        self, connection: Connection, tenant_id: UUID, by: Actor, rule: RuleItem | None, before: RuleItem | None, done: str
    ) -> RuleItem:
        assert rule is not None  # written in this transaction
        await touch(connection, rule.agent_id, by)
        was, now = (before.definition if before else None), (None if rule.deleted_at else rule.definition)
        if was and now:
            names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
            was, now = {name: was.get(name) for name in names}, {name: now.get(name) for name in names}
        about = {"rule_id": str(rule.id), "name": rule.definition.get("name", rule.key)}
        await tell(connection, tenant_id, rule.agent_id, by, Change(f"rule.{done}", f"rule:{rule.id}", was, now, about))
        return rule


async def all_rules(connection: Connection, agent_id: UUID) -> list[Any]:
    """Return all definitions in their order, those that are switched off as well."""
    return [orjson.loads(r["definition"]) for r in await connection.fetch(_COPIED, agent_id)]


async def add_rules(connection: Connection, tenant_id: UUID, agent_id: UUID, by: Actor, rules: Sequence[Mapping[str, Any]]) -> None:
    """Store the rules of a new agent in their order."""
    if rules:
        await connection.execute(_ADD, tenant_id, agent_id, [to_text(rule) for rule in rules], by.name)


async def _locked(connection: Connection, agent_id: UUID, rule_id: UUID, expected: int | None, *, deleted: bool = False) -> RuleItem | None:
    if await lock(connection, agent_id) is None:
        return None
    found = await _find(connection, agent_id, rule_id)
    if found is None or (found.deleted_at is not None) != deleted:
        return None
    check(found.version, expected)
    return found


async def _find(connection: Connection, agent_id: UUID, rule_id: UUID) -> RuleItem | None:
    r = await connection.fetchrow(_FIND, agent_id, rule_id)
    return _rule(r) if r else None


def _rule(r: Any) -> RuleItem:
    *columns, definition = r.values()
    return RuleItem(*[*columns, orjson.loads(definition)])


def _taken(error: TerminalError) -> TerminalError:
    """Return the refusal of a key that is taken, any other error as it is."""
    if isinstance(error, Stale):
        return error
    return Taken("another rule of this agent has this key") if _KEY_INDEX in str(error) else error
