"""Conversations, their messages, and who speaks in them. Ids are strings: JavaScript loses digits of 64-bit numbers."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from gateway.schemas.bodies import Body, ListQuery, Text, Uuid, View, cleaned
from storage.conversations import ControlChange
from storage.listings import ConversationItem, Delivery, MessageItem
from storage.traces import StoredTrace

Id = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,18}$", examples=["4711"])]
Control = Literal["bot", "waiting", "human"]
Channel = Literal["telegram", "kommo", "test", "web"]


Search = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    BeforeValidator(cleaned),
    Field(description="words of the title or of a message (in the 2,000 latest conversations), or the conversation's number"),
]


class ConversationQuery(ListQuery):
    """Which conversations."""

    agent_id: UUID | None = None
    control: Control | None = None
    channel: Channel | None = None
    q: Search | None = None
    assigned_to: UUID | None = Field(None, description="only those that are this user's")
    closed: Literal["true", "any"] | None = Field(None, description="`true`: only closed ones, `any`: closed or not; else only open ones")
    unanswered: Literal["true"] | None = Field(None, description="only those that `GET /api/unanswered` counts")


class PersonView(View):
    """Somebody who answers customers."""

    id: UUID
    name: str


class ColleagueView(PersonView):
    """Somebody who answers customers; rules call them by their address."""

    email: str


class ColleagueList(View):
    """Everybody who answers customers."""

    items: list[ColleagueView]


class AssignRequest(Body):
    """Whose the conversation is from now on; null: nobody's."""

    user_id: Uuid | None


class ConversationView(View):
    """A conversation. `control` says who speaks for the company; `version` rises with every turn."""

    id: Id
    agent_id: UUID
    integration_id: UUID
    channel: Channel
    control: Control
    version: int
    title: str
    created_at: datetime
    last_at: datetime
    pinned_version: int | None = Field(description="the version that a test conversation keeps to; null: what is published")
    opening: str = Field(description="the beginning of its first message")
    latest: str = Field(description="the beginning of its last message")
    latest_role: Literal["customer", "agent", "operator"] | None = Field(description="who wrote its last message")
    closed_at: datetime | None = Field(description="when it was closed; null: it is open, as after the next message")
    assigned_to: PersonView | None = Field(description="whose it is: they are asked first when a person is needed")


class ConversationPage(View):
    """Conversations, the most recent first."""

    items: list[ConversationView]
    next: str | None = Field(description="the cursor of the next page")


class DeliveryView(View):
    """What became of an outgoing message. `uncertain` counts, for ever, outcomes that could not be known.

    `crossed`: a step of a sequence that was on its way when the customer wrote.
    """

    state: str
    policy: str
    uncertain: int
    attempts: int
    error: str | None
    sent_at: datetime | None
    crossed: bool


class FileView(View):
    """A file that a customer sent; `number` is its place below the message: `files/{number}`."""

    number: int
    kind: str
    name: str
    size: int | None


class ButtonView(View):
    """A button below an answer. An empty `url`: who presses it says what stands on it."""

    text: str
    url: str


class AttachmentView(View):
    """A picture or file that was shown with an answer."""

    kind: Literal["photo", "document"]
    url: str


class ShownView(View):
    """What stands beside the words of a message."""

    buttons: list[ButtonView]
    attachment: AttachmentView | None


class MessageView(ShownView):
    """One utterance. `delivery` is null for customers' messages and where the commit is the delivery."""

    id: Id
    turn_id: UUID
    role: Literal["customer", "agent", "operator"]
    text: str
    mode: str | None = Field(description="how an answer was made: script, extractive, model, handoff, ...")
    sources: list[dict[str, Any]]
    created_at: datetime
    delivery: DeliveryView | None
    files: list[FileView]
    written_by: str | None = Field(description="who of the company wrote it in Kommo; empty: unknown. Null: it was not written there")


class MessagePage(View):
    """Messages, oldest first."""

    items: list[MessageView]
    next: str | None = Field(description="the cursor of the next page")


class TraceView(View):
    """Why a turn went as it did."""

    trace_id: UUID
    conversation_id: Id
    created_at: datetime
    trace: dict[str, Any]


class ControlView(View):
    """Who speaks now. `withdrawn` counts messages of the bot that will not be sent."""

    conversation_id: Id
    control: Control
    version: int
    withdrawn: int


class UnansweredView(View):
    """Customers whose last words nobody answered: `answering` are those whose answer was asked for and is on its way."""

    waiting: int
    answering: int
    oldest_at: datetime | None = Field(description="since when the longest of `waiting` waits")


class AskedView(UnansweredView):
    """How many were asked for now, and what is left."""

    asked: int


class ReplyRequest(Body):
    """An operator's answer."""

    text: Text


class StoredReplyView(View):
    """The operator's answer as stored."""

    conversation_id: Id
    message_id: Id
    control: Control


def conversation_view(item: ConversationItem) -> ConversationView:
    """Return a conversation."""
    return ConversationView(
        id=str(item.id),
        agent_id=item.agent_id,
        integration_id=item.integration_id,
        channel=item.channel,
        control=item.control,
        version=item.version,
        title=item.title,
        created_at=item.created_at,
        last_at=item.last_at,
        pinned_version=item.pinned_version,
        opening=item.opening,
        latest=item.latest,
        latest_role=item.latest_role,
        closed_at=item.closed_at,
        assigned_to=PersonView(id=item.assigned_to, name=item.assigned_name or "") if item.assigned_to else None,
    )


def message_view(item: MessageItem) -> MessageView:
    """Return a message with what became of it."""
    return MessageView(
        id=str(item.id),
        turn_id=item.turn_id,
        role=item.role,
        text=item.body,
        mode=item.mode,
        sources=[dict(source) for source in item.sources],
        created_at=item.created_at,
        delivery=_delivery(item.delivery) if item.delivery else None,
        files=[
            FileView(number=number, kind=file["kind"], name=file.get("name", ""), size=file.get("size"))
            for number, file in enumerate(item.files, 1)
            if file.get("file_id")
        ],
        buttons=item.buttons,
        attachment=item.attachment,
        written_by=item.written_by,
    )


def trace_view(stored: StoredTrace, trace: dict[str, Any]) -> TraceView:
    """Return a trace."""
    return TraceView(trace_id=stored.turn_id, conversation_id=str(stored.conversation_id), created_at=stored.created_at, trace=trace)


def control_view(conversation_id: int, change: ControlChange) -> ControlView:
    """Return who speaks now."""
    return ControlView(conversation_id=str(conversation_id), control=change.control, version=change.version, withdrawn=change.withdrawn)


def _delivery(delivery: Delivery) -> DeliveryView:
    return DeliveryView.model_validate(delivery, from_attributes=True)
