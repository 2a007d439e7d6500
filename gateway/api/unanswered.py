"""After an outage: customers whose last words nobody answered, and the bot's answer to them."""

from gateway.api.operation import Answer, Call, Operation
from gateway.schemas.conversations import AskedView, UnansweredView
from storage.postgres import Database
from storage.unanswered import UnansweredConversations


class UnansweredApi:
    """Unanswered customers of the caller's company."""

    def __init__(self, database: Database) -> None:
        self._unanswered = UnansweredConversations(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        base, tag = "/api/unanswered", "conversations"
        return [
            Operation("GET", base, self.count, level="viewer", tag=tag, answer=UnansweredView),
            Operation("POST", f"{base}/answer", self.answer, level="operator", tag=tag, answer=AskedView),
        ]

    async def count(self, call: Call) -> Answer:
        """Count customers whose last words came too late for the bot, or when it was stopped, or were left after people were told.

        Nobody who is in the hands of a person is counted.
        """
        return Answer(UnansweredView.model_validate(await self._unanswered.count(call.tenant_id), from_attributes=True))

    async def answer(self, call: Call) -> Answer:
        """Have the bot answer them, ten a second, each once: not whom a person takes over or somebody answers meanwhile.

        Asking again asks for nobody twice.
        """
        asked = await self._unanswered.answer(call.tenant_id, call.caller.name)
        now = await self._unanswered.count(call.tenant_id)
        return Answer(AskedView(asked=asked, waiting=now.waiting, answering=now.answering, oldest_at=now.oldest_at))
