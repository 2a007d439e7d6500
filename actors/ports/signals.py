"""Hints between processes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from actors.domain.ids import Address, ConversationId, TenantId


class Signals(Protocol):
    """Redis as the nervous system: hints only. Whoever waits for a signal also polls. No method ever raises."""

    async def kick_partitions(self, partitions: Sequence[int]) -> None: ...
    async def kick_shards(self, shards: Sequence[int]) -> None: ...
    async def kick_control(self, conversations: Sequence[ConversationId]) -> None: ...
    async def kick_jobs(self) -> None: ...
    async def publish(self, conversation_id: ConversationId, event: Mapping[str, Any]) -> None: ...
    async def publish_changes(
        self, tenant_id: TenantId, messages: Sequence[ConversationId] = (), changed: Sequence[ConversationId] = ()
    ) -> None: ...

    async def typing(self, address: Address) -> None: ...
    async def listen_typing(self, on_typing: Callable[[Address], None]) -> None:
        """Call `on_typing` with addresses at which an answer is being written, until cancelled; reconnects by itself."""

    async def listen(self, topic: Literal["partitions", "shards", "control", "jobs"], on_signal: Callable[[Sequence[int]], None]) -> None:
        """Call `on_signal` with partition, shard or conversation ids (jobs: 1) until cancelled; reconnects by itself."""
