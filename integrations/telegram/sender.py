"""Sends one claim to a Telegram chat.

A row is one message, except when its text is longer than Telegram takes: then its pieces go out in order, within the
lease of the row. The row has one outcome. A later piece that cannot be known makes the row unknown; one that is refused
for good makes it failed (the error says how much was delivered); one that could be tried again is tried again here
while the lease lasts, and the row is unknown after that: giving the whole row back would send the first pieces
a second time without counting it.
"""

from dataclasses import dataclass
from typing import NoReturn

from actors.domain.errors import CallboardError, CredentialsRefused, TerminalError, TransientError, UnknownOutcome
from actors.domain.ids import Address
from actors.domain.messages import clean_text
from actors.domain.retry import backoff_s
from actors.ports import Claim, Clock, IntegrationRecord, Pace
from integrations.telegram.client import TelegramClient
from integrations.telegram.errors import LeaseOver
from integrations.telegram.text import split_text

ACCOUNT_PACE = Pace(1 / 30, 5)  # about 30 messages a second over all chats of a bot
CHAT_PACE = Pace(1.0, 5)  # one a second, short bursts pass
GROUP_PACE = Pace(3.0, 5)  # 20 a minute


@dataclass(frozen=True, slots=True)
class _Target:
    chat_id: int
    thread_id: int | None


class TelegramSender:
    """Plain text to a chat or a topic."""

    def __init__(self, client: TelegramClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def account_pace(self) -> Pace:
        """Return the limit of a bot."""
        return ACCOUNT_PACE

    def address_pace(self, address: Address) -> Pace:
        """Return the limit of a chat; the ids of groups are negative."""
        return GROUP_PACE if address.key.startswith("-") else CHAT_PACE

    async def send(self, integration: IntegrationRecord, claim: Claim, not_after: float) -> str:
        """Return the id of the last message sent.

        Raises:
            TransientError, TerminalError, UnknownOutcome: see errors.py and above.
        """
        target, pieces = _target(claim.address.key), _pieces(claim)
        message_id = await self._first(integration.token, target, pieces[0], not_after)
        for nth, piece in enumerate(pieces[1:], start=1):
            message_id = await self._later(integration.token, target, piece, not_after, f"after {nth} of {len(pieces)} pieces")
        return message_id

    async def _first(self, token: str, target: _Target, text: str, not_after: float) -> str:
        try:
            return await self._client.send_message(token, target.chat_id, text, target.thread_id, not_after)
        except LeaseOver:
            raise TransientError("the lease was over before anything was written") from None

    async def _later(self, token: str, target: _Target, text: str, not_after: float, where: str) -> str:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._client.send_message(token, target.chat_id, text, target.thread_id, not_after)
            except TransientError as error:
                delay = backoff_s(attempt, retry_after_s=error.retry_after_s)
                if self._clock.monotonic() + delay > not_after:
                    raise UnknownOutcome(f"{where}: {error}") from error
                await self._clock.sleep(delay)
            except LeaseOver:
                raise UnknownOutcome(f"{where}: the lease was over") from None
            except CallboardError as error:
                _reraise(error, where)


def _reraise(error: CallboardError, where: str) -> NoReturn:
    """Say how much was delivered, and keep the type."""
    match error:
        case CredentialsRefused() | TerminalError() | UnknownOutcome():
            raise type(error)(f"{where}: {error}") from error
        case _:
            raise error


def _target(key: str) -> _Target:
    chat, _, thread = key.partition(":")
    try:
        return _Target(int(chat), int(thread) if thread else None)
    except ValueError:
        raise TerminalError(f"{key[:64]!r} is no chat of Telegram") from None


def _pieces(claim: Claim) -> list[str]:
    text = claim.body.get("text")
    pieces = split_text(clean_text(text)) if isinstance(text, str) else []
    if not pieces:
        raise TerminalError("there is no text to send")
    return pieces
