"""What the fake stores share: the tables as plain objects, and a clock that tests move."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from actors.domain.ids import Address, AgentId, ConversationId, IntegrationId, TenantId, owned, shard_of
from actors.ports.carriers import Carrier
from actors.ports.turns import ActivityRow, MessageRow

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class InboxEntry:
    id: int
    tenant_id: TenantId
    address: Address
    kind: str
    raw: bytes
    at_s: float
    state: str = "pending"
    attempts: int = 0
    reason: str | None = None
    turn_id: UUID | None = None


@dataclass(slots=True)
class ConversationEntry:
    id: ConversationId
    tenant_id: TenantId
    address: Address
    version: int = 0
    control: str = "bot"
    state: bytes = b"{}"
    pinned_version: int | None = None


@dataclass(slots=True)
class IntegrationEntry:
    id: IntegrationId
    tenant_id: TenantId
    agent_id: AgentId
    channel: str
    account: str
    reply_policy: str = "repeat_once"
    mode: str = "push"
    status: str = "live"
    problem: str | None = None
    token: str = "42:token"

    @property
    def shard(self) -> int:
        return shard_of(self.id)


@dataclass(slots=True)
class MessageEntry:
    id: int
    conversation_id: ConversationId
    turn_id: UUID
    version: int
    at_s: float
    row: MessageRow | None
    role: Any  # one of the literals of StoredMessage
    body: str


@dataclass(slots=True)
class OutboxEntry:
    id: int
    tenant_id: TenantId
    conversation_id: ConversationId
    integration_id: IntegrationId
    delivery_class: str
    policy: str
    body: Mapping[str, Any]
    due_s: float
    state: str = "pending"
    uncertain: int = 0
    attempts: int = 0
    claimed_by: UUID | None = None
    lease_until_s: float = 0.0
    error: str | None = None
    provider_message_id: str | None = None
    echo_id: str | None = None
    begun_s: float = 0.0

    @property
    def open(self) -> bool:
        return self.state in {"pending", "claimed", "sending"}


@dataclass(slots=True)
class Batch:
    part: int
    generation: UUID
    inbox_ids: list[int]


@dataclass(slots=True)
class TimerEntry:
    tenant_id: TenantId
    conversation_id: ConversationId
    kind: str
    due_s: float
    payload: Mapping[str, Any]


@dataclass
class World:
    """Everything the fakes know. Time stands still until `advance`, or pass a clock as `seconds`."""

    seconds: Callable[[], float] | None = None
    epoch: int = 1
    inbox: dict[int, InboxEntry] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    batches: dict[int, Batch] = field(default_factory=dict)
    conversations: dict[ConversationId, ConversationEntry] = field(default_factory=dict)
    integrations: dict[IntegrationId, IntegrationEntry] = field(default_factory=dict)
    messages: list[MessageEntry] = field(default_factory=list)
    outbox: dict[int, OutboxEntry] = field(default_factory=dict)
    timers: dict[tuple[ConversationId, str], TimerEntry] = field(default_factory=dict)
    traces: dict[UUID, bytes] = field(default_factory=dict)
    activity: list[tuple[ConversationId, ActivityRow]] = field(default_factory=list)
    carriers: dict[tuple[str, int], tuple[UUID, int, Mapping[str, Any]]] = field(default_factory=dict)
    definitions: dict[tuple[AgentId, int], Mapping[str, Any]] = field(default_factory=dict)
    versions: dict[AgentId, int] = field(default_factory=dict)
    _advanced_s: float = 0.0
    _counter: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def now_s(self) -> float:
        """Return the database's clock in seconds."""
        return (self.seconds() if self.seconds else 0.0) + self._advanced_s

    def at(self, seconds: float) -> datetime:
        """Return a moment of that clock as a datetime."""
        return START + timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._advanced_s += seconds

    def next_id(self) -> int:
        """Return the next id; one sequence for all tables."""
        return next(self._counter)

    def add_integration(
        self,
        channel: str = "telegram",
        account: str = "42",
        *,
        reply_policy: str = "repeat_once",
        tenant_id: UUID | None = None,
        agent_id: UUID | None = None,
    ) -> IntegrationEntry:
        """Configure an endpoint, with a tenant and an agent of its own unless given."""
        entry = IntegrationEntry(
            IntegrationId(uuid4()), TenantId(tenant_id or uuid4()), AgentId(agent_id or uuid4()), channel, account, reply_policy
        )
        self.integrations[entry.id] = entry
        self.versions.setdefault(entry.agent_id, 1)
        self.definitions.setdefault((entry.agent_id, 1), {})
        return entry

    def publish(self, agent_id: AgentId, definition: Mapping[str, Any]) -> int:
        """Publish a version of an agent."""
        version = self.snapshot(agent_id, definition)
        self.versions[agent_id] = version
        return version

    def snapshot(self, agent_id: AgentId, definition: Mapping[str, Any]) -> int:
        """Store a version of an agent that only test conversations use."""
        version = 1 + max((number for agent, number in self.definitions if agent == agent_id), default=0)
        self.definitions[agent_id, version] = definition
        return version

    def current(self, carrier: Carrier) -> bool:
        """Say whether the carrier's generation and epoch are the current ones."""
        held = self.carriers.get((carrier.kind, carrier.part))
        return carrier.epoch == self.epoch and held is not None and held[:2] == (carrier.generation, carrier.epoch)

    def at_address(self, address: Address) -> ConversationEntry | None:
        """Return the conversation of an address."""
        return next((c for c in self.conversations.values() if c.address == address), None)

    def pending_at(self, address: Address) -> bool:
        """Say whether an address has input that was not handled yet."""
        return any(i.state == "pending" and i.address == address for i in self.inbox.values())

    def owned_outbox(self, carrier: Carrier) -> list[OutboxEntry]:
        """Return the outbox rows of the carrier's shards, oldest first."""
        shards = set(owned(carrier.part, carrier.parts))
        return [o for _, o in sorted(self.outbox.items()) if self.integrations[o.integration_id].shard in shards]
