"""Identifiers and addresses. The only place that computes a partition or a shard."""

from dataclasses import dataclass
from typing import NewType
from uuid import UUID
from zlib import crc32

TenantId = NewType("TenantId", UUID)
AgentId = NewType("AgentId", UUID)
IntegrationId = NewType("IntegrationId", UUID)
TurnId = NewType("TurnId", UUID)
ConversationId = NewType("ConversationId", int)
InboxId = NewType("InboxId", int)
OutboxId = NewType("OutboxId", int)

PARTITIONS = 256  # also the number of shards; stored in rows, so changing it needs a migration


@dataclass(frozen=True, slots=True)
class Address:
    """Where an input belongs: every address has exactly one conversation row."""

    integration_id: IntegrationId
    key: str

    @property
    def partition(self) -> int:
        """Return the partition, 0..255. crc32, because Python's hash() differs per process."""
        return crc32(f"{self.integration_id}:{self.key}".encode()) % PARTITIONS


def shard_of(integration_id: UUID) -> int:
    """Return the shard, 0..255, that decides which sender owns an integration."""
    return crc32(str(integration_id).encode()) % PARTITIONS


def owned(part: int, parts: int) -> list[int]:
    """Return the partitions (or shards) that carrier `part` of `parts` owns."""
    return [p for p in range(PARTITIONS) if p % parts == part]
