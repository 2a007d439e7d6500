"""What customers asked and the knowledge had no good answer for."""

from gateway.api.operation import Answer, Call, Operation
from gateway.schemas.knowledge_questions import QuestionList, question_view
from storage.authoring.drafts import Drafts
from storage.knowledge.questions import OpenQuestions
from storage.postgres import Database

_ALL, _ONE = "/api/agents/{id}/knowledge/questions", "/api/agents/{id}/knowledge/questions/{question_id}"


class QuestionsApi:
    """Questions without good answers."""

    def __init__(self, database: Database) -> None:
        self._drafts = Drafts(database)
        self._open = OpenQuestions(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        tag = "knowledge"
        return [
            Operation("GET", _ALL, self.questions, level="viewer", tag=tag, answer=QuestionList),
            Operation("DELETE", _ONE, self.dismiss_question, level="admin", tag=tag, status=204),
            Operation("POST", f"{_ONE}/recall", self.recall_question, level="admin", tag=tag, status=204),
        ]

    async def questions(self, call: Call) -> Answer:
        """List questions that were handed off because nothing was found, or met by a choice; those asked most come first."""
        if await self._drafts.find(call.tenant_id, call.uuid("id")) is None:
            raise call.missing()
        found = await self._open.list(call.tenant_id, call.uuid("id"))
        return Answer(QuestionList(items=[question_view(item) for item in found]))

    async def dismiss_question(self, call: Call) -> Answer:
        """Leave a question out until it is asked again."""
        if not await self._open.dismiss(call.tenant_id, call.uuid("id"), call.uuid("question_id"), call.caller.actor):
            raise call.missing()
        return Answer()

    async def recall_question(self, call: Call) -> Answer:
        """Show a question again that was left out; one that is shown stays so."""
        if not await self._open.recall(call.tenant_id, call.uuid("id"), call.uuid("question_id"), call.caller.actor):
            raise call.missing()
        return Answer()
