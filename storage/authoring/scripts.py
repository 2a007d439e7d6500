"""The scripts of an agent's draft, and how they are found."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from storage.accounts.audit import Actor
from storage.authoring.changes import Change, lock, tell, touch
from storage.authoring.definitions import DefinitionItem, Definitions
from storage.authoring.search import like
from storage.authoring.shelves import SCRIPTS
from storage.postgres import Database

# A script can answer in a language if it listens to it and has a text in it, or needs none.
_LANGUAGE = """
($4::text is null or ((coalesce(definition -> 'languages', '[]') = '[]' or definition -> 'languages' ? $4)
  and (coalesce(definition -> 'answer', '{}') = '{}' or definition -> 'answer' ? $4)))"""
_SEARCH = f"""
select {SCRIPTS.columns} from scripts
where agent_id = $1 and (deleted_at is not null) = $6 and ($2::text is null or search like $2) and ($3::bool is null or enabled = $3)
  and {_LANGUAGE} and position > $5
order by position limit $7"""  # noqa: S608
_MOVE_BEHIND = "update scripts set position = default where agent_id = $1 and key = $2 and deleted_at is null"


@dataclass(frozen=True, slots=True)
class ScriptFilter:
    """Which scripts; None means any. `q` is looked for in name, phrases, keywords and answers."""

    q: str | None = None
    enabled: bool | None = None
    language: str | None = None
    deleted: bool = False


class Scripts(Definitions[DefinitionItem]):
    """Scripts of a tenant's agents."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, SCRIPTS, DefinitionItem)

    async def search(self, tenant_id: UUID, agent_id: UUID, where: ScriptFilter, after: int, limit: int) -> list[DefinitionItem]:
        """Return scripts in their order, after the place `after` (0: from the start)."""
        pattern = like(where.q) if where.q else None
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_SEARCH, agent_id, pattern, where.enabled, where.language, after, where.deleted, limit)
        return [self._read(r) for r in rows]

    async def order(self, tenant_id: UUID, by: Actor, agent_id: UUID, keys: Sequence[str]) -> None:
        """Put scripts into an order; others come before them."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await lock(connection, agent_id) is None:
                return
            await connection.executemany(_MOVE_BEHIND, [(agent_id, key) for key in keys])
            await touch(connection, agent_id, by)
            await tell(connection, tenant_id, agent_id, by, Change("scripts.ordered", f"agent:{agent_id}", None, {"order": list(keys)}))
