"""What comes in: the closed union of inputs of a conversation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from actors.domain.ids import InboxId


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


Input = InboundMessage | TimerFired | IgnoredInput


def clean_text(text: str, limit: int = 65_536) -> str:
    """Return `text` without NUL and lone surrogates (PostgreSQL refuses them), at most `limit` characters."""
    return text[:limit].replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")
