"""Conversations and the published versions that speak in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from actors.domain.ids import Address, AgentId, ConversationId, TenantId


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """A conversation as loaded for its activation."""

    id: ConversationId
    tenant_id: TenantId
    address: Address
    version: int
    control: str
    state: bytes  # JSON
    agent_id: AgentId
    channel: str
    reply_policy: str
    pinned_version: int | None = None  # a test conversation's own version of the agent; None: whatever is published
    account: str = ""  # the channel's id of the endpoint, e.g. of a bot
    username: str = ""  # by which groups address it; empty: not known


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One utterance of the history."""

    role: Literal["customer", "agent", "operator"]
    body: str
    created_at: datetime


class ConversationStore(Protocol):
    """Conversations; their rows exist before their first turn."""

    async def activate(self, rows: Sequence[tuple[TenantId, Address]]) -> list[ConversationRecord]: ...
    async def history(self, tenant_id: TenantId, conversation_id: ConversationId, limit: int) -> list[StoredMessage]:
        """Return the last `limit` messages, oldest first."""


class CatalogueStore(Protocol):
    """Versions of agents: which one is published, and the document of each, published or not."""

    async def versions(self, agents: Sequence[AgentId]) -> dict[AgentId, int]: ...
    async def definition(self, tenant_id: TenantId, agent_id: AgentId, version: int) -> Mapping[str, Any]: ...
