"""Taking a configuration in: all of it in one transaction, or nothing. Each change is stored and told of as if people had made it."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from actors.domain.configuration.checking import check
from actors.domain.configuration.comparing import Plan, Step, counts, plan
from actors.domain.configuration.models import Configuration
from storage.accounts.audit import Actor, record
from storage.configuration.agents import AgentWriter
from storage.configuration.bases import BaseWriter, Cut
from storage.configuration.state import State, read_state
from storage.postgres import Connection, Database

_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('configuration:' || $1::text, 0))"


class _Rehearsed(Exception):
    """Undoes the transaction of a rehearsal."""


class Configurations:
    """Imports for the tenants of an installation; either role."""

    def __init__(self, database: Database, cut: Cut) -> None:
        self._database = database
        self._cut = cut

    async def take_in(self, tenant_id: UUID, by: Actor, wanted: Configuration, *, prune: bool, rehearse: bool) -> Sequence[Step]:
        """Make the tenant's configuration what a file says, and return what became of every item.

        Args:
            tenant_id: whose.
            by: who.
            wanted: what the file says.
            prune: whether what the file does not have is deleted; agents are archived.
            rehearse: do everything, say what it came to, and undo it.

        Raises:
            InvalidDefinition: something may not be saved; places are within the file. Nothing was changed.
            InUse: an agent that would be archived is connected.
        """
        made: Plan | None = None
        try:
            async with self._database.joined_transaction(tenant_id) as connection:
                await connection.execute(_ONE_AT_A_TIME, str(tenant_id))
                state = await read_state(connection)
                made = await asyncio.to_thread(partial(plan, state.configuration, wanted, prune=prune))
                await asyncio.to_thread(check, state.configuration, wanted, made.target)
                if made.changes:
                    await self._write(connection, tenant_id, by, state, made, wanted)
                if rehearse:
                    raise _Rehearsed
        except _Rehearsed:
            pass
        assert made is not None
        return made.steps

    async def _write(self, connection: Connection, tenant_id: UUID, by: Actor, state: State, made: Plan, wanted: Configuration) -> None:
        writer = AgentWriter(self._database, tenant_id, by, made.steps)
        agents = dict(state.agents)
        for agent in sorted(wanted.agents, key=lambda one: one.key):
            if agent.key not in agents:
                agents[agent.key] = await writer.create(connection, agent)
        bases = await BaseWriter(self._database, tenant_id, by, self._cut).write(connection, state, made, wanted, agents)
        target = {agent.key: agent for agent in made.target.agents}
        for number, agent in enumerate(wanted.agents):
            known = agent.key in state.agents
            await writer.write(agents[agent.key], target[agent.key], bases, f"agents[{number}]", known=known)
        for step in made.steps:
            if step.what == "agent" and step.fate == "deleted":
                await writer.archive(agents[step.key])
        told: Mapping[str, Any] = {fate: number for fate, number in counts(made.steps).items() if number}
        await record(connection, tenant_id, by, "configuration.imported", f"tenant:{tenant_id}", None, told)
