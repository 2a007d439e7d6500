"""Takeover, give back and an operator's answer: committed at once, not queued behind the mailbox."""

from actors.domain.ids import ConversationId, TenantId, shard_of
from gateway import ids
from gateway.api.operation import Answer, Call, Operation
from gateway.schemas.conversations import ControlView, ReplyRequest, StoredReplyView, control_view
from storage.conversations import ControlChange, ConversationControl, ConversationSummary, OperatorReply
from storage.postgres import Database
from storage.signals import RedisSignals


class ControlApi:
    """Who speaks for the company in a conversation."""

    def __init__(self, database: Database, signals: RedisSignals) -> None:
        self._control = ConversationControl(database)
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
                body=ReplyRequest if verb == "reply" else None,
                answer=answer,
                idempotent=True,
                numbers={"id"},
            )
            for verb, handler, answer in (
                ("takeover", self.take_over, ControlView),
                ("give-back", self.give_back, ControlView),
                ("reply", self.reply, StoredReplyView),
            )
        ]

    async def take_over(self, call: Call) -> Answer:
        """Silence the bot: once this is answered, nothing of the bot's is claimed for sending."""
        change = await self._control.take_over(call.tenant_id, call.number("id"), call.caller.name, call.caller.user_id)
        return self._changed(call, change)

    async def give_back(self, call: Call) -> Answer:
        """Let the bot speak again."""
        change = await self._control.give_back(call.tenant_id, call.number("id"), call.caller.name)
        return self._changed(call, change)

    async def reply(self, call: Call[ReplyRequest]) -> Answer:
        """Answer as an operator; takes the conversation over."""
        conversation = await self._control.find(call.tenant_id, call.number("id"))
        if conversation is None:
            raise call.missing()
        said = await self._control.reply(
            call.tenant_id, conversation.id, ids.turn_id(), call.body.text, call.caller.name, call.caller.user_id
        )
        if said is None:
            raise call.missing()
        view = StoredReplyView(conversation_id=str(conversation.id), message_id=str(said.message_id), control="human")
        return Answer(view, afterwards=lambda: self._announce_reply(call.tenant_id, conversation, said))

    def _changed(self, call: Call, change: ControlChange | None) -> Answer:
        if change is None:
            raise call.missing()
        view = control_view(call.number("id"), change)
        return Answer(view, afterwards=lambda: self._announce_change(call.tenant_id, ConversationId(call.number("id")), view))

    async def _announce_change(self, tenant_id: TenantId, conversation_id: ConversationId, view: ControlView) -> None:
        await self._signals.kick_control([conversation_id])
        await self._signals.publish(conversation_id, {"type": "control", **view.model_dump(mode="json")})
        await self._signals.publish_changes(tenant_id, changed=[conversation_id])

    async def _announce_reply(self, tenant_id: TenantId, conversation: ConversationSummary, said: OperatorReply) -> None:
        await self._signals.kick_control([conversation.id])
        await self._signals.kick_shards([shard_of(conversation.address.integration_id)])
        await self._signals.publish(conversation.id, {"type": "message", "id": str(said.message_id), "role": "operator"})
        await self._signals.publish_changes(tenant_id, messages=[conversation.id])
