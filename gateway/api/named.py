"""What actions of rules and sequences name that is not the agent's own: things of its CRM, and colleagues."""

from collections.abc import Sequence
from uuid import UUID

from actors.domain.errors import Problem
from actors.domain.rules.crm import Crm, copy_problems
from actors.domain.rules.models import Action, Assign
from storage.assigning import Assignments
from storage.crm_known import CrmCopies
from storage.postgres import Database


class NamedThings:
    """What there is to be named."""

    def __init__(self, database: Database) -> None:
        self._crm = CrmCopies(database)
        self._assignments = Assignments(database)

    async def problems(self, tenant_id: UUID, agent_id: UUID, actions: Sequence[tuple[str, Action]]) -> list[Problem]:
        """Return what these actions, each with its place, name that is not there."""
        found: list[Problem] = []
        if asked := [(place, action) for place, action in actions if isinstance(action, Crm)]:
            has = await self._crm.known(tenant_id, agent_id)
            found += [problem for place, action in asked for problem in copy_problems(action, place, has)]
        if given := [(place, action.user) for place, action in actions if isinstance(action, Assign) and action.user]:
            there = {one.email for one in await self._assignments.colleagues(tenant_id)}
            reason = "nobody with this address answers customers here: invite them, or choose somebody else"
            found += [Problem(f"{place}.user", reason) for place, user in given if user not in there]
        return found
