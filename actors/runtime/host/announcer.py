"""Hints to the rest of the system after a commit: live events and shard kicks, never in the way of the line."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from actors.domain.conversation import OWN_CHANNELS
from actors.domain.ids import Address, ConversationId, TenantId, shard_of
from actors.ports.conversations import ConversationRecord
from actors.ports.signals import Signals
from actors.ports.turns import TurnCommit
from actors.runtime.bell import Bell

# Hints may be lost: a Redis that is away must not fill the memory.
_BACKLOG = 10_000
# Somebody waits for a turn of our own channels; of others only the console looks on, which matters when few write.
_CHEAP_TURNS = 16
# Lists of conversations are drawn anew a few times a second at the most, however many turns there are.
_CHANGES_S = 0.2


class Announcer:
    """Sends hints in order from one loop; the oldest are forgotten when they cannot be sent."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._events: deque[tuple[ConversationId, Mapping[str, Any]]] = deque(maxlen=_BACKLOG)
        self._shards: set[int] = set()
        self._changes: dict[TenantId, dict[ConversationId, None]] = {}
        self._changes_due = 0.0
        self._typing: dict[Address, None] = {}
        self._bell = Bell()

    def event(self, conversation_id: ConversationId, event: Mapping[str, Any]) -> None:
        """Publish a live event of a conversation soon."""
        self._events.append((conversation_id, event))
        self._bell.ring()

    def typing(self, address: Address) -> None:
        """Say soon that an answer is being written."""
        if len(self._typing) < _BACKLOG:
            self._typing[address] = None
            self._bell.ring()

    def committed(self, turns: Sequence[tuple[ConversationRecord, TurnCommit]]) -> None:
        """Say that turns were committed, to who waits for them and to the senders of their outbox rows."""
        self._shards.update(
            shard_of(record.address.integration_id) for record, commit in turns if commit.outbox or commit.actions or commit.wrote
        )
        for record, commit in turns:
            if record.channel in OWN_CHANNELS or len(turns) <= _CHEAP_TURNS:
                self._events.append((record.id, _turn_event(commit)))
            self._changes.setdefault(record.tenant_id, {})[record.id] = None
        self._bell.ring()

    async def run(self) -> None:
        """Send hints until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._bell.wait(max(self._changes_due - clock(), 0.0) if self._changes else None)
            await self._send()
            if self._changes and clock() >= self._changes_due:
                self._changes_due = clock() + _CHANGES_S
                await self._send_changes()

    async def flush(self) -> None:
        """Send what waits."""
        await self._send()
        await self._send_changes()

    async def _send(self) -> None:
        while self._events or self._shards or self._typing:
            if self._shards:
                shards, self._shards = sorted(self._shards), set()
                await self._signals.kick_shards(shards)
            if self._events:
                await self._signals.publish(*self._events.popleft())
            if self._typing:
                await self._signals.typing(self._typing.popitem()[0])

    async def _send_changes(self) -> None:
        changes, self._changes = self._changes, {}
        for tenant_id, conversations in changes.items():
            await self._signals.publish_changes(tenant_id, messages=tuple(conversations))


def _turn_event(commit: TurnCommit) -> Mapping[str, Any]:
    return {"type": "turn", "turn_id": str(commit.turn_id), "inbox_ids": [settled.inbox_id for settled in commit.inputs]}
