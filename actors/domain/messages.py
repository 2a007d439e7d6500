"""What comes in: the closed union of inputs of a conversation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from actors.domain.ids import InboxId

WRITTEN_IN_KOMMO = "kommo:"  # before the ids of messages that were written there: they are not shown there again


@dataclass(frozen=True, slots=True)
class GroupTalk:
    """What in a group's message may address a bot; names are lower case, without the @."""

    mentions: frozenset[str] = frozenset()  # names and, of users without one, ids
    answers: str = ""  # id of the bot whose message it replies to
    command: str | None = None  # whose command it is; empty: of whoever feels addressed; None: no command


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A customer's utterance, already parsed and cleaned (no NUL, no lone surrogate)."""

    inbox_id: InboxId
    received_at: datetime
    text: str
    external_id: str | None = None
    author: str = ""
    language: str | None = None  # what the channel says, e.g. Telegram's language_code
    media: str | None = None  # kind of what came with it or instead of text: photo, voice, document, ...
    data: Mapping[str, Any] | None = None  # what is kept with it: files, album, what it answers or passes on, the button
    spoken: bool = True  # the text is the customer's own; False: it stands for a file, a button, a place
    age_s: float = 0.0  # how long after it was written it was received
    album: str = ""  # parts of one album share it
    press: str = ""  # a button was pressed: how to tell the channel that it was noticed
    group: GroupTalk | None = None  # None: between two
    said_at: float = 0.0  # seconds since 1970, where the channel delivers in any order; 0: messages arrive as they were written
    answer_within_s: float = 0.0  # older ones are kept and left to people without a word; 0: as everywhere (LATE_S of intake.py)
    reply_to: Mapping[str, str] | None = None  # what the channel's sender must know to answer; the latest counts


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A customer changed an earlier message; its new text and data."""

    inbox_id: InboxId
    received_at: datetime
    external_id: str
    text: str
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ContactBlocked:
    """The customer blocked the bot, or took that back: nothing can be sent to who did."""

    inbox_id: InboxId
    received_at: datetime
    blocked: bool


@dataclass(frozen=True, slots=True)
class CompanySpoke:
    """The company's side wrote in the channel itself: our own message seen again, a person, or another bot.

    Which one it is, is known in the commit only: until then our own row may still be on its way.
    """

    inbox_id: InboxId
    received_at: datetime
    external_id: str
    text: str
    by: Literal["person", "bot"]
    name: str = ""
    said_at: float = 0.0  # seconds since 1970; 0: not known


@dataclass(frozen=True, slots=True)
class OperatorWrote:
    """A person of the company wrote to the customer from elsewhere: they have the conversation now, and it goes out as their answer."""

    inbox_id: InboxId
    received_at: datetime
    external_id: str
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class CrmEvent:
    """Something happened to a lead, a contact, a task, ...: `kind` is like `lead.moved`, `data` what people are told."""

    inbox_id: InboxId
    received_at: datetime
    kind: str
    data: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)  # what rules may ask of it
    changed_at: float = 0.0  # seconds since 1970 by the CRM's clock; 0: not known


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A due timer of this conversation."""

    inbox_id: InboxId
    received_at: datetime
    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IgnoredInput:
    """An input of a kind that is stored and counted but not acted on."""

    inbox_id: InboxId
    received_at: datetime
    what: str


Input = InboundMessage | MessageEdited | ContactBlocked | CompanySpoke | OperatorWrote | CrmEvent | TimerFired | IgnoredInput


def clean_text(text: str, limit: int = 65_536) -> str:
    """Return `text` without NUL and lone surrogates (PostgreSQL refuses them), at most `limit` characters."""
    return text[:limit].replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")
