"""Conversations that people close, and open again."""

from actors.domain.ids import ConversationId
from gateway.api.operation import Answer, Call, Operation
from gateway.schemas.conversations import ConversationView, conversation_view
from storage.conversations import ConversationControl
from storage.listings import Listings
from storage.postgres import Database
from storage.signals import RedisSignals


class ClosingApi:
    """What is done with, and what is not after all."""

    def __init__(self, database: Database, signals: RedisSignals) -> None:
        self._control = ConversationControl(database)
        self._listings = Listings(database)
        self._signals = signals

    def operations(self) -> list[Operation]:
        """Return the operations."""
        base = "/api/conversations/{id}"
        return [
            Operation(
                "POST",
                f"{base}/{verb}",
                handler,
                level="operator",
                tag="conversations",
                answer=ConversationView,
                idempotent=True,
                numbers={"id"},
            )
            for verb, handler in (("close", self.close), ("open", self.open))
        ]

    async def close(self, call: Call) -> Answer:
        """Close a conversation: follow-ups and timers end, nobody waits any more. The next message opens it, and the bot answers."""
        return await self._changed(call, await self._control.close(call.tenant_id, call.number("id"), call.caller.name))

    async def open(self, call: Call) -> Answer:
        """Open a closed conversation. What ended with it stays ended."""
        return await self._changed(call, await self._control.open(call.tenant_id, call.number("id"), call.caller.name))

    async def _changed(self, call: Call, found: bool) -> Answer:
        item = await self._listings.conversation(call.tenant_id, call.number("id")) if found else None
        if item is None:
            raise call.missing()
        return Answer(conversation_view(item), afterwards=lambda: self._announce(call, ConversationId(item.id)))

    async def _announce(self, call: Call, conversation_id: ConversationId) -> None:
        await self._signals.kick_control([conversation_id])
        await self._signals.publish_changes(call.tenant_id, changed=[conversation_id])
