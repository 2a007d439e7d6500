"""Where customers reach an agent: its integrations, connected, tested, paused, resumed, disconnected."""

from uuid import UUID

from actors.domain.troubles import AccountTrouble
from actors.ports.connecting import ConnectedBot
from actors.services.connecting import Connected
from gateway.api.integrations import pasted_token, refusal_of
from gateway.api.operation import Answer, Call, Operation
from gateway.connections import Connections
from gateway.directory import Directory
from gateway.problems import invalid
from gateway.schemas.endpoints import (
    ConnectBody,
    ConnectedView,
    HolderView,
    IntegrationList,
    IntegrationPatch,
    IntegrationView,
    TestedView,
    integration_view,
    tested_view,
)
from storage.authoring.drafts import Drafts
from storage.endpoints import Endpoint, Endpoints
from storage.postgres import Database

_ALL, _ONE = "/api/agents/{id}/integrations", "/api/agents/{id}/integrations/{integration_id}"


class AgentIntegrationsApi:
    """The integrations of the agents of the caller's tenant."""

    def __init__(self, database: Database, directory: Directory, connections: Connections) -> None:
        self._drafts = Drafts(database)
        self._endpoints = Endpoints(database)
        self._directory = directory
        self._connections = connections

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", _ALL, self.list, level="viewer", tag="integrations", answer=IntegrationList),
            Operation(
                "POST",
                _ALL,
                self.connect,
                level="admin",
                tag="integrations",
                body=ConnectBody,
                answer=ConnectedView,
                status=201,
            ),
            Operation("PATCH", _ONE, self.change, level="admin", tag="integrations", body=IntegrationPatch, answer=IntegrationView),
            Operation("POST", f"{_ONE}/test", self.test, level="admin", tag="integrations", answer=TestedView),
            Operation("DELETE", _ONE, self.disconnect, level="admin", tag="integrations", status=204),
        ]

    async def list(self, call: Call) -> Answer:
        """List what an agent is connected to, with what is wrong with it."""
        await self._need_agent(call)
        found = await self._endpoints.of_agent(call.tenant_id, call.uuid("id"))
        return Answer(IntegrationList(items=[integration_view(endpoint) for endpoint in found]))

    async def connect(self, call: Call[ConnectBody]) -> Answer:
        """Connect a Telegram bot by its token, from wherever it was in this installation.

        With a public address Telegram sends messages there, else they are fetched; if Telegram refuses the address, they are
        fetched, and `problem` says so. Connecting a bot again where it is replaces its token; its conversations go on.
        """
        await self._need_agent(call)
        token, desk = pasted_token(call.body.token), self._connections.desk(call.caller)
        try:
            connected = await self._connections.connecting.connect(desk, call.uuid("id"), token, call.body.mode)
        except AccountTrouble as error:
            raise refusal_of(error, "/mode" if error.trouble.code == "no_public_url" else "/token") from None
        if connected is None:
            raise call.missing("id")
        return Answer(await self._connected(call, connected))

    async def change(self, call: Call[IntegrationPatch]) -> Answer:
        """Pause or resume an integration, choose how messages are received, or what happens to a reply whose sending ended unknown.

        A pause keeps everything: what customers write is answered when it is over, as far as the channel keeps it so long
        (Telegram without a webhook: 24 hours). Changing how messages are received loses none.
        """
        body, ids = call.body, (call.uuid("id"), call.uuid("integration_id"))
        if body.mode:
            await self._receive(call, body.mode)
        changed = await self._endpoints.change(call.tenant_id, call.caller.actor, *ids, body.status, body.reply_policy)
        if changed is None:
            raise call.missing()
        self._directory.forget(changed.id)
        if body.status == "live" and (bot := await self._bot(call)) is not None:
            await self._connections.connecting.resume(self._connections.desk(call.caller), bot)
        return Answer(integration_view(await self._endpoint(call)))

    async def test(self, call: Call) -> Answer:
        """Ask Telegram how the bot is: whether the token works, where its messages go, what is wrong and what to do about it."""
        await self._endpoint(call)
        bot = await self._bot(call)
        if bot is None:
            raise invalid("only Telegram bots can be tested", "not_telegram", parameter="integration_id")
        tested = await self._connections.connecting.test(self._connections.desk(call.caller), bot)
        return Answer(tested_view(tested, await self._endpoint(call)))

    async def disconnect(self, call: Call) -> Answer:
        """Disconnect an integration for good: nothing more is received or sent. The test chat cannot be disconnected."""
        agent_id, integration_id = call.uuid("id"), call.uuid("integration_id")
        bot = await self._bot(call)
        if await self._endpoints.disconnect(call.tenant_id, call.caller.actor, agent_id, integration_id) is None:
            raise call.missing()
        self._directory.forget(integration_id)
        if bot is not None:
            await self._connections.connecting.release(bot)
        return Answer()

    async def _receive(self, call: Call[IntegrationPatch], mode: str) -> None:
        await self._endpoint(call)
        bot = await self._bot(call)
        if bot is None:
            raise invalid("only for Telegram bots", "not_telegram", pointer="/mode")
        try:
            await self._connections.connecting.receive(self._connections.desk(call.caller), bot, "push" if mode == "push" else "poll")
        except AccountTrouble as error:
            raise refusal_of(error, "/mode") from None

    async def _connected(self, call: Call[ConnectBody], connected: Connected) -> ConnectedView:
        self._directory.forget(connected.integration.id)
        moved = connected.moved_from
        if moved is not None:
            self._directory.forget(moved.integration_id)
        endpoint = await self._endpoint(call, connected.integration.id)
        return ConnectedView(
            integration=integration_view(endpoint),
            moved_from=HolderView(agent_id=moved.agent_id, agent_name=moved.agent_name) if moved and moved.ours else None,
            moved_from_elsewhere=moved is not None and not moved.ours,
        )

    async def _need_agent(self, call: Call[ConnectBody] | Call) -> None:
        if await self._drafts.find(call.tenant_id, call.uuid("id")) is None:
            raise call.missing("id")

    async def _bot(self, call: Call[IntegrationPatch] | Call) -> ConnectedBot | None:
        return await self._connections.desk(call.caller).find(call.uuid("id"), call.uuid("integration_id"))

    async def _endpoint(self, call: Call[ConnectBody] | Call[IntegrationPatch] | Call, integration_id: UUID | None = None) -> Endpoint:
        found = await self._endpoints.find(call.tenant_id, call.uuid("id"), integration_id or call.uuid("integration_id"))
        if found is None:
            raise call.missing()
        return found
