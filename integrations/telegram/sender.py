"""Sends one claim to a Telegram chat.

A row is one call, except when its text is longer than Telegram takes: then its pieces go out in order, within the
lease of the row. The row has one outcome. A later piece that cannot be known makes the row unknown; one that is refused
for good makes it failed (the error says how much was delivered); one that could be tried again is tried again here
while the lease lasts, and the row is unknown after that: giving the whole row back would send the first pieces
a second time without counting it.

A piece whose formatting is refused is sent again at once without it: that refusal is definite. So is that of a picture or file, which
comes first: its address is then a line of the text. A group that became a supergroup has another id: before the first piece the
conversation moves, see ContactMoved; the rest follows it here.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from actors.domain.errors import (
    CallboardError,
    ContactMoved,
    CredentialsRefused,
    TerminalError,
    TransientError,
    UnknownOutcome,
)
from actors.domain.ids import Address
from actors.domain.retry import backoff_s
from actors.ports.channels import Pace
from actors.ports.integrations import IntegrationRecord
from actors.ports.outbox import Claim
from actors.ports.time import Clock
from integrations.telegram.client import TelegramClient
from integrations.telegram.errors import EntitiesRefused, FileRefused, LeaseOver
from integrations.telegram.outgoing import Call, calls_of, without_file

ACCOUNT_PACE = Pace(1 / 30, 5)  # about 30 messages a second over all chats of a bot
CHAT_PACE = Pace(1.0, 5)  # one a second, short bursts pass
GROUP_PACE = Pace(3.0, 5)  # 20 a minute


@dataclass(frozen=True, slots=True)
class _Target:
    token: str
    chat_id: int
    thread_id: int | None

    @property
    def payload(self) -> dict[str, Any]:
        return {"chat_id": self.chat_id} | ({} if self.thread_id is None else {"message_thread_id": self.thread_id})


class TelegramSender:
    """Text, photos, documents and buttons to a chat or a topic."""

    def __init__(self, client: TelegramClient, clock: Clock, counts: Counter[str] | None = None) -> None:
        self._client = client
        self._clock = clock
        self.counts: Counter[str] = Counter() if counts is None else counts

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
        if "callback_query_id" in claim.body:
            return await self._acknowledge(integration.token, str(claim.body["callback_query_id"]), not_after)
        target = _target(integration.token, claim.address.key)
        try:
            return await self._send_all(target, calls_of(claim.body), not_after)
        except FileRefused:
            if (spare := without_file(claim.body)) is None:
                raise
        self.counts["sent_without_file"] += 1
        return await self._send_all(target, calls_of(spare), not_after)

    async def typing(self, integration: IntegrationRecord, address: Address) -> None:
        """Show for about 5 s that an answer is being written.

        Raises:
            CallboardError: it is not shown; nothing else depends on it.
        """
        target = _target(integration.token, address.key)
        await self._client.typing(target.token, target.chat_id, target.thread_id)

    async def _send_all(self, target: _Target, calls: Sequence[Call], not_after: float) -> str:
        try:
            message_id = await self._post(target, calls[0], not_after)
        except LeaseOver:
            raise TransientError("the lease was over before anything was written") from None
        for nth, call in enumerate(calls[1:], start=1):
            where = f"after {nth} of {len(calls)} pieces"
            try:
                message_id = await self._later(target, call, not_after, where)
            except ContactMoved as moved:
                target = _target(target.token, moved.key)
                message_id = await self._later(target, call, not_after, where)
        return message_id

    async def _post(self, target: _Target, call: Call, not_after: float) -> str:
        try:
            return await self._client.send(target.token, call.method, {**target.payload, **call.payload}, not_after)
        except EntitiesRefused:
            if not call.formatted:
                raise
        self.counts["sent_plain"] += 1
        return await self._client.send(target.token, call.method, {**target.payload, **call.plain.payload}, not_after)

    async def _acknowledge(self, token: str, press: str, not_after: float) -> str:
        """A press that is too old to be acknowledged needs none."""
        try:
            return await self._client.send(token, "answerCallbackQuery", {"callback_query_id": press}, not_after)
        except LeaseOver:
            raise TransientError("the lease was over before anything was written") from None
        except CredentialsRefused:
            raise
        except TerminalError:
            self.counts["presses_too_old"] += 1
            return ""

    async def _later(self, target: _Target, call: Call, not_after: float, where: str) -> str:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._post(target, call, not_after)
            except TransientError as error:
                delay = backoff_s(attempt, retry_after_s=error.retry_after_s)
                if self._clock.monotonic() + delay > not_after:
                    raise UnknownOutcome(f"{where}: {error}") from error
                await self._clock.sleep(delay)
            except LeaseOver:
                raise UnknownOutcome(f"{where}: the lease was over") from None
            except ContactMoved:
                raise
            except CallboardError as error:
                _reraise(error, where)


def _reraise(error: CallboardError, where: str) -> NoReturn:
    """Say how much was delivered, and keep the type."""
    match error:
        case FileRefused():  # no file comes later: what was delivered is not sent again without one
            raise TerminalError(f"{where}: {error}") from error
        case CredentialsRefused() | TerminalError() | UnknownOutcome():
            raise type(error)(f"{where}: {error}") from error
        case _:
            raise error


def _target(token: str, key: str) -> _Target:
    chat, _, thread = key.partition(":")
    try:
        return _Target(token, int(chat), int(thread) if thread else None)
    except ValueError:
        raise TerminalError(f"{key[:64]!r} is no chat of Telegram") from None
