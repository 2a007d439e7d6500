"""The stop button: silences the bots of a company or of one agent, at once and on every host."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from actors.domain.errors import TransientError
from storage.accounts.audit import Actor, record
from storage.operators.moves import working
from storage.postgres import Database

_TRIES = 3  # of a stop that met a sender's commit the wrong way round
_COMPANY = "select stopped_at, stopped_by from tenants where id = $1"
_AGENTS = "select id, name, stopped_at, stopped_by from agents where stopped_at is not null and archived_at is null order by created_at, id"
_AGENT = "select 1 from agents where id = $1 and archived_at is null"


@dataclass(frozen=True, slots=True)
class Stop:
    """Since when, and by whom."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class AgentStop:
    """An agent that is stopped by itself."""

    agent_id: UUID
    name: str
    stop: Stop


@dataclass(frozen=True, slots=True)
class Stops:
    """What is stopped: everything, and which agents."""

    company: Stop | None
    agents: tuple[AgentStop, ...]


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a press of the button did. `working` are conversations whose agents may be at work just now."""

    changed: bool
    withdrawn: int
    working: frozenset[int]


class StopButton:
    """Stops of a tenant; needs the role callboard_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self, tenant_id: UUID) -> Stops:
        """Return what is stopped."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            company = await connection.fetchrow(_COMPANY, tenant_id)
            agents = await connection.fetch(_AGENTS)
        return Stops(_stop(company), tuple([AgentStop(r["id"], r["name"], Stop(r["stopped_at"], r["stopped_by"])) for r in agents]))

    async def press(self, tenant_id: UUID, agent_id: UUID | None, actor: Actor, *, stop: bool) -> Stopped | None:
        """Stop or resume: once this returns, nothing of the bot's is begun any more. None if there is no such agent."""
        for _ in range(_TRIES - 1):
            try:
                return await self._press(tenant_id, agent_id, actor, stop=stop)
            except TransientError:
                continue
        return await self._press(tenant_id, agent_id, actor, stop=stop)

    async def _press(self, tenant_id: UUID, agent_id: UUID | None, actor: Actor, *, stop: bool) -> Stopped | None:
        async with self._database.tenant_transaction(tenant_id) as connection:
            if agent_id is not None and not await connection.fetchval(_AGENT, agent_id):
                return None
            done = await connection.fetchrow("select * from bots_stop($1, $2, $3, $4)", tenant_id, agent_id, stop, actor.name)
            assert done is not None
            if done["changed"]:
                subject = f"agent:{agent_id}" if agent_id else f"tenant:{tenant_id}"
                action = f"{'agent' if agent_id else 'tenant'}.{'stopped' if stop else 'resumed'}"
                await record(connection, tenant_id, actor, action, subject)
            at_work = await working(connection, tenant_id) if stop else set()
        return Stopped(done["changed"], done["withdrawn"], frozenset(at_work))


def _stop(r: Any) -> Stop | None:
    return Stop(r["stopped_at"], r["stopped_by"] or "") if r and r["stopped_at"] else None
