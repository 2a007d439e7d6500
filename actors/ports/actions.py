"""What is asked of systems outside, leased to one sender, and who carries it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NewType, Protocol
from uuid import UUID

from actors.domain.ids import AgentId, ConversationId, TenantId
from actors.ports.carriers import Carrier

ActionId = NewType("ActionId", int)
# Families whose runners look for what an earlier try may have done: an unknown outcome of theirs is tried again, which looks first.
# The same list is in action_looks of storage/migrations.
LOOKING = frozenset({"kommo"})


@dataclass(frozen=True, slots=True)
class Action:
    """An action leased to one sender. `key` names it for ever: a receiver that sees it twice may ignore the second."""

    id: ActionId
    tenant_id: TenantId
    agent_id: AgentId
    conversation_id: ConversationId
    turn_id: UUID
    seq: int
    kind: str
    params: Mapping[str, Any]
    rule: str
    attempts: int  # begun before this one, since it was asked for
    begun_at: datetime | None = None  # of the first try there ever was; None: this is the first, nothing of it can be there
    not_after: float = float("inf")  # on the monotonic clock: after it no byte may be written

    @property
    def looks(self) -> bool:
        """Return whether an unknown outcome can be found out."""
        return self.kind.partition(".")[0] in LOOKING

    @property
    def key(self) -> str:
        """Return the key of the effect."""
        return f"{self.turn_id}/{self.seq}"


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """How an action ended; `retry`: not yet, again after `delay_s`."""

    id: ActionId
    outcome: Literal["done", "failed", "unknown", "retry"]
    error: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    delay_s: float = 0.0


class ActionRunner(Protocol):
    """Carries out the actions of its kinds. Owns its own timeout, which is below half of the lease."""

    async def run(self, action: Action) -> Mapping[str, Any]:
        """Carry it out and return what is worth keeping of the result.

        Raises:
            TransientError: it did not happen; again later.
            TerminalError: it did not happen and never will.
            UnknownOutcome: it may have happened. It is tried again only if its family looks first, or if a person says so.
        """


class ActionStore(Protocol):
    """Actions of the whole installation."""

    async def claim(self, carrier: Carrier, full: Sequence[TenantId], limit: int, lease_s: float) -> list[Action]:
        """Lease the oldest open action of each conversation and family.

        Raises:
            OwnershipLost: a newer generation or epoch owns the shards.
        """

    async def begin(self, carrier: Carrier, ids: Sequence[ActionId]) -> set[ActionId]:
        """Commit `sending`; only the returned ids may be carried out."""

    async def finish(self, carrier: Carrier, outcome: ActionOutcome) -> bool:
        """Store how one ended; False if it is not this generation's any more."""

    async def expire(self) -> int:
        """End leases that are over; return how many."""
