"""Where the parts of an agent's draft lie: its scripts, rules and sequences. One table each, alike but for what a shelf says."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from actors.domain.catalogue import assembled
from storage.accounts.audit import Actor
from storage.authoring.changes import LockedDraft, to_text
from storage.authoring.search import search_text
from storage.postgres import Connection

_COLUMNS = "id, agent_id, position, key, enabled, version, created_at, changed_at, changed_by, deleted_at, definition::text"
_BASES = "select base_id from knowledge_bindings where agent_id = $1 order by base_id"


class Shelf:
    """One table of definitions, and what is done with it in SQL."""

    def __init__(self, noun: str, columns: str = "", *, searched: bool = False, placed: bool = False) -> None:
        """Describe it.

        Args:
            noun: What one of them is called; changes are told as `{noun}.created`, the table is its plural.
            columns: What an item has besides, as SQL.
            searched: A text to find it by is kept beside each.
            placed: People put them into an order; others keep the order they were made in.
        """
        self.noun, self.table, self.searched, self.columns = noun, f"{noun}s", searched, _COLUMNS + columns
        table, text, place = self.table, ", search" if searched else "", ", position" if placed else ""
        last = f"(select coalesce(max(o.position), 0) from {table} o where o.agent_id = $2)"
        self.all = f"select {self.columns} from {table} where agent_id = $1 and deleted_at is null order by position, id"
        self.page = f"""
            select {self.columns} from {table} where agent_id = $1 and (deleted_at is not null) = $2 and position > $3
            order by position limit $4"""
        self.find = f"select {self.columns} from {table} where agent_id = $1 and id = $2"
        self.definitions = f"""
            select definition::text from {table} where agent_id = $1 and deleted_at is null and (enabled or not $2) order by position, id"""
        # In all that writes $2 is the agent, $3 who did it, and from $4 on comes `columns_of`.
        self.add = f"""
            insert into {table} (id, tenant_id, agent_id, changed_by, definition{text}{place})
            select gen_random_uuid(), $1, $2, $3, d.definition{", d.search" if searched else ""}{f", {last} + d.n" if placed else ""}
            from unnest($4::jsonb[]{", $5::text[]" if searched else ""}) with ordinality d (definition{text}, n) order by d.n"""
        self.create = f"{self.add} returning id"
        changed = f"version = {table}.version + 1, changed_at = now(), changed_by = $3"
        self.put = f"""
            {self.add} on conflict (agent_id, key) do update
            set {changed}, definition = excluded.definition, deleted_at = null{", search = excluded.search" if searched else ""}"""
        this = "where id = $1 and agent_id = $2"
        self.replace = f"update {table} set {changed}, definition = $4::jsonb{', search = $5' if searched else ''} {this}"
        self.delete = f"update {table} set {changed}, deleted_at = now() {this}"
        self.restore = f"update {table} set {changed}, deleted_at = null{f', position = {last} + 1' if placed else ''} {this}"
        self.delete_others = f"""
            update {table} set {changed}, deleted_at = now() where key <> all ($1::text[]) and agent_id = $2 and deleted_at is null"""
        self.key_index = f"{self.table}_agent_id_key_key"

    def columns_of(self, definitions: Sequence[Mapping[str, Any]]) -> list[list[str]]:
        """Return what is stored of definitions, as parameters of `add`, `create` and `put`."""
        texts = [to_text(definition) for definition in definitions]
        return [texts, [search_text(definition) for definition in definitions]] if self.searched else [texts]


SCRIPTS = Shelf("script", searched=True)
RULES = Shelf("rule", placed=True)
SEQUENCES = Shelf("sequence", ", paused_at")
SHELVES = (SCRIPTS, RULES, SEQUENCES)


async def definitions(connection: Connection, shelf: Shelf, agent_id: UUID, *, enabled: bool = False) -> list[Any]:
    """Return the definitions on a shelf in their order; with `enabled` only those that are used."""
    return [orjson.loads(r["definition"]) for r in await connection.fetch(shelf.definitions, agent_id, enabled)]


async def add(connection: Connection, shelf: Shelf, tenant_id: UUID, agent_id: UUID, by: Actor, given: Sequence[Mapping[str, Any]]) -> None:
    """Store definitions behind those there are, in their order."""
    if given:
        await connection.execute(shelf.add, tenant_id, agent_id, by.name, *shelf.columns_of(given))


async def assemble(connection: Connection, draft: LockedDraft) -> dict[str, Any]:
    """Return the definition that the draft, its scripts, rules and sequences make."""
    scripts, rules, sequences = [await definitions(connection, shelf, draft.agent_id, enabled=True) for shelf in SHELVES]
    bases = [str(r["base_id"]) for r in await connection.fetch(_BASES, draft.agent_id)]
    return assembled(draft.persona, scripts, draft.passages, rules, bases, sequences)
