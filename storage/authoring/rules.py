"""The rules of an agent's draft, and their order."""

from collections.abc import Sequence
from uuid import UUID

from actors.domain.errors import TerminalError
from storage.accounts.audit import Actor
from storage.authoring.changes import Change, lock, tell, touch
from storage.authoring.definitions import DefinitionItem, Definitions
from storage.authoring.shelves import RULES
from storage.postgres import Database

_ORDER = """
update rules r set position = o.n from unnest($2::uuid[]) with ordinality o (id, n)
where r.agent_id = $1 and r.id = o.id and r.position <> o.n"""


class OtherRules(TerminalError):
    """An order names other rules than there are."""


class Rules(Definitions[DefinitionItem]):
    """Rules of a tenant's agents."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, RULES, DefinitionItem)

    async def order(self, tenant_id: UUID, by: Actor, agent_id: UUID, rules: Sequence[UUID]) -> list[DefinitionItem] | None:
        """Put all rules into an order. None if there is no such agent.

        Raises:
            OtherRules: these are not all the rules there are, each once.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await lock(connection, agent_id) is None:
                return None
            before = await self._all(connection, agent_id)
            if sorted(rules) != sorted(rule.id for rule in before):
                raise OtherRules("name every rule of the agent once")
            await connection.execute(_ORDER, agent_id, list(rules))
            await touch(connection, agent_id, by)
            keys = {rule.id: rule.key for rule in before}
            was, now = {"order": [rule.key for rule in before]}, {"order": [keys[rule] for rule in rules]}
            await tell(connection, tenant_id, agent_id, by, Change("rules.ordered", f"agent:{agent_id}", was, now, {"rules": len(rules)}))
            return await self._all(connection, agent_id)
