"""Where systems of the tenant's own reach an agent's rules: one secret address an agent, which people see and change."""

import secrets
from dataclasses import dataclass, field
from uuid import UUID

from actors.domain.ids import Address, IntegrationId
from storage.accounts.audit import Actor
from storage.authoring.changes import Change, lock, tell
from storage.crypto import SecretBox
from storage.integrations import secret_hash
from storage.postgres import Connection, Database

_ENDPOINT = "select agent_endpoint($1, $2)"
_SEALED = "select token_encrypted from integrations where id = $1 for update"
_KEEP = "update integrations set secret_hash = $2, token_encrypted = $3 where id = $1"
_CHAT = """
select c.integration_id, c.key from conversations c join integrations g on g.id = c.integration_id
where c.id = $1 and g.agent_id = $2 and g.status <> 'disconnected' and c.kind = 'chat' and not c.state ? 'operator'"""


@dataclass(frozen=True, slots=True)
class RuleHook:
    """An agent's own endpoint and the secret of its addresses."""

    integration_id: IntegrationId
    secret: str = field(repr=False)


class RuleHooks:
    """The addresses of a tenant's agents; either role."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def of(self, tenant_id: UUID, agent_id: UUID) -> RuleHook | None:
        """Return the agent's address, made if there was none; None if the tenant has no such agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await lock(connection, agent_id) is None:
                return None
            endpoint: UUID = await connection.fetchval(_ENDPOINT, tenant_id, agent_id)
            sealed = await connection.fetchval(_SEALED, endpoint)
            if sealed is None:
                return await self._keep(connection, endpoint)
            return RuleHook(IntegrationId(endpoint), self._box.decrypt(sealed, str(endpoint)))

    async def rotate(self, tenant_id: UUID, by: Actor, agent_id: UUID) -> RuleHook | None:
        """Give the agent's addresses another secret; the old ones end. None if the tenant has no such agent."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await lock(connection, agent_id) is None:
                return None
            await tell(connection, tenant_id, agent_id, by, Change("rules.webhook_secret", f"agent:{agent_id}"))
            return await self._keep(connection, await connection.fetchval(_ENDPOINT, tenant_id, agent_id))

    async def _keep(self, connection: Connection, integration_id: UUID) -> RuleHook:
        secret = secrets.token_urlsafe(24)
        sealed = self._box.encrypt(secret, str(integration_id))
        await connection.execute(_KEEP, integration_id, secret_hash(secret), sealed)
        return RuleHook(IntegrationId(integration_id), secret)


async def chat_address(database: Database, tenant_id: UUID, agent_id: UUID, conversation_id: int) -> Address | None:
    """Return where a conversation of the agent's customers is reached; None if it has no such conversation."""
    async with database.tenant_transaction(tenant_id) as connection:
        found = await connection.fetchrow(_CHAT, conversation_id, agent_id)
    return Address(IntegrationId(found["integration_id"]), found["key"]) if found else None
