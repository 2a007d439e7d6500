"""Test chats: conversations that people start over the API."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from actors.domain.errors import TerminalError
from actors.domain.ids import Address, ConversationId, IntegrationId
from storage.postgres import Connection, Database

_INTEGRATION = """
select g.id, a.published_version from integrations g join agents a on a.id = g.agent_id
where g.agent_id = $1 and g.channel = 'test' and g.status <> 'disconnected' and a.archived_at is null"""
_HAS_VERSION = "select exists (select from agent_versions where agent_id = $1 and version = $2)"
_BY_ID = "select id, key, pinned_version from conversations where id = $1 and integration_id = $2"
_BY_KEY = "select id, key, pinned_version from conversations where integration_id = $1 and key = $2"
_CREATE = """
insert into conversations (tenant_id, integration_id, key, kind, partition, pinned_version) values ($1, $2, $3, 'chat', $4, $5)
on conflict do nothing returning id, key, pinned_version"""


class NoSuchVersion(TerminalError):
    """The agent has no such version, or none is published."""


@dataclass(frozen=True, slots=True)
class TestChat:
    """A conversation on an agent's test integration. It keeps to `pinned_version`; None: to whatever is published."""

    conversation_id: ConversationId
    address: Address
    pinned_version: int | None = None


class TestChats:
    """Test chats of a tenant; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, tenant_id: UUID, agent_id: UUID, conversation_id: int) -> TestChat | None:
        """Return a conversation if it is a test chat of this tenant's agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            endpoint = await connection.fetchrow(_INTEGRATION, agent_id)
            if endpoint is None:
                return None
            row = await connection.fetchrow(_BY_ID, conversation_id, endpoint["id"])
        return _chat(row, endpoint["id"]) if row else None

    async def start(self, tenant_id: UUID, agent_id: UUID, key: str, version: int | None = None) -> TestChat | None:
        """Return the test chat with this key, made if it did not exist; None if the tenant has no such agent.

        Raises:
            NoSuchVersion: the agent has no such version; or, without one, nothing is published.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            endpoint = await connection.fetchrow(_INTEGRATION, agent_id)
            if endpoint is None:
                return None
            if version is None and endpoint["published_version"] == 0:
                raise NoSuchVersion("nothing of this agent is published yet")
            if version is not None and not await connection.fetchval(_HAS_VERSION, agent_id, version):
                raise NoSuchVersion(f"this agent has no version {version}")
            return await _start(connection, tenant_id, Address(endpoint["id"], key), version)


async def _start(connection: Connection, tenant_id: UUID, address: Address, version: int | None) -> TestChat:
    row = await connection.fetchrow(_CREATE, tenant_id, address.integration_id, address.key, address.partition, version)
    row = row or await connection.fetchrow(_BY_KEY, address.integration_id, address.key)
    assert row is not None  # inserted now or before
    return _chat(row, address.integration_id)


def _chat(row: Any, integration_id: UUID) -> TestChat:
    return TestChat(ConversationId(row["id"]), Address(IntegrationId(integration_id), row["key"]), row["pinned_version"])
