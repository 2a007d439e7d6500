"""A ConversationHost whose stores are in memory."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from actors.domain.ids import Address
from actors.domain.messages import Input
from actors.ports.carriers import Carrier
from actors.ports.inbox import InboxRow, NewInput
from actors.ports.model import ChatModel, Endpoint, ModelAnswer, ModelRequest
from actors.runtime.clock import SystemClock, SystemIds, fresh_generation
from actors.runtime.host.conversation_host import ConversationHost, HostPorts
from actors.services.agent import AgentService, Models
from actors.services.catalogues import Catalogues
from actors.services.conversation import ConversationService
from integrations.test_chat.parser import TestChatParser
from tests.fakes.signals import FakeSignals
from tests.fakes.stores import FakeCarriers, FakeCatalogue, FakeConversations, FakeInbox, FakeTurns
from tests.fakes.world import IntegrationEntry, World

CHAIN = {"persona": {"name": "Chain", "languages": ["en"], "responder": "chain", "debounce_s": 0.0}}
AGENT = {"persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0.0}}


class DirtyParser(TestChatParser):
    """Lets NUL through, as a parser with a bug would, and fails at `boom`."""

    def parse(self, row: InboxRow) -> Input:
        if b"boom" in row.raw:
            raise RuntimeError("no idea what this is")
        parsed = super().parse(row)
        if b"dirty" in row.raw:
            object.__setattr__(parsed, "text", "dirty \x00")
        return parsed


class FunctionModel:
    """A model that is a function of the question."""

    def __init__(self, answer: Callable[[str, Callable[[str], Awaitable[None]]], Awaitable[str]]) -> None:
        self._answer = answer
        self.asked: list[str] = []

    async def answer(self, request: ModelRequest, on_delta: Callable[[str], Awaitable[None]]) -> ModelAnswer:
        question = request.messages[-1][1]
        self.asked.append(question)
        return ModelAnswer(await self._answer(question, on_delta), "function")


class HostOnFakes:
    """One integration of the test chat, one host."""

    def __init__(self, definition: dict[str, Any] = CHAIN, model: ChatModel | None = None, channel: str = "test") -> None:
        self.clock = SystemClock()
        self.world = World(seconds=self.clock.monotonic)
        self.integration: IntegrationEntry = self.world.add_integration(channel)
        self.world.publish(self.integration.agent_id, definition)
        self.inbox = FakeInbox(self.world)
        self.turns = FakeTurns(self.world)
        self.conversations = FakeConversations(self.world)
        self.signals = FakeSignals()
        self._models = Models(Endpoint(model)) if model else None
        self.sent = 0
        self.host = self.new_host()

    def new_host(self) -> ConversationHost:
        catalogues = Catalogues(FakeCatalogue(self.world))
        parser = DirtyParser()
        service = ConversationService(
            self.clock, SystemIds(), {"test": parser, "telegram": parser}, catalogues, AgentService(self.clock, self._models)
        )
        ports = HostPorts(self.clock, self.inbox, self.conversations, self.turns, FakeCarriers(self.world), self.signals)
        return ConversationHost(Carrier("host", 0, 1, fresh_generation(), 1), ports, service, catalogues, 300.0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ConversationHost]:
        """Run the host for the block; its end is orderly, whatever the block did."""
        task = asyncio.create_task(self.host.run())
        try:
            yield self.host
        finally:
            if not task.done():
                await self.host.drain()
            await task

    async def write(self, key: str, *texts: str) -> None:
        """Let a customer write, and kick."""
        address = Address(self.integration.id, key)
        await self.inbox.ingest([self._input(address, text) for text in texts])
        await self.signals.kick_partitions([address.partition])

    def _input(self, address: Address, text: str) -> NewInput:
        self.sent += 1
        raw = json.dumps({"text": text, "message_id": str(self.sent)}).encode()
        return NewInput(self.integration.tenant_id, address, "message", f"test:{self.sent}", raw)

    async def until(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.005)

    async def settled(self) -> None:
        await self.until(lambda: all(entry.state != "pending" for entry in self.world.inbox.values()))

    def replies(self, key: str) -> list[str]:
        entry = self.world.at_address(Address(self.integration.id, key))
        assert entry is not None
        return [m.body for m in self.world.messages if m.conversation_id == entry.id and m.role == "agent"]

    def texts(self, key: str) -> list[list[str]]:
        """Return the texts of each turn, as the chain responder saw them."""
        return [json.loads(body)["texts"] for body in self.replies(key) if body.startswith("{")]

    def states(self) -> Sequence[str]:
        return [entry.state for _, entry in sorted(self.world.inbox.items())]
