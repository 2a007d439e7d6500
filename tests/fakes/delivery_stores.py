"""In-memory stores of delivery; tests/contract holds them to the behaviour of the real ones."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import orjson

from actors.domain.ids import Address, IntegrationId, OutboxId, owned
from actors.ports.carriers import Carrier
from actors.ports.integrations import IntegrationRecord
from actors.ports.outbox import Claim, Outcome
from tests.fakes.stores import require
from tests.fakes.world import OutboxEntry, World


class FakeOutbox:
    """OutboxStore in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def claim(
        self, carrier: Carrier, paused: Sequence[IntegrationId], per_integration: int, limit: int, lease_s: float
    ) -> list[Claim]:
        require(self._world, carrier)
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
