"""Rows and records for tests of the host's parts."""

from uuid import UUID, uuid4

from actors.domain.ids import Address, AgentId, ConversationId, InboxId, IntegrationId, TenantId
from actors.ports.conversations import ConversationRecord
from actors.ports.inbox import InboxRow
from actors.runtime.host.in_hand import HeldRow
from tests.fakes.world import START

TENANT = TenantId(UUID(int=1))
BOT = IntegrationId(UUID(int=2))


def address(key: str = "1", bot: IntegrationId = BOT) -> Address:
    return Address(bot, key)


def held(inbox_id: int, key: str = "1", batch: int = 7, born: float = 0.0, bot: IntegrationId = BOT, attempts: int = 0) -> HeldRow:
    row = InboxRow(InboxId(inbox_id), TENANT, address(key, bot), "message", b"{}", START, 0.0, attempts)
    return HeldRow(row, batch, born)


def record(key: str = "1", version: int = 0) -> ConversationRecord:
    return ConversationRecord(ConversationId(int(key)), TENANT, address(key), version, "bot", b"{}", AgentId(uuid4()), "test", "once")
