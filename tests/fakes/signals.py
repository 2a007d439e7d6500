"""Signals in memory: what was said is recorded and reaches listeners of the same object at once."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from actors.domain.ids import Address, ConversationId, TenantId


class FakeSignals:
    """Signals without Redis."""

    def __init__(self) -> None:
        self.partitions: list[int] = []
        self.shards: list[int] = []
        self.control: list[int] = []
        self.typed: list[Address] = []
        self.events: list[tuple[ConversationId, Mapping[str, Any]]] = []
        self.changes: list[tuple[TenantId, tuple[ConversationId, ...], tuple[ConversationId, ...]]] = []
        self._listeners: list[tuple[str, Callable[[Sequence[int]], None]]] = []

    async def kick_partitions(self, partitions: Sequence[int]) -> None:
        self.partitions.extend(partitions)
        self._tell("partitions", partitions)

    async def kick_shards(self, shards: Sequence[int]) -> None:
        self.shards.extend(shards)
        self._tell("shards", shards)

    async def kick_control(self, conversations: Sequence[ConversationId]) -> None:
        self.control.extend(conversations)
        self._tell("control", conversations)

    async def kick_jobs(self) -> None:
        self._tell("jobs", [1])

    async def publish(self, conversation_id: ConversationId, event: Mapping[str, Any]) -> None:
        self.events.append((conversation_id, event))

    async def publish_changes(
        self, tenant_id: TenantId, messages: Sequence[ConversationId] = (), changed: Sequence[ConversationId] = ()
    ) -> None:
        self.changes.append((tenant_id, tuple(messages), tuple(changed)))

    async def typing(self, address: Address) -> None:
        self.typed.append(address)

    async def listen_typing(self, on_typing: Callable[[Address], None]) -> None:
        await asyncio.Event().wait()

    async def listen(self, topic: Literal["partitions", "shards", "control", "jobs"], on_signal: Callable[[Sequence[int]], None]) -> None:
        entry = (topic, on_signal)
        self._listeners.append(entry)
        try:
            await asyncio.Event().wait()
        finally:
            self._listeners.remove(entry)

    def _tell(self, topic: str, numbers: Sequence[int]) -> None:
        for name, on_signal in self._listeners:
            if name == topic:
                on_signal(numbers)
