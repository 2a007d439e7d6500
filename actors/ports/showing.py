"""What showing conversations in a CRM needs: what is to be shown, kept with leases, and the CRM's chats."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from actors.domain.errors import TerminalError, UnknownOutcome
from actors.domain.ids import Address, ConversationId, TenantId


@dataclass(frozen=True, slots=True)
class OwnChannel:
    """A channel of ours in a CRM account. The secret is plain here and never logged."""

    id: UUID
    tenant_id: TenantId
    integration_id: UUID  # the CRM account
    channel_id: str
    scope_id: str
    host: str
    bot_id: str  # empty: the company's side is not shown
    title: str
    due: bool  # it may be asked now
    failures: int  # in a row
    broken: bool
    secret: str = field(repr=False)
    sealed: bytes = field(repr=False)  # the secret as it is kept: what is refused with an older one says nothing of this one


@dataclass(frozen=True, slots=True)
class ShownChat:
    """A conversation that is shown; `ref_id` is the CRM's id of its chat, None before it is made."""

    conversation_id: ConversationId
    address: Address
    name: str  # of the customer
    ref_id: str | None
    cursor: int
    sending: int | None  # a message whose posting was begun and not concluded
    repeatable: bool  # the CRM itself said that it failed: what is not found may be posted again
    looks: int
    moved: bool = False  # the conversation has another address since the chat was made: the next one is a new chat


@dataclass(frozen=True, slots=True)
class SaidMessage:
    """A message to be shown. `delivery`: of its outbox row; None where the commit itself delivers, and for customers."""

    id: int
    role: Literal["customer", "agent", "operator"]
    text: str
    at: datetime
    age_s: float
    external_id: str
    delivery: str | None
    error: str | None


class ChannelRefused(TerminalError):
    """The CRM refuses the whole channel; `code` is for programs, the text for people."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class ServerFailed(UnknownOutcome):
    """The CRM answered that it failed: nothing of the request goes on there, so a look tells what became of it."""


class ShowingStore(Protocol):
    """What is to be shown. Whatever a chat's worker does is refused (False) once its lease is over."""

    async def channels(self) -> Sequence[OwnChannel]: ...

    async def find(self, channel: OwnChannel) -> None:
        """Note the conversations that changed."""

    async def claim(self, channel: OwnChannel, worker: UUID, most: int, lease_s: float) -> Sequence[ShownChat]: ...
    async def made(self, channel: OwnChannel, chat: ShownChat, worker: UUID, ref_id: str) -> bool:
        """Keep the CRM's id of a chat; what its webhook tells of this chat is ignored from now on."""

    async def following(self, channel: OwnChannel, chat: ShownChat) -> SaidMessage | None:
        """Return the message behind the chat's cursor."""

    async def begin(self, channel: OwnChannel, chat: ShownChat, worker: UUID, message_id: int, lease_s: float) -> bool:
        """Say that a message is written to the wire now."""

    async def done(self, channel: OwnChannel, chat: ShownChat, worker: UUID, message_id: int, *, shown: bool) -> bool: ...
    async def give_up(self, channel: OwnChannel, chat: ShownChat, worker: UUID, message_id: int, error: str, *, uncertain: bool) -> bool:
        """Go on without a message, and tell people."""

    async def wait(self, channel: OwnChannel, chat: ShownChat, worker: UUID, seconds: float, error: str | None, *, begun: bool) -> None:
        """Let the chat go; `begun`: what was begun stays to be looked for."""

    async def doubt(
        self, channel: OwnChannel, chat: ShownChat, worker: UUID, looks: int, seconds: float, error: str, *, repeatable: bool
    ) -> None:
        """Let the chat go after an outcome that is not known; `looks` into the history were in vain."""

    async def release(self, channel: OwnChannel, chat: ShownChat, worker: UUID) -> None:
        """Let a chat go whose messages are all shown, or that others should not wait for."""

    async def pause(self, channel: OwnChannel, seconds: float, problem: str | None, code: str | None) -> None:
        """Ask nothing of the channel for some time; with a problem that people are told once."""

    async def works(self, channel: OwnChannel) -> None: ...


class ShownChats(Protocol):
    """The chats of the CRM. Raises ChannelRefused, ServerFailed and the errors of every channel."""

    async def create(self, channel: OwnChannel, chat: ShownChat) -> str:
        """Return the CRM's id of the chat; it is made if there is none."""

    async def post(self, channel: OwnChannel, chat: ShownChat, message: SaidMessage, not_after: float) -> None:
        """Show a message; no byte is written after `not_after`, on the monotonic clock."""

    async def holds(self, channel: OwnChannel, chat: ShownChat, message_id: int) -> bool:
        """Whether the chat has this message."""

    async def tell_delivery(self, channel: OwnChannel, message: SaidMessage, error: str | None) -> None:
        """Say what became of a message that was written in the CRM, or of one of ours that is shown there."""


SETTLED: Collection[str | None] = (None, "sent", "failed", "unknown", "withdrawn")
