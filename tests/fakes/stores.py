"""In-memory stores; tests/contract holds them to the behaviour of the real ones."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

import orjson

from actors.domain.errors import OwnershipLost, TerminalError
from actors.domain.ids import Address, AgentId, ConversationId, InboxId, IntegrationId, OutboxId, TenantId, owned
from actors.ports.carriers import Carrier
from actors.ports.conversations import ConversationRecord, StoredMessage
from actors.ports.inbox import InboxRow, NewInput, Pulled, Stored
from actors.ports.integrations import IntegrationRecord
from actors.ports.outbox import Claim, Outcome
from actors.ports.turns import TurnCommit
from tests.fakes.overheard import overhear
from tests.fakes.world import Batch, ConversationEntry, InboxEntry, MessageEntry, OutboxEntry, TimerEntry, World

PER_PARTITION = 8
PER_INTEGRATION = 50


def _require(world: World, carrier: Carrier) -> None:
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
        _require(self._world, carrier)
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
        _require(self._world, carrier)
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
            o.state, o.claimed_by = "withdrawn", None
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


class FakeOutbox:
    """OutboxStore in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def claim(
        self, carrier: Carrier, paused: Sequence[IntegrationId], per_integration: int, limit: int, lease_s: float
    ) -> list[Claim]:
        _require(self._world, carrier)
        ready = [o for o in self._world.owned_outbox(carrier) if o.integration_id not in paused and self._claimable(o)]
        taken: Counter[IntegrationId] = Counter()
        claims: list[Claim] = []
        for o in sorted(ready, key=lambda o: (o.delivery_class == "step", o.id)):
            if taken[o.integration_id] < per_integration and len(claims) < limit:
                taken[o.integration_id] += 1
                o.state, o.claimed_by, o.lease_until_s = "claimed", carrier.generation, self._world.now_s + lease_s
                claims.append(self._claim(o))
        return claims

    async def begin(self, carrier: Carrier, ids: Sequence[OutboxId]) -> set[OutboxId]:
        begun = set()
        for o in (self._world.outbox[i] for i in ids if i in self._world.outbox):
            if o.state == "claimed" and o.claimed_by == carrier.generation and o.lease_until_s > self._world.now_s:
                o.state, o.attempts, o.begun_s = "sending", o.attempts + 1, self._world.now_s
                begun.add(OutboxId(o.id))
        return begun

    async def finish(self, carrier: Carrier, outcomes: Sequence[Outcome]) -> int:
        return sum(self._settle(carrier, outcome) for outcome in outcomes)

    async def reclaim(self, carrier: Carrier) -> int:
        rows = [o for o in self._world.owned_outbox(carrier) if o.state == "claimed" and o.claimed_by != carrier.generation]
        for o in rows:
            o.state, o.claimed_by = "pending", None
        return len(rows)

    async def unreachable(self, carrier: Carrier, outbox_id: OutboxId, reason: str) -> int:
        row = self._sending(carrier, outbox_id)
        if row is None:
            return 0
        waiting = [o for o in self._world.outbox.values() if o.conversation_id == row.conversation_id and o.state in {"pending", "claimed"}]
        for o in waiting:
            o.state, o.error, o.claimed_by = "failed", reason, None
        for key in [key for key in self._world.timers if key[0] == row.conversation_id]:
            del self._world.timers[key]
        entry = self._world.conversations[row.conversation_id]
        entry.version += 1
        entry.state = orjson.dumps(orjson.loads(entry.state or b"{}") | {"blocked": True})
        return len(waiting)

    async def moved(self, carrier: Carrier, outbox_id: OutboxId, address: Address) -> None:
        if (row := self._sending(carrier, outbox_id)) is not None:
            entry = self._world.conversations[row.conversation_id]
            entry.address, entry.version = address, entry.version + 1

    def _sending(self, carrier: Carrier, outbox_id: OutboxId) -> OutboxEntry | None:
        o = self._world.outbox.get(outbox_id)
        return o if o is not None and o.state == "sending" and o.claimed_by == carrier.generation else None

    async def expire(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for o in self._world.outbox.values():
            if o.state in {"claimed", "sending"} and o.lease_until_s < self._world.now_s:
                self._expire(o)
                counts[o.state] += 1
        return dict(counts)

    def _claimable(self, o: OutboxEntry) -> bool:
        conversation = self._world.conversations[o.conversation_id]
        if o.state != "pending" or o.due_s > self._world.now_s or self._world.integrations[o.integration_id].status != "live":
            return False
        human = conversation.control == "human"
        if human and o.delivery_class != "operator":
            return False
        if o.delivery_class == "step" and self._world.pending_at(conversation.address):
            return False
        return not any(
            e.conversation_id == o.conversation_id
            and e.id < o.id
            and e.open
            and not (human and e.state == "pending" and e.delivery_class != "operator")
            for e in self._world.outbox.values()
        )

    def _claim(self, o: OutboxEntry) -> Claim:
        address = self._world.conversations[o.conversation_id].address
        delivery_class: Any = o.delivery_class
        policy: Any = o.policy
        return Claim(OutboxId(o.id), o.tenant_id, o.conversation_id, address, delivery_class, policy, o.uncertain, o.attempts, o.body)

    def _settle(self, carrier: Carrier, f: Outcome) -> bool:
        o = self._world.outbox.get(f.id)
        if o is None or o.claimed_by != carrier.generation:
            return False
        if o.state != "sending" and not (o.state == "claimed" and f.outcome == "retry"):
            return False
        if f.outcome == "unknown":
            self._count_unknown(o)
        else:
            o.state = "pending" if f.outcome == "retry" else f.outcome
        if f.outcome in {"retry", "unknown"}:
            o.due_s = self._world.now_s + f.delay_s
        o.error, o.claimed_by = f.error or o.error, None
        o.provider_message_id = f.provider_message_id or o.provider_message_id
        return True

    def _expire(self, o: OutboxEntry) -> None:
        if o.state == "claimed":
            o.state = "pending"
        else:
            self._count_unknown(o)
        o.claimed_by = None

    @staticmethod
    def _count_unknown(o: OutboxEntry) -> None:
        o.state = "pending" if o.policy == "repeat_once" and o.uncertain == 0 else "unknown"
        o.uncertain += 1


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


class FakeIntegrations:
    """IntegrationStore in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def owned(self, carrier: Carrier) -> list[IntegrationRecord]:
        shards = set(owned(carrier.part, carrier.parts))
        found = []
        for g in self._world.integrations.values():
            if g.shard in shards and g.channel != "test" and g.status in {"live", "broken"}:
                mode: Any = g.mode
                found.append(IntegrationRecord(g.id, g.tenant_id, g.channel, g.account, mode, g.status, g.token))
        return sorted(found, key=lambda r: str(r.id))

    async def polled(self, integration: IntegrationRecord) -> bool:
        entry = self._world.integrations.get(integration.id)
        return entry is not None and (entry.status, entry.mode) == ("live", "poll")

    async def mark(
        self, integration: IntegrationRecord, status: Literal["live", "broken"], problem: str | None, code: str | None = None
    ) -> None:
        entry = self._world.integrations[integration.id]
        if entry.status in {"live", "broken"}:
            entry.status, entry.problem = status, problem
