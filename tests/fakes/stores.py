"""In-memory stores; tests/contract holds them to the behaviour of the real ones."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

import orjson

from actors.domain.errors import OwnershipLost, TerminalError
from actors.domain.ids import Address, AgentId, ConversationId, InboxId, IntegrationId, TenantId, owned
from actors.ports.carriers import Carrier
from actors.ports.conversations import ConversationRecord, StoredMessage
from actors.ports.inbox import InboxRow, NewInput, Pulled, Stored
from actors.ports.turns import TurnCommit
from tests.fakes.overheard import overhear
from tests.fakes.world import Batch, ConversationEntry, InboxEntry, MessageEntry, OutboxEntry, TimerEntry, World

PER_PARTITION = 8
PER_INTEGRATION = 50


def require(world: World, carrier: Carrier) -> None:
    """Refuse a carrier of an older generation or epoch."""
    if not world.current(carrier):
        raise OwnershipLost(f"{carrier.kind} {carrier.part} does not own its part")


class FakeInbox:
    """InboxStore in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def ingest(self, inputs: Sequence[NewInput]) -> list[Stored]:
        if unknown := [i for i in inputs if i.address.integration_id not in self._world.integrations]:
            raise TerminalError(f"there is no integration {unknown[0].address.integration_id}")
        return [self._store(i) for i in inputs]

    async def pull(
        self,
        carrier: Carrier,
        in_hand: Sequence[InboxId],
        full_integrations: Sequence[IntegrationId],
        full_addresses: Sequence[Address],
        limit: int,
    ) -> Pulled | None:
        require(self._world, carrier)
        chosen: list[InboxEntry] = []
        seen: Counter[object] = Counter()
        for entry in self._candidates(carrier, set(in_hand), set(full_integrations), set(full_addresses)):
            timer_full = entry.kind == "timer" and seen["timer"] >= limit // 2
            if seen[entry.address.integration_id] >= PER_INTEGRATION or timer_full or len(chosen) >= limit:
                continue
            seen.update([entry.address.integration_id, entry.kind])
            chosen.append(entry)
        if not chosen:
            return None
        batch_id = self._world.next_id()
        self._world.batches[batch_id] = Batch(carrier.part, carrier.generation, [e.id for e in chosen])
        return Pulled(batch_id, [self._row(e) for e in chosen])

    async def suspects(self, carrier: Carrier) -> list[InboxId]:
        require(self._world, carrier)
        mine, found = set(owned(carrier.part, carrier.parts)), set[int]()
        for batch_id, batch in list(self._world.batches.items()):
            held = self._world.carriers.get(("host", batch.part))
            if held and held[:2] == (batch.generation, carrier.epoch):
                continue
            pending = [i for i in batch.inbox_ids if self._world.inbox[i].state == "pending"]
            found.update(i for i in pending if self._world.inbox[i].address.partition in mine)
            batch.inbox_ids = [i for i in pending if i not in found]
            if not batch.inbox_ids:
                del self._world.batches[batch_id]
        if found:
            self._world.batches[self._world.next_id()] = Batch(carrier.part, carrier.generation, sorted(found))
        return [InboxId(i) for i in sorted(found)]

    async def try_alone(self, inbox_id: InboxId) -> InboxRow | None:
        entry = self._world.inbox.get(inbox_id)
        if entry is None or entry.state != "pending" or self._older_pending(entry):
            return None
        entry.attempts += 1
        return self._row(entry)

    def _older_pending(self, entry: InboxEntry) -> bool:
        return any(e.state == "pending" and e.address == entry.address and e.id < entry.id for e in self._world.inbox.values())

    def _store(self, new: NewInput) -> Stored:
        inbox_id = self._world.next_id()
        if new.dedupe_key in self._world.keys:
            return Stored(InboxId(inbox_id), False)
        self._world.keys[new.dedupe_key] = inbox_id
        self._world.inbox[inbox_id] = InboxEntry(inbox_id, new.tenant_id, new.address, new.kind, new.raw, self._world.now_s)
        return Stored(InboxId(inbox_id), True)

    def _candidates(
        self, carrier: Carrier, in_hand: set[InboxId], integrations: set[IntegrationId], addresses: set[Address]
    ) -> list[InboxEntry]:
        mine = set(owned(carrier.part, carrier.parts))
        taken: Counter[int] = Counter()
        rows = []
        for entry in sorted(self._world.inbox.values(), key=lambda e: e.id):
            free = entry.id not in in_hand and entry.address.integration_id not in integrations and entry.address not in addresses
            partition = entry.address.partition
            if entry.state == "pending" and free and partition in mine and taken[partition] < PER_PARTITION:
                taken[partition] += 1
                rows.append(entry)
        return rows

    def _row(self, e: InboxEntry) -> InboxRow:
        kind: Any = e.kind
        return InboxRow(InboxId(e.id), e.tenant_id, e.address, kind, e.raw, self._world.at(e.at_s), self._world.now_s - e.at_s, e.attempts)


class FakeConversations:
    """ConversationStore in memory, with the control changes people make."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def activate(self, rows: Sequence[tuple[TenantId, Address]]) -> list[ConversationRecord]:
        return [self._record(tenant_id, address) for tenant_id, address in dict.fromkeys(rows)]

    async def history(self, tenant_id: TenantId, conversation_id: ConversationId, limit: int) -> list[StoredMessage]:
        entry = self._world.conversations.get(conversation_id)
        if entry is None or entry.tenant_id != tenant_id:
            return []
        rows = [m for m in self._world.messages if m.conversation_id == conversation_id][-limit:]
        return [StoredMessage(m.role, m.body, self._world.at(m.at_s)) for m in rows]

    async def set_control(self, conversation_id: ConversationId, control: Literal["bot", "human"]) -> int:
        """Take over or give back; return how many rows of the bot were withdrawn."""
        entry = self._world.conversations[conversation_id]
        was, entry.control, entry.version = entry.control, control, entry.version + 1
        if "human" not in {was, control}:
            return 0
        rows = [o for o in self._world.outbox.values() if o.conversation_id == conversation_id and o.delivery_class != "operator"]
        withdrawn = [o for o in rows if o.state in {"pending", "claimed"}]
        for o in withdrawn:
            o.state, o.claimed_by = "unknown" if o.uncertain else "withdrawn", None
        return len(withdrawn)

    async def operator_reply(self, conversation_id: ConversationId, turn_id: UUID, text: str) -> None:
        """Store an operator's answer for delivery; takes over."""
        await self.set_control(conversation_id, "human")
        entry = self._world.conversations[conversation_id]
        message = MessageEntry(self._world.next_id(), entry.id, turn_id, entry.version, self._world.now_s, None, "operator", text)
        self._world.messages.append(message)
        integration = self._world.integrations[entry.address.integration_id]
        if integration.channel != "test":
            row_id = self._world.next_id()
            self._world.outbox[row_id] = OutboxEntry(
                row_id, entry.tenant_id, entry.id, integration.id, "operator", integration.reply_policy, {"text": text}, self._world.now_s
            )

    def _record(self, tenant_id: TenantId, address: Address) -> ConversationRecord:
        entry = self._world.at_address(address)
        if entry is None:
            entry = ConversationEntry(ConversationId(self._world.next_id()), tenant_id, address)
            self._world.conversations[entry.id] = entry
        g = self._world.integrations[address.integration_id]
        return ConversationRecord(
            entry.id,
            tenant_id,
            address,
            entry.version,
            entry.control,
            entry.state,
            g.agent_id,
            g.channel,
            g.reply_policy,
            entry.pinned_version,
            g.account,
        )


class FakeTurns:
    """TurnStore in memory. Put an exception into `failures` to have the next commits raise it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.failures: list[Exception] = []
        self.commits: list[list[TurnCommit]] = []

    async def commit(self, turns: Sequence[TurnCommit], finished_batches: Sequence[int]) -> list[bool]:
        if self.failures:
            raise self.failures.pop(0)
        self._refuse_bad(turns)
        self.commits.append(list(turns))
        for batch_id in finished_batches:
            self._world.batches.pop(batch_id, None)
        first = {t.conversation_id: n for n, t in reversed(list(enumerate(turns)))}
        won = [first[t.conversation_id] == n and self._wins(t) for n, t in enumerate(turns)]
        for turn in (t for t, w in zip(turns, won, strict=True) if w):
            self._write(turn)
        return won

    def _refuse_bad(self, turns: Sequence[TurnCommit]) -> None:
        """PostgreSQL takes no NUL in text, and what it refuses it refuses for the whole batch."""
        for turn in turns:
            if any("\x00" in m.body for m in turn.messages):
                raise TerminalError("a message contains NUL")

    def _wins(self, turn: TurnCommit) -> bool:
        entry = self._world.conversations.get(turn.conversation_id)
        inputs = [self._world.inbox.get(i.inbox_id) for i in turn.inputs]
        return entry is not None and entry.version == turn.expected_version and all(i and i.state == "pending" for i in inputs)

    def _write(self, turn: TurnCommit) -> None:
        world, entry = self._world, self._world.conversations[turn.conversation_id]
        entry.version += 1
        entry.state, entry.control = turn.state, turn.control or entry.control
        for i in turn.inputs:
            row = world.inbox[i.inbox_id]
            row.state, row.reason, row.turn_id = i.state, i.reason, turn.turn_id
        for m in turn.messages:
            world.messages.append(MessageEntry(world.next_id(), entry.id, turn.turn_id, entry.version, world.now_s, m, m.role, m.body))
        self._write_more(turn)
        for o in turn.outbox:
            row_id, integration_id = world.next_id(), entry.address.integration_id
            world.outbox[row_id] = OutboxEntry(
                row_id, turn.tenant_id, entry.id, integration_id, o.delivery_class, o.policy, o.body, world.now_s
            )
        overhear(world, turn)
        for t in turn.timers:
            world.timers[entry.id, t.kind] = TimerEntry(turn.tenant_id, entry.id, t.kind, world.now_s + t.delay_s, t.payload)
        world.traces[turn.turn_id] = turn.trace
        world.activity.extend((entry.id, a) for a in turn.activity)

    def _write_more(self, turn: TurnCommit) -> None:
        world = self._world
        for revision in turn.revisions:
            for message in world.messages:
                if message.conversation_id == turn.conversation_id and message.row and message.row.external_id == revision.external_id:
                    message.body = revision.body
        if turn.stop_sending is not None:
            for o in world.outbox.values():
                if o.conversation_id == turn.conversation_id and o.state == "pending":
                    o.state, o.error = "failed", turn.stop_sending
            for key in [key for key in world.timers if key[0] == turn.conversation_id]:
                del world.timers[key]


class FakeTimers:
    """TimerStore in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def fire(self, limit: int) -> int:
        due = sorted((t for t in self._world.timers.values() if t.due_s <= self._world.now_s), key=lambda t: t.due_s)[:limit]
        for t in due:
            del self._world.timers[t.conversation_id, t.kind]
            inbox_id, address = self._world.next_id(), self._world.conversations[t.conversation_id].address
            raw = orjson.dumps({"kind": t.kind, "payload": dict(t.payload)})
            self._world.inbox[inbox_id] = InboxEntry(inbox_id, t.tenant_id, address, "timer", raw, self._world.now_s)
        return len(due)


class FakeCatalogue:
    """CatalogueStore in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def versions(self, agents: Sequence[AgentId]) -> dict[AgentId, int]:
        return {a: self._world.versions[a] for a in agents if a in self._world.versions}

    async def definition(self, tenant_id: TenantId, agent_id: AgentId, version: int) -> Mapping[str, Any]:
        del tenant_id
        try:
            return self._world.definitions[agent_id, version]
        except KeyError as error:
            raise TerminalError(f"agent {agent_id} has no version {version}") from error


class FakeCarriers:
    """CarrierStore in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def take(self, carrier: Carrier, pid: int) -> bool:
        del pid
        if carrier.epoch != self._world.epoch:
            return False
        self._world.carriers[carrier.kind, carrier.part] = (carrier.generation, carrier.epoch, {})
        return True

    async def beat(self, carrier: Carrier, status: Mapping[str, Any]) -> bool:
        if not self._world.current(carrier):
            return False
        self._world.carriers[carrier.kind, carrier.part] = (carrier.generation, carrier.epoch, dict(status))
        return True
