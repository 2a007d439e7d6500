"""Agents and their published versions: one document each, changed as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.domain.errors import TerminalError
from actors.domain.ids import AgentId, TenantId
from storage.accounts.audit import Actor
from storage.authoring.drafts import create_agent
from storage.authoring.versions import NewVersion, insert_version
from storage.postgres import Database

_LIST = """
select id, name, published_version, created_at from agents
where archived_at is null and ($1::uuid is null or (created_at, id) > (select a.created_at, a.id from agents a where a.id = $1))
order by created_at, id limit $2"""

PROGRAM = Actor("Callboard")


@dataclass(frozen=True, slots=True)
class AgentSummary:
    """An agent as lists show it."""

    id: AgentId
    name: str
    published_version: int
    created_at: datetime


class PostgresCatalogue:
    """Published versions as hosts need them; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def versions(self, agents: Sequence[AgentId]) -> dict[AgentId, int]:
        """Return the published version of each agent that exists."""
        async with self._database.dispatch_transaction() as connection:
            rows = await connection.fetch("select id, published_version from agents where id = any($1)", list(agents))
        return {AgentId(r["id"]): r["published_version"] for r in rows}

    async def definition(self, tenant_id: TenantId, agent_id: AgentId, version: int) -> Mapping[str, Any]:
        """Return the document of one version.

        Raises:
            TerminalError: there is no such version.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            text = await connection.fetchval(
                "select definition from agent_versions where agent_id = $1 and version = $2", agent_id, version
            )
        if text is None:
            raise TerminalError(f"agent {agent_id} has no version {version}")
        definition: Mapping[str, Any] = orjson.loads(text)
        return definition


class Agents:
    """Agents as the API and the demo need them; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, tenant_id: UUID, name: str, definition: Mapping[str, Any]) -> AgentId:
        """Create an agent whose draft and first published version are the definition."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            agent_id = await create_agent(connection, tenant_id, PROGRAM, name, definition)
            version = await insert_version(connection, agent_id, PROGRAM, NewVersion(definition, True))
            await connection.execute("update agent_drafts set as_version = $2 where agent_id = $1", agent_id, version)
        return AgentId(agent_id)

    async def publish(self, tenant_id: UUID, agent_id: UUID, definition: Mapping[str, Any]) -> int:
        """Publish a definition past the draft and return its number.

        Raises:
            TerminalError: the tenant has no such agent.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await insert_version(connection, agent_id, PROGRAM, NewVersion(definition, True))

    async def page(self, tenant_id: UUID, after: UUID | None, limit: int) -> list[AgentSummary]:
        """Return the tenant's agents, oldest first, after the agent `after`."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_LIST, after, limit)
        return [AgentSummary(AgentId(r["id"]), r["name"], r["published_version"], r["created_at"]) for r in rows]
