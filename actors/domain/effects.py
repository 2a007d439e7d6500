"""What a decision asks for: the closed union of effects. They are stored in the commit of the turn, never carried out by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from actors.domain.conversation import Control
from actors.domain.ids import InboxId

Mode = Literal["greeting", "script", "extractive", "choices", "model", "handoff", "fallback", "diagnostic", "late", "rule", "step"]


@dataclass(frozen=True, slots=True)
class Source:
    """A passage an answer used. `place` says where it stands in its document: `page:3`, `row:7`, or nothing."""

    id: str
    title: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """Below a message: who presses it says what stands on it, or opens its address."""

    text: str
    url: str = ""
    spare: bool = False  # a channel without buttons does without it: the text asks for the same


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that is shown with a message; the channel fetches it."""

    kind: Literal["photo", "document"]
    url: str


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Say something to the customer."""

    text: str
    mode: Mode
    sources: tuple[Source, ...] = ()
    delivery_class: Literal["reply", "step"] = "reply"
    sequence: str = ""  # whose step it is
    step: int = 0
    buttons: tuple[Button, ...] = ()
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class SetControl:
    """Change who speaks for the company."""

    control: Control


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Wake this conversation later; setting the same kind again moves it."""

    kind: str
    delay_s: float
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogActivity:
    """A fact for people."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AcknowledgePress:
    """Tell the channel that a pressed button was noticed: until then it shows a clock to the customer."""

    press: str


@dataclass(frozen=True, slots=True)
class StopSending:
    """Nothing can reach the customer: what waits for delivery fails, and timers end."""

    reason: str


@dataclass(frozen=True, slots=True)
class Act:
    """Do something in a system outside, once, after the commit; `kind` says what, as `webhook.call`."""

    kind: str
    params: Mapping[str, Any]
    rule: str = ""  # who asked for it


@dataclass(frozen=True, slots=True)
class AssignTo:
    """Say whose the conversation is; `user`: their e-mail address, `rule`: who says so."""

    user: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class StartSequence:
    """Enroll the conversation; `rule`: who asks for it."""

    sequence: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class StopSequence:
    """End an enrollment; empty: all."""

    sequence: str = ""
    rule: str = ""
    wakes: bool = False  # the end of what it stops may wake rules


@dataclass(frozen=True, slots=True)
class SetEnrollment:
    """An enrollment begins (`copy` is what it runs), moves on or ends; `serial` tells its changes apart.

    `quiet`: a rule ended it that wakes no rules.
    """

    key: str
    serial: int
    state: Literal["active", "finished", "stopped"]
    step: int | None = None
    next_at: datetime | None = None
    reason: str = ""
    goal: bool = False
    copy: Mapping[str, Any] | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class LeadMoved:
    """Somebody moved a lead: the runs of sequences that this ends are told, in the chats that are the lead's."""

    lead: str
    stage: str
    event: InboxId


@dataclass(frozen=True, slots=True)
class BotAsks:
    """A bot of the CRM waits for an answer in the chat of a lead or contact, at an address that takes one."""

    about: str  # as `lead:5`
    at: str
    asked_at: datetime


MoveKind = Literal["link", "stranger", "take", "back", "reply", "wordless", "lost", "ask_stop", "ask_go", "stop", "go", "help"]


@dataclass(frozen=True, slots=True)
class OperatorMove:
    """What somebody wants who is an operator, or wants to be one: carried out by the turn's commit, which answers them."""

    kind: MoveKind
    conversation_id: int = 0  # whose customer it is about; 0: whatever the answered message was about
    answers: str = ""  # the channel's id of the message that is answered
    text: str = ""  # what is to be said, or the code
    name: str = ""  # of who sends a code, as their channel shows it


Effect = (
    SendMessage
    | SetControl
    | SetTimer
    | LogActivity
    | AcknowledgePress
    | StopSending
    | Act
    | OperatorMove
    | StartSequence
    | StopSequence
    | SetEnrollment
    | LeadMoved
    | BotAsks
    | AssignTo
)
