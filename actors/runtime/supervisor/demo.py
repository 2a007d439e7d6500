"""The demo tenant: a small shop that answers at once, without any key."""

import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from actors.runtime.supervisor.keeping import Say
from config.demo.definition import TENANT_NAME, TENANT_SLUG, demo_definition
from storage.accounts.audit import Actor
from storage.accounts.login_links import LoginLinks
from storage.accounts.users import NewUser, Users
from storage.catalogue import Agents
from storage.crypto import SecretBox, load_or_create_key
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.postgres import Database, Role
from storage.tenants import Tenants

# A name under .invalid never exists (RFC 2606): nothing is ever sent there.
OWNER_EMAIL = "owner@demo.invalid"
OWNER_NAME = "Owner"
_LOCALE = "ru"
_START = Actor("start of the demo")


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo tenant's agent, and the token of its owner's one-time link if that owner is still there."""

    agent_id: UUID
    login_token: str | None = None

    def hint(self, url: str, public_url: str = "") -> str:
        """Return how to open the console and how to ask the agent something, for the terminal."""
        link = (
            f"Open the console:   {login_url(public_url or url, self.login_token)}  (once, within 24 hours)\n" if self.login_token else ""
        )
        return (
            f"{link}"
            f"Ask the demo shop:  KEY=$({_command()} api-key create --tenant {TENANT_SLUG} --role owner | tail -1)\n"
            f'                    curl -s {url}/api/chat -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\\n'
            f'                      -d \'{{"agent_id": "{self.agent_id}", "text": "How much is delivery?"}}\''
        )


def _command() -> str:
    """Return how to call the command from here: a checkout's virtual environment is on nobody's PATH, an image's is."""
    command, here = Path(sys.prefix) / "bin" / "callboard", Path.cwd()
    return str(command.relative_to(here)) if command.is_relative_to(here) else "callboard"


def login_url(base: str, token: str) -> str:
    """Return the address of a one-time link; what follows # is never sent to a server, so it is in no log."""
    return f"{base.rstrip('/')}/login#token={token}"


async def ensure_demo(dsn: str, data_dir: Path, say: Say) -> Demo:
    """Create what is missing of the demo tenant, once; what its owner changed afterwards stays. The link is a fresh one each time.

    Raises:
        CallboardError: the database refuses.
    """
    async with await Database.open(dsn, Role.API, "callboard-demo", size=1) as database:
        tenants, agents = Tenants(database), Agents(database)
        tenant = await tenants.by_slug(TENANT_SLUG)
        if tenant is None:
            say(f"Demo: creating the tenant {TENANT_SLUG!r} ({TENANT_NAME})")
        tenant_id = tenant.id if tenant else await tenants.create(TENANT_SLUG, TENANT_NAME, _LOCALE)
        known = await agents.page(tenant_id, None, 1)
        agent_id = known[0].id if known else await _create_agent(agents, tenant_id)
        integrations = IntegrationAdmin(database, SecretBox(load_or_create_key(data_dir)))
        if await integrations.find_test(tenant_id, agent_id) is None:
            await integrations.create(tenant_id, NewIntegration(agent_id, "test", str(agent_id)))
        return Demo(agent_id, await _login_token(database, tenant_id))


async def _login_token(database: Database, tenant_id: UUID) -> str | None:
    users = Users(database)
    owner = await users.by_email(tenant_id, OWNER_EMAIL)
    if owner is None and not await users.page(tenant_id, None, 1):
        owner = await users.create(tenant_id, NewUser(OWNER_EMAIL, OWNER_NAME, "owner", _LOCALE), _START)
    return await LoginLinks(database).create(tenant_id, owner.id, "login", _START) if owner else None


async def _create_agent(agents: Agents, tenant_id: UUID) -> UUID:
    definition = demo_definition()
    return await agents.create(tenant_id, definition["persona"]["name"], definition)
