"""The stop button: silences the bots of the company or of one agent, at once, on every host."""

from uuid import UUID

from actors.domain.ids import ConversationId
from gateway.api.operation import Answer, Call, Operation
from gateway.schemas.operators import PressedView, StopsView, stops_view
from storage.operators.stopping import StopButton
from storage.postgres import Database
from storage.signals import RedisSignals


class StopsApi:
    """Stops of the caller's company."""

    def __init__(self, database: Database, signals: RedisSignals) -> None:
        self._button = StopButton(database)
        self._signals = signals

    def operations(self) -> list[Operation]:
        """Return the operations."""
        company, agent = "/api/tenant", "/api/agents/{id}"
        return [
            Operation("GET", f"{company}/stop", self.state, level="viewer", tag="stops", answer=StopsView),
            *(
                Operation("POST", f"{base}/{verb}", handler, level="operator", tag="stops", answer=PressedView)
                for base, verb, handler in (
                    (company, "stop", self.stop_company),
                    (company, "resume", self.resume_company),
                    (agent, "stop", self.stop_agent),
                    (agent, "resume", self.resume_agent),
                )
            ),
        ]

    async def state(self, call: Call) -> Answer:
        """Show what is stopped, since when and by whom."""
        return Answer(stops_view(await self._button.state(call.tenant_id)))

    async def stop_company(self, call: Call) -> Answer:
        """Silence all bots: once this is answered, nothing of theirs is sent any more; who writes is shown to operators."""
        return await self._pressed(call, None, stop=True)

    async def resume_company(self, call: Call) -> Answer:
        """Let the bots speak again, except for agents that are stopped by themselves."""
        return await self._pressed(call, None, stop=False)

    async def stop_agent(self, call: Call) -> Answer:
        """Silence one agent's bots: as for the company."""
        return await self._pressed(call, call.uuid("id"), stop=True)

    async def resume_agent(self, call: Call) -> Answer:
        """Let one agent's bots speak again, unless the company is stopped."""
        return await self._pressed(call, call.uuid("id"), stop=False)

    async def _pressed(self, call: Call, agent_id: UUID | None, *, stop: bool) -> Answer:
        pressed = await self._button.press(call.tenant_id, agent_id, call.caller.actor, stop=stop)
        if pressed is None:
            raise call.missing()
        working = [ConversationId(number) for number in sorted(pressed.working)]
        now = stops_view(await self._button.state(call.tenant_id))
        view = PressedView(company=now.company, agents=now.agents, withdrawn=pressed.withdrawn)
        return Answer(view, afterwards=lambda: self._signals.kick_control(working))
