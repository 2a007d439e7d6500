"""One visit to one chat that is shown in the CRM: its messages in order, each once.

A message is begun (committed), posted, and done (committed). What a worker that ended, or an answer that never came, leaves
begun is looked for in the chat's history before anything else of the chat is posted: found, the chat goes on behind it; not
found after three looks, it is counted as uncertain, people are told, and the chat goes on.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, assert_never
from uuid import UUID

from actors.domain.errors import CallboardError, TerminalError, TransientError, UnknownOutcome
from actors.domain.messages import WRITTEN_IN_KOMMO, clean_text
from actors.ports.showing import SETTLED, ChannelRefused, OwnChannel, SaidMessage, ServerFailed, ShowingStore, ShownChat, ShownChats
from actors.ports.time import Clock

log = logging.getLogger(__name__)

LEASE_S = 30.0  # a request ends within 8 s
WRITE_WITHIN_S = 10.0  # after it was begun
LOOKS_S = (5.0, 30.0, 120.0)  # before each look into the history: what was taken late is found as well
MESSAGES_IN_A_ROW = 20  # then other chats have their turn
DELIVERED_WITHIN_S = 10.0  # so long the chat waits for an answer's delivery
SETTLING_S = 0.3  # between two looks at a delivery
REFUSED_S = 600.0  # until a chat that the CRM does not make is tried again
NOT_FOUND = "no answer from Kommo, and the message is not in the chat's history"

What = Literal["post", "tell", "wait", "skip"]


class Away(Exception):
    """The channel is not to be asked for the moment; the chat was let go, nothing of it is lost."""

    def __init__(self, trouble: CallboardError) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble


@dataclass(slots=True)
class ChatVisit:
    """A claimed chat. Every step is refused once the lease is over: then somebody else has the chat."""

    worker: UUID
    store: ShowingStore
    chats: ShownChats
    clock: Clock
    failpoint: Callable[[str], None]
    counts: Counter[str]
    channel: OwnChannel
    chat: ShownChat
    begun: bool = False  # a message may be on the wire, or there already

    async def pay(self) -> None:
        """Show what is behind the chat's cursor, then let it go.

        Raises:
            Away: what keeps the channel from being asked.
            CallboardError: the database is away.
        """
        self.begun = self.chat.sending is not None
        try:
            if await self._looked() and await self._made():
                await self._shown()
        except UnknownOutcome as error:
            self.counts["in_doubt"] += 1
            await self._doubt(0, _words(error), repeatable=isinstance(error, ServerFailed))
            raise Away(error) from None
        except (ChannelRefused, TransientError) as error:
            await self._wait(0.0, _words(error))
            raise Away(error) from None
        except TerminalError as error:
            log.warning("showing: conversation %s: %s", self.chat.conversation_id, error)
            await self._wait(REFUSED_S, _words(error))

    async def _looked(self) -> bool:
        """Whether the way is free: nothing is begun, or it was found, or it was given up."""
        message_id = self.chat.sending
        if message_id is None:
            return True
        if await self.chats.holds(self.channel, self.chat, message_id):
            self.counts["found"] += 1
            return await self._behind(message_id, await self._done(message_id, shown=True))
        if self.chat.repeatable:
            self.begun = False
            return True
        looks = self.chat.looks + 1
        if looks < len(LOOKS_S):
            await self._doubt(looks, "an answer of Kommo is missing; the message is looked for", repeatable=False)
            return False
        self.counts["uncertain"] += 1
        return await self._behind(message_id, await self._given_up(message_id, NOT_FOUND, uncertain=True))

    async def _behind(self, message_id: int, ours: bool) -> bool:
        self.begun = False
        self.chat = replace(self.chat, cursor=message_id)
        return ours

    async def _made(self) -> bool:
        if self.chat.ref_id is not None and not self.chat.moved:
            return True
        ref_id = await self.chats.create(self.channel, self.chat)
        self.chat = replace(self.chat, ref_id=ref_id, moved=False)
        self.counts["chats"] += 1
        return await self.store.made(self.channel, self.chat, self.worker, ref_id)

    async def _shown(self) -> None:
        for _ in range(MESSAGES_IN_A_ROW):
            message = await self.store.following(self.channel, self.chat)
            if message is None:
                break
            if not await self._one(message):
                return
            self.chat = replace(self.chat, cursor=message.id)
        await self.store.release(self.channel, self.chat, self.worker)

    async def _one(self, message: SaidMessage) -> bool:
        """Whether the next message may follow."""
        match self._what(message):
            case "wait":
                await self._wait(SETTLING_S, None)
                return False
            case "skip":
                return await self._done(message.id, shown=False)
            case "tell":
                await self.chats.tell_delivery(self.channel, message, _failure(message))
                return await self._done(message.id, shown=False)
            case "post":
                return await self._post(message)
            case other:
                assert_never(other)

    def _what(self, message: SaidMessage) -> What:
        if message.role == "customer":
            return "post" if message.text.strip() else "skip"
        there, settled = message.external_id.startswith(WRITTEN_IN_KOMMO), message.delivery in SETTLED
        withdrawn = message.delivery == "withdrawn"  # nobody read it
        if not there and (withdrawn or not self.channel.bot_id or not message.text.strip()):
            return "skip"
        if not settled and message.age_s < DELIVERED_WITHIN_S:
            return "wait"
        if there:
            return "tell" if settled else "skip"
        return "post"

    async def _post(self, message: SaidMessage) -> bool:
        not_after = self.clock.monotonic() + WRITE_WITHIN_S
        self.failpoint("showing.before_begin")
        if not await self.store.begin(self.channel, self.chat, self.worker, message.id, LEASE_S):
            return False
        self.begun = True
        self.failpoint("showing.before_post")
        try:
            await self.chats.post(self.channel, self.chat, message, not_after)
        except (ChannelRefused, TransientError):
            self.begun = False
            raise
        except TerminalError as error:
            self.begun = False
            return await self._given_up(message.id, _words(error), uncertain=False)
        self.failpoint("showing.after_post")
        ours = await self._done(message.id, shown=True)
        self.begun = False
        self.counts["shown"] += 1
        if message.delivery == "failed":
            await self.chats.tell_delivery(self.channel, message, _failure(message))
        return ours

    async def _done(self, message_id: int, *, shown: bool) -> bool:
        return await self.store.done(self.channel, self.chat, self.worker, message_id, shown=shown)

    async def _given_up(self, message_id: int, error: str, *, uncertain: bool) -> bool:
        return await self.store.give_up(self.channel, self.chat, self.worker, message_id, error, uncertain=uncertain)

    async def _doubt(self, looks: int, error: str, *, repeatable: bool) -> None:
        await self.store.doubt(self.channel, self.chat, self.worker, looks, LOOKS_S[looks], error, repeatable=repeatable)

    async def _wait(self, seconds: float, error: str | None) -> None:
        await self.store.wait(self.channel, self.chat, self.worker, seconds, error, begun=self.begun)


def _words(error: Exception) -> str:
    return clean_text(str(error), 500)


def _failure(message: SaidMessage) -> str | None:
    """Return why the customer did not get a message; None: they did."""
    return None if message.delivery in (None, "sent") else message.error or f"not delivered: {message.delivery}"
