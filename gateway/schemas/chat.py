"""The test chat: a customer's message, and what the agent made of it."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from gateway.schemas.bodies import Body, Number, Text, Token, Uuid, VersionNumber, View
from gateway.schemas.conversations import Id
from storage.messages import MessageView


class ChatRequest(Body):
    """A customer's message to an agent. Repeating it with the same `message_id` returns the same answer."""

    agent_id: Uuid
    conversation_id: Number | None = Field(default=None, description="without one, a new conversation begins")
    message_id: Token | None = Field(default=None, description="the sender's name for the message, unique in the conversation")
    text: Text
    version: Literal["published", "draft"] | VersionNumber | None = Field(
        default=None,
        description="which version a new conversation keeps to; `draft` is the draft as it is now. An existing one keeps to its own.",
    )


class ReplyView(View):
    """All that a turn said, as one text."""

    id: Id
    text: str
    mode: str | None = Field(description="how the answer was made: script, extractive, model, handoff, ...")
    sources: list[dict[str, Any]]


class ChatAnswer(View):
    """The answer. `reply` is null if nothing was said; then `reason` says why."""

    conversation_id: Id
    message_id: Id | None
    reply: ReplyView | None
    trace_id: UUID | None
    reason: Annotated[str | None, Field(default=None, exclude_if=lambda reason: reason is None)]


def reply_view(replies: Sequence[MessageView]) -> ReplyView | None:
    """Return all that a turn said as one reply; None if it said nothing."""
    if not replies:
        return None
    sources = {source["id"]: dict(source) for said in replies for source in said.sources}
    text = "\n\n".join(said.body for said in replies)
    return ReplyView(id=str(replies[0].id), text=text, mode=replies[-1].mode, sources=list(sources.values()))
