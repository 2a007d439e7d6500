"""Pulls pending rows of the host's partitions into mailboxes, batch by batch."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from actors.domain.errors import TerminalError
from actors.domain.ids import Address, TenantId
from actors.domain.retry import backoff_s
from actors.ports.carriers import Carrier
from actors.ports.conversations import ConversationRecord, ConversationStore
from actors.ports.inbox import InboxRow, InboxStore, Pulled
from actors.ports.time import Clock
from actors.runtime.bell import Bell
from actors.runtime.host.activation import Activation, Phase
from actors.runtime.host.agent_steps import AgentSteps
from actors.runtime.host.in_hand import NO_BATCH, HeldRow, InHand
from actors.runtime.host.roster import Roster
from actors.runtime.host.turn_line import BACKLOG, UNKNOWN, TurnLine
from actors.services.catalogues import Catalogues
from config import failpoints

log = logging.getLogger(__name__)

PULL_ROWS = 200
POLL_S = 0.5  # kicks are hints; this is the promise
# After a pull that brought something, but not all it could: lets a few messages come together without anyone noticing.
GATHER_S = 0.02
FULL_S = 0.05  # more waits, perhaps, of an integration that has enough in hand: nobody kicks for it again


@dataclass(frozen=True, slots=True)
class PullStores:
    """What a pull touches."""

    inbox: InboxStore
    conversations: ConversationStore
    catalogues: Catalogues


class Puller:
    """Keeps the mailboxes filled as far as the back-pressure allows."""

    def __init__(
        self, clock: Clock, carrier: Carrier, stores: PullStores, roster: Roster, in_hand: InHand, line: TurnLine, steps: AgentSteps
    ):
        self._clock = clock
        self._carrier = carrier
        self._stores = stores
        self._roster = roster
        self._in_hand = in_hand
        self._line = line
        self._steps = steps
        self._kick = Bell()
        self._failures = 0

    def kick(self) -> None:
        """Pull soon."""
        self._kick.ring()

    async def pull_once(self) -> float:
        """Pull once; return in how many seconds to pull again, unless kicked.

        Raises:
            OwnershipLost: a newer generation owns the part.
        """
        limit = min(PULL_ROWS, self._in_hand.room)
        if limit == 0 or self._line.backlog >= BACKLOG:
            return GATHER_S
        try:
            brought = await self._pull(limit)
        except UNKNOWN as error:
            self._failures += 1
            log.warning("pull failed: %s", error)
            return backoff_s(self._failures, base_s=0.1, cap_s=1.0)
        self._failures = 0
        if brought >= limit:
            return 0.0
        if brought:
            return GATHER_S
        return FULL_S if self._in_hand.full_integrations() else POLL_S

    async def wait(self, delay_s: float) -> None:
        """Return after the delay. A kick shortens the wait of an idle host, not the pauses that let messages come together."""
        if failures := self._line.counts.failures_in_a_row:
            await self._clock.sleep(backoff_s(failures, base_s=0.1, cap_s=1.0))
        if delay_s >= POLL_S and not self._failures:
            await self._kick.wait(delay_s)
        else:
            await self._clock.sleep(delay_s)

    def begin(self) -> None:
        """Note that rows are about to be taken from the database, under the present state of what is in hand."""
        self._roster.begin_pull()

    async def _pull(self, limit: int) -> int:
        self.begin()
        full_integrations, full_addresses = self._in_hand.full_integrations(), self._in_hand.full_addresses()
        pulled = await self._stores.inbox.pull(self._carrier, self._in_hand.ids(), full_integrations, full_addresses, limit)
        failpoints.hit("host.after_pull")
        if pulled is None:
            return 0
        try:
            await self.activate(pulled.rows)
        finally:
            self._deliver(pulled)
        return len(pulled.rows)

    async def activate(self, rows: Sequence[InboxRow]) -> None:
        """Activate the conversations of rows that are not alive yet."""
        absent = list({(row.tenant_id, row.address) for row in rows if row.address not in self._roster})
        if absent:
            records = await self._load(absent)
            await self._stores.catalogues.ensure(records)
            self._roster.admit(records, self._clock.monotonic())

    async def _load(self, addresses: Sequence[tuple[TenantId, Address]]) -> list[ConversationRecord]:
        try:
            return await self._stores.conversations.activate(addresses)
        except TerminalError as error:
            if len(addresses) == 1:
                log.error("conversation %s cannot be activated: %s", addresses[0], error)
                return []
        return [record for address in addresses for record in await self._load([address])]

    def _deliver(self, pulled: Pulled) -> None:
        now = self._clock.monotonic()
        for row in pulled.rows:
            self.deliver(HeldRow(row, pulled.batch_id, now - row.age_s), now)
        if pulled.batch_id != NO_BATCH:
            self._in_hand.empty_batch(pulled.batch_id)

    def deliver(self, held: HeldRow, now: float) -> Activation | None:
        """Put a row into its mailbox; None if it is not taken in hand."""
        activation = self._roster.accept(held, now)
        if activation is None:
            return None
        interrupted = activation.phase is Phase.STEP and self._steps.redo(activation, urgent=held.row.kind == "event")
        if interrupted or activation.phase in (Phase.IDLE, Phase.WAITING):
            self._roster.schedule(activation)
            self._line.wake()
        return activation
