"""Questions without good answers, as the API shows them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from gateway.schemas.bodies import View
from gateway.schemas.conversations import Id
from storage.knowledge.questions import OpenQuestion


class QuestionView(View):
    """A question of customers. Its id is the same whatever its spaces, case and punctuation."""

    id: UUID
    question: str = Field(description="as it was asked last")
    times: int
    last_at: datetime
    conversation_id: Id = Field(description="where it was asked last")
    nothing: bool = Field(description="nothing was found; false: several things were, none surely")


class QuestionList(View):
    """What was asked most in the last 30 days, at most 100."""

    items: list[QuestionView]


def question_view(item: OpenQuestion) -> QuestionView:
    """Return a question."""
    return QuestionView(
        id=item.key,
        question=item.question,
        times=item.times,
        last_at=item.last_at,
        conversation_id=str(item.conversation_id),
        nothing=item.nothing,
    )
