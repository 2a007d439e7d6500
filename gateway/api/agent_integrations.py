"""Where customers reach an agent: its integrations, paused, resumed, disconnected. Connecting a bot is the command line's."""

from gateway.api.operation import Answer, Call, Operation
from gateway.directory import Directory
from gateway.schemas.endpoints import IntegrationList, IntegrationPatch, IntegrationView, integration_view
from storage.authoring.drafts import Drafts
from storage.endpoints import Endpoints
from storage.postgres import Database

_ALL, _ONE = "/api/agents/{id}/integrations", "/api/agents/{id}/integrations/{integration_id}"


class AgentIntegrationsApi:
    """The integrations of the agents of the caller's tenant."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._drafts = Drafts(database)
        self._endpoints = Endpoints(database)
        self._directory = directory

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", _ALL, self.list, level="viewer", tag="integrations", answer=IntegrationList),
            Operation("PATCH", _ONE, self.change, level="admin", tag="integrations", body=IntegrationPatch, answer=IntegrationView),
            Operation("DELETE", _ONE, self.disconnect, level="admin", tag="integrations", status=204),
        ]

    async def list(self, call: Call) -> Answer:
        """List what an agent is connected to, with what is wrong with it."""
        agent_id = call.uuid("id")
        if await self._drafts.find(call.tenant_id, agent_id) is None:
            raise call.missing()
        found = await self._endpoints.of_agent(call.tenant_id, agent_id)
        return Answer(IntegrationList(items=[integration_view(endpoint) for endpoint in found]))

    async def change(self, call: Call[IntegrationPatch]) -> Answer:
        """Pause or resume an integration, or choose what happens to a reply whose sending ended unknown."""
        agent_id, integration_id = call.uuid("id"), call.uuid("integration_id")
        body = call.body
        changed = await self._endpoints.change(call.tenant_id, call.caller.actor, agent_id, integration_id, body.status, body.reply_policy)
        if changed is None:
            raise call.missing()
        self._directory.forget(integration_id)
        return Answer(integration_view(changed))

    async def disconnect(self, call: Call) -> Answer:
        """Disconnect an integration for good: nothing more is received or sent. The test chat cannot be disconnected."""
        agent_id, integration_id = call.uuid("id"), call.uuid("integration_id")
        if await self._endpoints.disconnect(call.tenant_id, call.caller.actor, agent_id, integration_id) is None:
            raise call.missing()
        self._directory.forget(integration_id)
        return Answer()
