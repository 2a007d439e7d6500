"""What a channel provides: parsing, sending, polling."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from actors.domain.ids import Address, IntegrationId
from actors.domain.messages import Input
from actors.ports.inbox import InboxRow, NewInput
from actors.ports.integrations import IntegrationRecord
from actors.ports.outbox import Claim


class ChannelParser(Protocol):
    """Turns a stored raw input of one channel into a domain input."""

    def parse(self, row: InboxRow) -> Input:
        """Return the input of a row.

        Raises:
            InvalidInput: the row cannot be understood.
        """


@dataclass(frozen=True, slots=True)
class Pace:
    """A channel's limit: one message every `interval_s` in the long run, up to `burst` at once."""

    interval_s: float
    burst: int


class ChannelSender(Protocol):
    """Sends one claim. Owns its own timeout, which is below half of the lease."""

    def account_pace(self) -> Pace:
        """Return the limit of one account over all its conversations."""

    def address_pace(self, address: Address) -> Pace:
        """Return the limit of one conversation."""

    async def send(self, integration: IntegrationRecord, claim: Claim, not_after: float) -> str:
        """Return the provider's message id. Nothing is written to the wire after `not_after` on the monotonic clock.

        Raises:
            CredentialsRefused: the integration is broken.
            ContactUnreachable, ContactMoved: nothing was delivered; the conversation ends, or goes on elsewhere.
            TransientError, TerminalError, UnknownOutcome: as their types say. A TransientError with `retry_after_s`
                speaks of the whole account.
        """


class TypingSender(Protocol):
    """Shows that an answer is being written."""

    async def typing(self, integration: IntegrationRecord, address: Address) -> None:
        """Show it for some seconds.

        Raises:
            CallboardError: it is not shown; nothing else depends on it.
        """


class WaitingBots(Protocol):
    """Bots of a channel that wait for our answers."""

    async def release(self, integrations: Sequence[IntegrationId]) -> int:
        """Let go those of these integrations that have waited in vain, and return how many.

        Raises:
            TransientError: the database is away.
        """


@dataclass(frozen=True, slots=True)
class UpdateBatch:
    """What one poll returned. `next_offset` confirms it and is given to the next poll only, after `inputs` were stored."""

    inputs: Sequence[NewInput]
    next_offset: int | None
    skipped: int  # entries without a usable id: nothing can be stored under them


class UpdateSource(Protocol):
    """Polls one integration for raw updates."""

    async def prepare(self, integration: IntegrationRecord) -> None:
        """Make the account ready to be polled.

        Raises: as `fetch`.
        """

    async def fetch(self, integration: IntegrationRecord, offset: int | None) -> UpdateBatch:
        """Wait for updates; `offset` confirms everything before it.

        Raises:
            CredentialsRefused: the integration is broken.
            AccountInUse: another process polls this account, or a webhook is set.
            TransientError, TerminalError, UnknownOutcome: nothing was lost; poll again later.
        """
