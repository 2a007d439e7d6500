"""Two places where the store ports can be tried: in memory, and a real PostgreSQL."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, Protocol
from uuid import UUID, uuid4

from actors.domain.ids import Address, AgentId, ConversationId, InboxId, IntegrationId, OutboxId, TenantId, TurnId
from actors.ports.carriers import Carrier, CarrierStore
from actors.ports.conversations import CatalogueStore, ConversationStore
from actors.ports.inbox import InboxStore, NewInput, TimerStore
from actors.ports.integrations import IntegrationStore
from actors.ports.outbox import OutboxStore
from actors.ports.turns import MessageRow, OutboxRow, SettledInput, TimerRow, TurnCommit, TurnStore
from storage.accounts.audit import Actor
from storage.authoring.versions import NewVersion, insert_version
from storage.carriers import PostgresCarriers, PostgresPlacement
from storage.catalogue import Agents, PostgresCatalogue
from storage.chats import TestChats
from storage.conversations import ConversationControl, PostgresConversations
from storage.crypto import SecretBox
from storage.inbox import PostgresInbox
from storage.integrations import IntegrationAdmin, NewIntegration, PostgresIntegrations
from storage.outbox import PostgresOutbox
from storage.postgres import Database
from storage.tenants import Tenants
from storage.timers import PostgresTimers
from storage.unit_of_work import PostgresTurns
from tests.fakes import delivery_stores
from tests.fakes import stores as fakes
from tests.fakes.world import ConversationEntry, World

_NUMBERS = count(1)
BOX = SecretBox(bytes(range(32)))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An integration with its tenant and agent."""

    tenant_id: TenantId
    agent_id: AgentId
    integration_id: IntegrationId

    def address(self, key: str = "7") -> Address:
        return Address(self.integration_id, key)


class Lab(Protocol):
    """The stores, and what tests need besides."""

    @property
    def inbox(self) -> InboxStore: ...
    @property
    def conversations(self) -> ConversationStore: ...
    @property
    def turns(self) -> TurnStore: ...
    @property
    def outbox(self) -> OutboxStore: ...
    @property
    def timers(self) -> TimerStore: ...
    @property
    def carriers(self) -> CarrierStore: ...
    @property
    def catalogue(self) -> CatalogueStore: ...
    @property
    def integrations(self) -> IntegrationStore: ...

    async def endpoint(self, channel: Literal["telegram", "test"] = "telegram") -> Endpoint: ...
    async def epoch(self) -> int: ...
    async def new_epoch(self) -> int: ...
    async def set_control(self, endpoint: Endpoint, conversation_id: ConversationId, control: Literal["bot", "human"]) -> None: ...
    async def operator_reply(self, endpoint: Endpoint, conversation_id: ConversationId, text: str) -> None: ...
    async def publish(self, endpoint: Endpoint, definition: dict[str, Any]) -> int: ...
    async def snapshot(self, endpoint: Endpoint, definition: dict[str, Any]) -> int: ...
    async def pin(self, endpoint: Endpoint, key: str, version: int | None) -> ConversationId: ...
    async def elapse(self, seconds: float) -> None: ...
    def now(self) -> float: ...
    async def inbox_states(self) -> dict[int, tuple[str, int]]: ...
    async def outbox_states(self) -> dict[int, tuple[str, int]]: ...


class FakeLab:
    """The lab in memory."""

    def __init__(self) -> None:
        self.world = World()
        self.inbox = fakes.FakeInbox(self.world)
        self.conversations = fakes.FakeConversations(self.world)
        self.turns = fakes.FakeTurns(self.world)
        self.outbox = delivery_stores.FakeOutbox(self.world)
        self.timers = fakes.FakeTimers(self.world)
        self.carriers = fakes.FakeCarriers(self.world)
        self.catalogue = fakes.FakeCatalogue(self.world)
        self.integrations = delivery_stores.FakeIntegrations(self.world)

    async def endpoint(self, channel: Literal["telegram", "test"] = "telegram") -> Endpoint:
        entry = self.world.add_integration(channel, str(next(_NUMBERS)))
        return Endpoint(entry.tenant_id, entry.agent_id, entry.id)

    async def epoch(self) -> int:
        return self.world.epoch

    async def new_epoch(self) -> int:
        self.world.epoch += 1
        return self.world.epoch

    async def set_control(self, endpoint: Endpoint, conversation_id: ConversationId, control: Literal["bot", "human"]) -> None:
        await self.conversations.set_control(conversation_id, control)

    async def operator_reply(self, endpoint: Endpoint, conversation_id: ConversationId, text: str) -> None:
        await self.conversations.operator_reply(conversation_id, uuid4(), text)

    async def publish(self, endpoint: Endpoint, definition: dict[str, Any]) -> int:
        return self.world.publish(endpoint.agent_id, definition)

    async def snapshot(self, endpoint: Endpoint, definition: dict[str, Any]) -> int:
        return self.world.snapshot(endpoint.agent_id, definition)

    async def pin(self, endpoint: Endpoint, key: str, version: int | None) -> ConversationId:
        entry = ConversationEntry(ConversationId(self.world.next_id()), endpoint.tenant_id, endpoint.address(key), pinned_version=version)
        self.world.conversations[entry.id] = entry
        return entry.id

    async def elapse(self, seconds: float) -> None:
        self.world.advance(seconds)

    def now(self) -> float:
        return self.world.at(self.world.now_s).timestamp()

    async def inbox_states(self) -> dict[int, tuple[str, int]]:
        return {i.id: (i.state, i.attempts) for i in self.world.inbox.values()}

    async def outbox_states(self) -> dict[int, tuple[str, int]]:
        return {o.id: (o.state, o.uncertain) for o in self.world.outbox.values()}


@dataclass
class RealLab:
    """The lab on PostgreSQL; `engine` and `api` work as the roles that processes have."""

    engine: Database
    api: Database
    owner: Any  # a connection past row-level security, to look at the tables
    _installation: UUID = field(default_factory=uuid4)
    _parts: int = 1

    def __post_init__(self) -> None:
        self.inbox = PostgresInbox(self.engine)
        self.conversations = PostgresConversations(self.engine)
        self.turns = PostgresTurns(self.engine)
        self.outbox = PostgresOutbox(self.engine)
        self.timers = PostgresTimers(self.engine)
        self.carriers = PostgresCarriers(self.engine)
        self.catalogue = PostgresCatalogue(self.engine)
        self.integrations = PostgresIntegrations(self.engine, BOX)
        self.control = ConversationControl(self.api)

    async def endpoint(self, channel: Literal["telegram", "test"] = "telegram") -> Endpoint:
        number = next(_NUMBERS)
        tenant_id = await Tenants(self.api).create(f"shop-{number}", "Shop")
        agent_id = await Agents(self.api).create(tenant_id, "Anna", {})
        token = f"{number}:token" if channel == "telegram" else None
        new = NewIntegration(agent_id, channel, str(number), token=token)
        return Endpoint(tenant_id, agent_id, await IntegrationAdmin(self.api, BOX).create(tenant_id, new))

    async def epoch(self) -> int:
        return await self._claim()

    async def new_epoch(self) -> int:
        self._parts += 1
        return await self._claim()

    async def set_control(self, endpoint: Endpoint, conversation_id: ConversationId, control: Literal["bot", "human"]) -> None:
        change = self.control.take_over if control == "human" else self.control.give_back
        assert await change(endpoint.tenant_id, conversation_id, "olga")

    async def operator_reply(self, endpoint: Endpoint, conversation_id: ConversationId, text: str) -> None:
        assert await self.control.reply(endpoint.tenant_id, conversation_id, uuid4(), text, "olga")

    async def publish(self, endpoint: Endpoint, definition: dict[str, Any]) -> int:
        return await Agents(self.api).publish(endpoint.tenant_id, endpoint.agent_id, definition)

    async def snapshot(self, endpoint: Endpoint, definition: dict[str, Any]) -> int:
        async with self.api.tenant_transaction(endpoint.tenant_id) as connection:
            return await insert_version(connection, endpoint.agent_id, Actor("olga"), NewVersion(definition, False))

    async def pin(self, endpoint: Endpoint, key: str, version: int | None) -> ConversationId:
        chat = await TestChats(self.api).start(endpoint.tenant_id, endpoint.agent_id, key, version)
        assert chat is not None
        return chat.conversation_id

    async def elapse(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def now(self) -> float:
        return time.time()

    async def inbox_states(self) -> dict[int, tuple[str, int]]:
        return {r[0]: (r[1], r[2]) for r in await self.owner.fetch("select id, state, attempts from inbox order by id")}

    async def outbox_states(self) -> dict[int, tuple[str, int]]:
        return {r[0]: (r[1], r[2]) for r in await self.owner.fetch("select id, state, uncertain from outbox order by id")}

    async def _claim(self) -> int:
        epoch = await PostgresPlacement(self.engine).claim(self._installation, self._parts, self._parts)
        assert epoch is not None
        return epoch


async def carrier(lab: Lab, kind: Literal["host", "sender"] = "host", part: int = 0, parts: int = 1) -> Carrier:
    """Return a carrier of a new generation that has taken its part."""
    fresh = Carrier(kind, part, parts, uuid4(), await lab.epoch())
    assert await lab.carriers.take(fresh, pid=1)
    return fresh


async def receive(lab: Lab, endpoint: Endpoint, texts: Sequence[str], key: str = "7") -> list[InboxId]:
    """Store messages of one address; the dedupe key is unique."""
    inputs = [NewInput(endpoint.tenant_id, endpoint.address(key), "message", f"telegram:{next(_NUMBERS)}", text.encode()) for text in texts]
    stored = await lab.inbox.ingest(inputs)
    assert all(s.fresh for s in stored)
    return [s.inbox_id for s in stored]


async def open_conversation(lab: Lab, endpoint: Endpoint, key: str = "7") -> ConversationId:
    """Return the conversation of an address."""
    return (await lab.conversations.activate([(endpoint.tenant_id, endpoint.address(key))]))[0].id


def turn(
    endpoint: Endpoint,
    conversation_id: ConversationId,
    version: int,
    inputs: Sequence[InboxId] = (),
    replies: Sequence[str] = (),
    *,
    steps: Sequence[str] = (),
    policy: Literal["once", "repeat_once"] = "repeat_once",
    timers: Sequence[TimerRow] = (),
    control: str | None = None,
) -> TurnCommit:
    """Return a turn that handles `inputs` and says `replies`, then `steps`."""
    said: list[tuple[str, Any]] = [*((text, "reply") for text in replies), *((text, "step") for text in steps)]
    messages = [MessageRow("customer", f"input {i}", i) for i in inputs] + [MessageRow("agent", text, mode="script") for text, _ in said]
    outbox = [OutboxRow(len(inputs) + n, kind, policy, {"text": text}) for n, (text, kind) in enumerate(said)]
    return TurnCommit(
        TurnId(uuid4()),
        endpoint.tenant_id,
        conversation_id,
        version,
        b'{"turns": 1}',
        control,
        tuple(SettledInput(i) for i in inputs),
        tuple(messages),
        tuple(outbox),
        tuple(timers),
        (),
        b"trace",
    )


async def claim_ids(lab: Lab, sender: Carrier, lease_s: float = 20.0) -> list[OutboxId]:
    """Claim whatever may be claimed."""
    return [c.id for c in await lab.outbox.claim(sender, [], 100, 100, lease_s)]
