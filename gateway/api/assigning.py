"""Whose conversations are: who is asked first when a person is needed."""

from actors.domain.ids import ConversationId
from gateway.api.operation import Answer, Call, Operation
from gateway.problems import invalid
from gateway.schemas.conversations import AssignRequest, ColleagueList, ColleagueView, ConversationView, conversation_view
from storage.assigning import Assignments, Unassignable
from storage.listings import Listings
from storage.postgres import Database
from storage.signals import RedisSignals


class AssigningApi:
    """Conversations and the colleagues they are given to."""

    def __init__(self, database: Database, signals: RedisSignals) -> None:
        self._assignments = Assignments(database)
        self._listings = Listings(database)
        self._signals = signals

    def operations(self) -> list[Operation]:
        """Return the operations."""
        tag = "conversations"
        return [
            Operation("GET", "/api/colleagues", self.colleagues, level="operator", tag=tag, answer=ColleagueList),
            Operation(
                "PUT",
                "/api/conversations/{id}/assigned",
                self.assign,
                level="operator",
                tag=tag,
                body=AssignRequest,
                answer=ConversationView,
                numbers={"id"},
            ),
        ]

    async def colleagues(self, call: Call) -> Answer:
        """List everybody who answers customers, by name."""
        found = await self._assignments.colleagues(call.tenant_id)
        return Answer(ColleagueList(items=[ColleagueView.model_validate(one, from_attributes=True) for one in found]))

    async def assign(self, call: Call[AssignRequest]) -> Answer:
        """Say whose a conversation is. They are asked first when a person is needed; who speaks does not change."""
        conversation_id = ConversationId(call.number("id"))
        try:
            found = await self._assignments.assign(call.tenant_id, conversation_id, call.body.user_id, call.caller.name)
        except Unassignable:
            raise invalid("there is no such colleague, or they may not answer customers", "user", pointer="/user_id") from None
        item = await self._listings.conversation(call.tenant_id, conversation_id) if found else None
        if item is None:
            raise call.missing()
        changed = self._signals.publish_changes
        return Answer(conversation_view(item), afterwards=lambda: changed(call.tenant_id, changed=[conversation_id]))
