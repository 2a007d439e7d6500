"""What a turn writes: the unit of work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from actors.domain.agent.spending import Spent
from actors.domain.effects import AssignTo, BotAsks, LeadMoved, OperatorMove, SetEnrollment, Source
from actors.domain.ids import AgentId, ConversationId, InboxId, TenantId, TurnId


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
class Overheard:
    """A message of the company's side that was seen in the channel: matched with our own rows when the turn is committed.

    The row whose provider's id it is, else the oldest one with the same text within two minutes, is sent, whatever was known
    of it. Without such a row a person spoke, who has the conversation from now on; another bot is only told to people.
    """

    inbox_id: InboxId
    external_id: str
    text: str
    by: Literal["person", "bot"]
    name: str
    said_at: float  # seconds since 1970, by the channel's clock
    received_at: float  # the same, by ours


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An effect for delivery; `seq` equals the seq of the message it sends, and is negative if it sends none."""

    seq: int
    delivery_class: Literal["reply", "operator", "step"]
    policy: Literal["once", "repeat_once"]
    body: Mapping[str, Any]
    sequence: str = ""  # whose step it sends, and which
    step: int = 0


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
class ActionRow:
    """Something to be done outside; `seq` is its place among the turn's actions."""

    seq: int
    kind: str
    params: Mapping[str, Any]
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Wrote:
    """What a person wrote to the customer from elsewhere. It takes the conversation over, withdraws the bot's rows and goes out."""

    inbox_id: InboxId
    external_id: str
    text: str
    name: str


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
    overheard: tuple[Overheard, ...] = ()
    wrote: tuple[Wrote, ...] = ()
    moves: tuple[OperatorMove, ...] = ()  # of an operator; their answers are written with them
    relay: bool = False  # a person has the conversation, or is to take it: what the customer writes goes to their own chat, too
    ignored: tuple[str, ...] = ()  # kinds of inputs nobody acts on
    actions: tuple[ActionRow, ...] = ()
    agent_id: AgentId | None = None  # who acts
    enrollments: tuple[SetEnrollment, ...] = ()
    steps: bool = False  # it says steps of sequences: it loses if the customer wrote something it does not know of
    heard_at: float | None = None  # when the first of the customer's messages was received, in seconds since 1970
    spent: Spent | None = None  # on models
    assigned: AssignTo | None = None
    asks: tuple[BotAsks, ...] = ()  # bots of the CRM that wait for an answer
    leads_moved: tuple[LeadMoved, ...] = ()  # the chats of these leads are told, if they have runs that this ends


class TurnStore(Protocol):
    """The unit of work."""

    async def commit(self, turns: Sequence[TurnCommit], finished_batches: Sequence[int]) -> list[bool]:
        """Commit many turns in one transaction; return for each whether it won.

        Raises:
            ConnectionError, OSError, or the driver's connection errors as TransientError: the outcome is unknown;
                drop the activations and pull again.
            TerminalError: the database refused something in the batch; split it in halves to find which.
        """
