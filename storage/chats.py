"""Test chats: conversations that people start over the API."""

from dataclasses import dataclass
from uuid import UUID

from actors.domain.ids import Address, ConversationId, IntegrationId
from storage.postgres import Connection, Database

_INTEGRATION = """
select g.id from integrations g join agents a on a.id = g.agent_id
where g.agent_id = $1 and g.channel = 'test' and g.status <> 'disconnected' and a.archived_at is null"""
_BY_ID = "select id, key from conversations where id = $1 and integration_id = $2"
_BY_KEY = "select id, key from conversations where integration_id = $1 and key = $2"
_CREATE = """
insert into conversations (tenant_id, integration_id, key, kind, partition) values ($1, $2, $3, 'chat', $4)
on conflict do nothing returning id, key"""


@dataclass(frozen=True, slots=True)
class TestChat:
    """A conversation on an agent's test integration."""

    conversation_id: ConversationId
    address: Address


class TestChats:
    """Test chats of a tenant; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, tenant_id: UUID, agent_id: UUID, conversation_id: int) -> TestChat | None:
        """Return a conversation if it is a test chat of this tenant's agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            integration_id = await connection.fetchval(_INTEGRATION, agent_id)
            row = integration_id and await connection.fetchrow(_BY_ID, conversation_id, integration_id)
        return _chat(row["id"], integration_id, row["key"]) if row else None

    async def start(self, tenant_id: UUID, agent_id: UUID, key: str) -> TestChat | None:
        """Return the test chat with this key, made if it did not exist; None if the tenant has no such agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            integration_id = await connection.fetchval(_INTEGRATION, agent_id)
            if integration_id is None:
                return None
            return await _start(connection, tenant_id, Address(integration_id, key))


async def _start(connection: Connection, tenant_id: UUID, address: Address) -> TestChat:
    row = await connection.fetchrow(_CREATE, tenant_id, address.integration_id, address.key, address.partition)
    row = row or await connection.fetchrow(_BY_KEY, address.integration_id, address.key)
    assert row is not None  # inserted now or before
    return _chat(row["id"], address.integration_id, row["key"])


def _chat(conversation_id: int, integration_id: UUID, key: str) -> TestChat:
    return TestChat(ConversationId(conversation_id), Address(IntegrationId(integration_id), key))
