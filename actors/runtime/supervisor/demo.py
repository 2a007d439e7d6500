"""The demo tenant: a small shop that answers at once, without any key."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from actors.runtime.supervisor.keeping import Say
from config.demo.definition import TENANT_NAME, TENANT_SLUG, demo_definition
from storage.catalogue import Agents
from storage.crypto import SecretBox, load_or_create_key
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.postgres import Database, Role
from storage.tenants import Tenants


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo tenant's agent."""

    agent_id: UUID

    def hint(self, url: str) -> str:
        """Return how to ask it something, for the terminal."""
        return (
            f"Ask the demo shop:  KEY=$(.venv/bin/callboard api-key create --tenant {TENANT_SLUG} --role owner | tail -1)\n"
            f'                    curl -s {url}/api/chat -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\\n'
            f'                      -d \'{{"agent_id": "{self.agent_id}", "text": "How much is delivery?"}}\''
        )


async def ensure_demo(dsn: str, data_dir: Path, say: Say) -> Demo:
    """Create what is missing of the demo tenant, once; what its owner changed afterwards stays.

    Raises:
        CallboardError: the database refuses.
    """
    async with await Database.open(dsn, Role.API, "callboard-demo", size=1) as database:
        tenants, agents = Tenants(database), Agents(database)
        tenant = await tenants.by_slug(TENANT_SLUG)
        if tenant is None:
            say(f"Demo: creating the tenant {TENANT_SLUG!r} ({TENANT_NAME})")
        tenant_id = tenant.id if tenant else await tenants.create(TENANT_SLUG, TENANT_NAME, "ru")
        known = await agents.page(tenant_id, None, 1)
        agent_id = known[0].id if known else await _create_agent(agents, tenant_id)
        integrations = IntegrationAdmin(database, SecretBox(load_or_create_key(data_dir)))
        if await integrations.find_test(tenant_id, agent_id) is None:
            await integrations.create(tenant_id, NewIntegration(agent_id, "test", str(agent_id)))
    return Demo(agent_id)


async def _create_agent(agents: Agents, tenant_id: UUID) -> UUID:
    definition = demo_definition()
    return await agents.create(tenant_id, definition["persona"]["name"], definition)
