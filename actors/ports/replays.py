"""Recorded conversations, and where it is kept what they would be now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from actors.domain.ids import ConversationId, TenantId
from actors.domain.jobs import Mark
from actors.ports.conversations import ConversationRecord
from actors.ports.inbox import InboxRow
from actors.ports.jobs import JobLease

MOST_TURNS = 1_000  # of one conversation that are replayed, from its first on

Outcome = Literal["same", "differs", "asked", "skipped"]


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """A message as stored. `seq` is its place in its turn."""

    id: int
    turn_id: UUID
    seq: int
    role: Literal["customer", "agent", "operator"]
    mode: str
    text: str
    sources: tuple[tuple[str, str], ...]  # (id, title)


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """A turn as stored. `rows` are its inputs as they arrived, in the order of the trace; fewer if some are gone."""

    turn_id: UUID
    at: datetime
    trace: Mapping[str, Any]
    rows: tuple[InboxRow, ...]


@dataclass(frozen=True, slots=True)
class RecordedConversation:
    """A conversation from its first turn on; its record's state is empty.

    Args:
        record: where it took place.
        title: who the customer is.
        turns: in their order.
        messages: all, in their order.
        forgotten: turns before, whose traces are not kept any more.
        cut: there are more turns than `turns`.
    """

    record: ConversationRecord
    title: str
    turns: tuple[RecordedTurn, ...]
    messages: tuple[RecordedMessage, ...]
    forgotten: int = 0
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """What a turn did: as recorded, or now."""

    mode: str
    reason: str
    script: str = ""
    script_name: str = ""
    sources: tuple[tuple[str, str], ...] = ()  # (id, title)
    text: str = ""
    handoff: bool = False
    rules: tuple[str, ...] = ()  # that fired


@dataclass(frozen=True, slots=True)
class ReplayedTurn:
    """A recorded turn, decided again.

    Args:
        number: its place in the conversation, from 1.
        turn_id: of the recorded turn.
        at: when it was decided.
        outcome: `asked`: a model would be asked anew, so nobody knows the words; `skipped`: it cannot be replayed, `why` says why.
        asked: what the customer wrote.
        recorded: what the turn did.
        now: what it would do; None where that cannot be known.
        differs: names of what is not the same.
        why: a word for why a turn was skipped.
    """

    number: int
    turn_id: UUID
    at: datetime
    outcome: Outcome
    asked: tuple[str, ...]
    recorded: Side
    now: Side | None = None
    differs: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class ReplayedConversation:
    """All turns of one conversation."""

    conversation_id: ConversationId
    title: str
    turns: tuple[ReplayedTurn, ...] = field(default=())


class ReplayStore(Protocol):
    """What is replayed, and what came of it."""

    async def personas(self, tenant_id: TenantId, versions: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Mapping[str, Any]]:
        """Return the personas of versions, by agent and number; those that do not exist are left out."""

    async def load(self, tenant_id: TenantId, conversation_id: ConversationId) -> RecordedConversation | None:
        """Return a recorded conversation; None if the tenant has none of this id."""

    async def save(self, lease: JobLease, replayed: ReplayedConversation, mark: Mark) -> None:
        """Store the turns of one conversation and the mark, in one transaction under the job's lease.

        Raises:
            JobCancelled: a person wants the job ended.
            OwnershipLost: the lease was lost.
        """
