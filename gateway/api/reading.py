"""What can be read: conversations, messages and why an answer was given."""

from actors.domain.trace import from_bytes
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_moment, after_number
from gateway.schemas.bodies import ListQuery
from gateway.schemas.conversations import (
    ConversationPage,
    ConversationQuery,
    ConversationView,
    MessagePage,
    TraceView,
    conversation_view,
    message_view,
    trace_view,
)
from storage.conversations import ConversationControl
from storage.listings import ConversationFilter, Listings
from storage.postgres import Database
from storage.traces import Traces


class ReadingApi:
    """Conversations of the caller's tenant."""

    def __init__(self, database: Database) -> None:
        self._listings = Listings(database)
        self._conversations = ConversationControl(database)
        self._traces = Traces(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        base, tag = "/api/conversations", "conversations"
        messages, numbers = f"{base}/{{id}}/messages", {"id", "message_id"}
        return [
            Operation("GET", base, self.conversations, level="viewer", tag=tag, query=ConversationQuery, answer=ConversationPage),
            Operation("GET", f"{base}/{{id}}", self.conversation, level="viewer", tag=tag, answer=ConversationView, numbers={"id"}),
            Operation("GET", messages, self.messages, level="viewer", tag=tag, query=ListQuery, answer=MessagePage, numbers={"id"}),
            Operation("GET", f"{messages}/{{message_id}}/trace", self.trace, level="viewer", tag=tag, answer=TraceView, numbers=numbers),
        ]

    async def conversations(self, call: Call[None, ConversationQuery]) -> Answer:
        """List conversations, the most recent first."""
        asked = call.query
        closed = {None: False, "true": True, "any": None}[asked.closed]
        unanswered = asked.unanswered is not None
        where = ConversationFilter(asked.agent_id, asked.control, asked.channel, asked.q, unanswered, asked.assigned_to, closed)
        found = await self._listings.conversations(call.tenant_id, where, after_moment(call.page), call.page.limit + 1)
        return call.listed(ConversationPage, found, conversation_view, lambda last: [last.last_at.isoformat(), last.id])

    async def conversation(self, call: Call) -> Answer:
        """Show a conversation."""
        found = await self._listings.conversation(call.tenant_id, call.number("id"))
        if found is None:
            raise call.missing()
        return Answer(conversation_view(found))

    async def messages(self, call: Call[None, ListQuery]) -> Answer:
        """List a conversation's messages, oldest first, each with what became of it."""
        conversation_id = call.number("id")
        if await self._conversations.find(call.tenant_id, conversation_id) is None:
            raise call.missing()
        found = await self._listings.messages(call.tenant_id, conversation_id, after_number(call.page) or 0, call.page.limit + 1)
        return call.listed(MessagePage, found, message_view, lambda last: last.id)

    async def trace(self, call: Call) -> Answer:
        """Show why the turn of a message went as it did."""
        stored = await self._traces.by_message(call.tenant_id, call.number("message_id"))
        if stored is None or stored.conversation_id != call.number("id"):
            raise call.missing()
        return Answer(trace_view(stored, from_bytes(stored.body)))
