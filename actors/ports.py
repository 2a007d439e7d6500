"""What the outside must provide. Protocols only; storage and integrations implement them, services use them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from actors.domain.effects import Source
from actors.domain.ids import Address, AgentId, ConversationId, InboxId, IntegrationId, OutboxId, TenantId, TurnId
from actors.domain.messages import Input


class Clock(Protocol):
    """Time. One fake in tests."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Ids(Protocol):
    """Fresh identifiers."""

    def turn_id(self) -> TurnId: ...


@dataclass(frozen=True, slots=True)
class Carrier:
    """The identity under which a process pulls or claims; older generations of the same part find nothing."""

    kind: Literal["host", "sender"]
    part: int
    parts: int
    generation: UUID
    epoch: int


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A pending input as stored. `age_s` is by the database's clock at the time of the pull."""

    id: InboxId
    tenant_id: TenantId
    address: Address
    kind: Literal["message", "timer", "event", "result"]
    raw: bytes
    received_at: datetime
    age_s: float
    attempts: int


@dataclass(frozen=True, slots=True)
class NewInput:
    """An input to be stored: what routing needs, and the raw body."""

    tenant_id: TenantId
    address: Address
    kind: Literal["message", "event"]
    dedupe_key: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """The verdict on one NewInput; `inbox_id` is only meaningful when it was fresh."""

    inbox_id: InboxId
    fresh: bool


@dataclass(frozen=True, slots=True)
class Pulled:
    """Rows now in hand, written down as one batch."""

    batch_id: int
    rows: Sequence[InboxRow]


class InboxStore(Protocol):
    """Inputs, stored once."""

    async def ingest(self, inputs: Sequence[NewInput]) -> list[Stored]: ...
    async def pull(
        self,
        carrier: Carrier,
        in_hand: Sequence[InboxId],
        full_integrations: Sequence[IntegrationId],
        full_addresses: Sequence[Address],
        limit: int,
    ) -> Pulled | None:
        """Take the oldest pending rows of the carrier's partitions in hand.

        Raises:
            OwnershipLost: a newer generation or epoch owns the partitions.
        """

    async def suspects(self, carrier: Carrier) -> list[InboxId]:
        """Take over what older generations had in hand; each is to be tried alone."""

    async def try_alone(self, inbox_id: InboxId) -> InboxRow | None:
        """Count one more try of a suspect and return it (attempts included), or None if it is settled."""


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """A conversation as loaded for its activation."""

    id: ConversationId
    tenant_id: TenantId
    address: Address
    version: int
    control: str
    state: bytes  # JSON
    agent_id: AgentId
    channel: str
    reply_policy: str
    pinned_version: int | None = None  # a test conversation's own version of the agent; None: whatever is published
    account: str = ""  # the channel's id of the endpoint, e.g. of a bot
    username: str = ""  # by which groups address it; empty: not known


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One utterance of the history."""

    role: Literal["customer", "agent", "operator"]
    body: str
    created_at: datetime


class ConversationStore(Protocol):
    """Conversations; their rows exist before their first turn."""

    async def activate(self, rows: Sequence[tuple[TenantId, Address]]) -> list[ConversationRecord]: ...
    async def history(self, tenant_id: TenantId, conversation_id: ConversationId, limit: int) -> list[StoredMessage]:
        """Return the last `limit` messages, oldest first."""


@dataclass(frozen=True, slots=True)
class SettledInput:
    """What becomes of an inbox row with the commit of its turn."""

    inbox_id: InboxId
    state: Literal["done", "dead"] = "done"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message to be stored with a turn; its place in the sequence is its `seq`."""

    role: Literal["customer", "agent"]
    body: str
    inbox_id: InboxId | None = None
    mode: str | None = None
    sources: tuple[Source, ...] = ()
    external_id: str | None = None
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """A customer's stored message gets a new text; the old one stays in its data."""

    external_id: str
    body: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An effect for delivery; `seq` equals the seq of the message it sends, and is negative if it sends none."""

    seq: int
    delivery_class: Literal["reply", "operator", "step"]
    policy: Literal["once", "repeat_once"]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TimerRow:
    """A timer to be set or moved."""

    kind: str
    delay_s: float
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """A fact for people."""

    kind: str
    agent_id: AgentId | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TurnCommit:
    """All that one turn writes. It is written whole, or not at all if the version moved or an input was settled elsewhere."""

    turn_id: TurnId
    tenant_id: TenantId
    conversation_id: ConversationId
    expected_version: int
    state: bytes  # JSON
    control: str | None  # None: unchanged
    inputs: tuple[SettledInput, ...]
    messages: tuple[MessageRow, ...]
    outbox: tuple[OutboxRow, ...]
    timers: tuple[TimerRow, ...]
    activity: tuple[ActivityRow, ...]
    trace: bytes  # zlib-compressed JSON
    revisions: tuple[Revision, ...] = ()
    stop_sending: str | None = None  # why: unsent rows of the conversation fail with it, and its timers end
    ignored: tuple[str, ...] = ()  # kinds of inputs nobody acts on


class TurnStore(Protocol):
    """The unit of work."""

    async def commit(self, turns: Sequence[TurnCommit], finished_batches: Sequence[int]) -> list[bool]:
        """Commit many turns in one transaction; return for each whether it won.

        Raises:
            ConnectionError, OSError, or the driver's connection errors as TransientError: the outcome is unknown;
                drop the activations and pull again.
            TerminalError: the database refused something in the batch; split it in halves to find which.
        """


@dataclass(frozen=True, slots=True)
class Claim:
    """An outbox row leased to one sender."""

    id: OutboxId
    tenant_id: TenantId
    conversation_id: ConversationId
    address: Address
    delivery_class: Literal["reply", "operator", "step"]
    policy: Literal["once", "repeat_once"]
    uncertain: int
    attempts: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a send ended."""

    id: OutboxId
    outcome: Literal["sent", "failed", "retry", "unknown"]
    error: str | None = None
    provider_message_id: str | None = None
    delay_s: float = 0.0


class OutboxStore(Protocol):
    """Effects, stored with the state, sent by the channel's policy."""

    async def claim(
        self, carrier: Carrier, paused: Sequence[IntegrationId], per_integration: int, limit: int, lease_s: float
    ) -> list[Claim]: ...
    async def begin(self, carrier: Carrier, ids: Sequence[OutboxId]) -> set[OutboxId]:
        """Commit `sending`; only the returned ids may be written to the wire."""

    async def finish(self, carrier: Carrier, outcomes: Sequence[Outcome]) -> int: ...
    async def reclaim(self, carrier: Carrier) -> int:
        """Give back at once what older generations had claimed but not begun."""

    async def unreachable(self, carrier: Carrier, outbox_id: OutboxId, reason: str) -> int:
        """Fail what else waits for the contact of a row being sent, end its timers and say so; return how many rows failed."""

    async def moved(self, carrier: Carrier, outbox_id: OutboxId, address: Address) -> None:
        """Move the conversation of a row being sent, with what waits for it, to another address."""

    async def expire(self) -> dict[str, int]:
        """Apply the policy to rows whose lease ended; return counts by resulting state."""


class TimerStore(Protocol):
    """Durable time."""

    async def fire(self, limit: int) -> int:
        """Turn due timers into inbox rows, each once; return how many."""


class CatalogueStore(Protocol):
    """Versions of agents: which one is published, and the document of each, published or not."""

    async def versions(self, agents: Sequence[AgentId]) -> dict[AgentId, int]: ...
    async def definition(self, tenant_id: TenantId, agent_id: AgentId, version: int) -> Mapping[str, Any]: ...


class CarrierStore(Protocol):
    """Who carries which part now."""

    async def take(self, carrier: Carrier, pid: int) -> bool:
        """Take the part for this generation; False if the epoch is not the current one."""

    async def beat(self, carrier: Carrier, status: Mapping[str, Any]) -> bool:
        """Report life; False if a newer generation or epoch took over."""


@dataclass(frozen=True, slots=True)
class IntegrationRecord:
    """An integration as its sender needs it; `token` is decrypted and never logged."""

    id: IntegrationId
    tenant_id: TenantId
    channel: str
    account: str
    mode: Literal["push", "poll"]
    status: str
    token: str = field(repr=False)


class IntegrationStore(Protocol):
    """Configured endpoints."""

    async def owned(self, carrier: Carrier) -> list[IntegrationRecord]: ...
    async def mark(self, integration: IntegrationRecord, status: Literal["live", "broken"], problem: str | None) -> None: ...


class Signals(Protocol):
    """Redis as the nervous system: hints only. Whoever waits for a signal also polls. No method ever raises."""

    async def kick_partitions(self, partitions: Sequence[int]) -> None: ...
    async def kick_shards(self, shards: Sequence[int]) -> None: ...
    async def kick_control(self, conversations: Sequence[ConversationId]) -> None: ...
    async def publish(self, conversation_id: ConversationId, event: Mapping[str, Any]) -> None: ...
    async def publish_changes(
        self, tenant_id: TenantId, messages: Sequence[ConversationId] = (), changed: Sequence[ConversationId] = ()
    ) -> None: ...

    async def typing(self, address: Address) -> None: ...
    async def listen_typing(self, on_typing: Callable[[Address], None]) -> None:
        """Call `on_typing` with addresses at which an answer is being written, until cancelled; reconnects by itself."""

    async def listen(self, topic: Literal["partitions", "shards", "control"], on_signal: Callable[[Sequence[int]], None]) -> None:
        """Call `on_signal` with partition, shard or conversation ids until cancelled; reconnects by itself."""


class ChannelParser(Protocol):
    """Turns a stored raw input of one channel into a domain input."""

    def parse(self, row: InboxRow) -> Input:
        """Return the input of a row.

        Raises:
            InvalidInput: the row cannot be understood.
        """


@dataclass(frozen=True, slots=True)
class Pace:
    """A channel's limit: one message every `interval_s` in the long run, up to `burst` at once."""

    interval_s: float
    burst: int


class ChannelSender(Protocol):
    """Sends one claim. Owns its own timeout, which is below half of the lease."""

    def account_pace(self) -> Pace:
        """Return the limit of one account over all its conversations."""

    def address_pace(self, address: Address) -> Pace:
        """Return the limit of one conversation."""

    async def send(self, integration: IntegrationRecord, claim: Claim, not_after: float) -> str:
        """Return the provider's message id. Nothing is written to the wire after `not_after` on the monotonic clock.

        Raises:
            CredentialsRefused: the integration is broken.
            ContactUnreachable, ContactMoved: nothing was delivered; the conversation ends, or goes on elsewhere.
            TransientError, TerminalError, UnknownOutcome: as their types say. A TransientError with `retry_after_s`
                speaks of the whole account.
        """


class TypingSender(Protocol):
    """Shows that an answer is being written."""

    async def typing(self, integration: IntegrationRecord, address: Address) -> None:
        """Show it for some seconds.

        Raises:
            CallboardError: it is not shown; nothing else depends on it.
        """


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A request to a language model."""

    system: str
    messages: tuple[tuple[Literal["user", "assistant"], str], ...]
    temperature: float = 0.2
    max_tokens: int = 600
    model: str = ""  # empty: the client's default


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What the model said and what it used."""

    text: str
    model: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class ChatModel(Protocol):
    """A language model."""

    async def answer(self, request: ModelRequest, on_delta: Callable[[str], Awaitable[None]]) -> ModelAnswer:
        """Stream an answer.

        Raises:
            TransientError, TerminalError: the answer is not to be had; fall back.
        """


@dataclass(frozen=True, slots=True)
class UpdateBatch:
    """What one poll returned. `next_offset` confirms it and is given to the next poll only, after `inputs` were stored."""

    inputs: Sequence[NewInput]
    next_offset: int | None
    skipped: int  # entries without a usable id: nothing can be stored under them


class UpdateSource(Protocol):
    """Polls one integration for raw updates."""

    async def prepare(self, integration: IntegrationRecord) -> None:
        """Make the account ready to be polled.

        Raises: as `fetch`.
        """

    async def fetch(self, integration: IntegrationRecord, offset: int | None) -> UpdateBatch:
        """Wait for updates; `offset` confirms everything before it.

        Raises:
            CredentialsRefused: the integration is broken.
            AccountInUse: another process polls this account, or a webhook is set.
            TransientError, TerminalError, UnknownOutcome: nothing was lost; poll again later.
        """
