"""The sequences of an agent's draft, and how all their runs are held."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from storage.accounts.audit import Actor
from storage.authoring.changes import Change, lock, tell
from storage.authoring.definitions import DefinitionItem, Definitions
from storage.authoring.shelves import SEQUENCES
from storage.postgres import Database

_PAUSE = "update sequences set paused_at = case when $2 then now() end where id = $1"
_HOLD = """
update enrollments set state = case when $3 then 'paused' else 'active' end, changed_at = now()
where agent_id = $1 and key = $2 and state = case when $3 then 'active' else 'paused' end returning id"""
_WITHHOLD = "select enrollments_withhold($1, 'the sequence is paused')"


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceItem(DefinitionItem):
    """A sequence of a draft."""

    paused_at: datetime | None


class Sequences(Definitions[SequenceItem]):
    """Sequences of a tenant's agents."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, SEQUENCES, SequenceItem)

    async def pause(self, tenant_id: UUID, by: Actor, agent_id: UUID, sequence_id: UUID, *, paused: bool) -> SequenceItem | None:
        """Hold all runs of a sequence, or let them go on. What is queued and not on the wire is said after the pause.

        None if there is no such sequence.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await lock(connection, agent_id) is None:
                return None
            found = await self._find(connection, agent_id, sequence_id)
            if found is None or (found.paused_at is not None) == paused:
                return found
            await connection.execute(_PAUSE, sequence_id, paused)
            held = [r["id"] for r in await connection.fetch(_HOLD, agent_id, found.key, paused)]
            if paused and held:
                await connection.execute(_WITHHOLD, held)
            about = {**self._about(found), "runs": len(held)}
            change = Change("sequence.paused" if paused else "sequence.resumed", f"sequence:{found.id}", None, about, about)
            await tell(connection, tenant_id, agent_id, by, change)
            return await self._find(connection, agent_id, sequence_id)
