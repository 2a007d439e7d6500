"""Showing, on fakes: outcomes that are not known, refusals, and what is left for later."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from actors.domain.errors import TerminalError, TransientError, UnknownOutcome
from actors.domain.ids import Address, ConversationId, IntegrationId, TenantId
from actors.ports.showing import ChannelRefused, OwnChannel, SaidMessage, ServerFailed, ShownChat
from actors.services.showing import BROKEN_S, Showing
from actors.services.showing_chat import LOOKS_S, REFUSED_S, SETTLING_S

ID = UUID(int=1)
CHANNEL = OwnChannel(ID, TenantId(ID), ID, "c", "s", "shop.kommo.com", "bot", "Shop", True, 0, False, "secret", b"sealed")
CHAT = ShownChat(ConversationId(5), Address(IntegrationId(ID), "7"), "Anna", "ref", 0, None, False, 0)


def said(number: int, role: Any = "customer", **more: Any) -> SaidMessage:
    return replace(SaidMessage(number, role, f"text {number}", datetime(2026, 1, 1, tzinfo=UTC), 1.0, "", None, None), **more)


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError


@dataclass
class Store:
    """One chat of one channel."""

    messages: Sequence[SaidMessage]
    chat: ShownChat = CHAT
    due_s: float | None = 0.0  # when the chat is due; None: everything is shown
    paused: list[tuple[float, str | None]] = field(default_factory=list)
    given_up: list[tuple[int, bool]] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    lost_lease: bool = False
    worked: int = 0

    async def channels(self) -> Sequence[OwnChannel]:
        return [CHANNEL]

    async def find(self, channel: OwnChannel) -> None: ...

    async def claim(self, channel: OwnChannel, worker: UUID, most: int, lease_s: float) -> Sequence[ShownChat]:
        due, self.due_s = self.due_s == 0.0, None if self.due_s == 0.0 else self.due_s
        return [self.chat] if due else []

    async def made(self, channel: OwnChannel, chat: ShownChat, worker: UUID, ref_id: str) -> bool:
        self.chat = replace(self.chat, ref_id=ref_id)
        return True

    async def following(self, channel: OwnChannel, chat: ShownChat) -> SaidMessage | None:
        return next((message for message in self.messages if message.id > chat.cursor), None)

    async def begin(self, channel: OwnChannel, chat: ShownChat, worker: UUID, message_id: int, lease_s: float) -> bool:
        if self.lost_lease:
            return False
        self.begun.append(message_id)
        self.chat = replace(self.chat, sending=message_id, repeatable=False, looks=0)
        return True

    async def done(self, channel: OwnChannel, chat: ShownChat, worker: UUID, message_id: int, *, shown: bool) -> bool:
        self.chat = replace(self.chat, cursor=message_id, sending=None, repeatable=False, looks=0)
        return True

    async def give_up(self, channel: OwnChannel, chat: ShownChat, worker: UUID, message_id: int, error: str, *, uncertain: bool) -> bool:
        self.given_up.append((message_id, uncertain))
        return await self.done(channel, chat, worker, message_id, shown=False)

    async def wait(self, channel: OwnChannel, chat: ShownChat, worker: UUID, seconds: float, error: str | None, *, begun: bool) -> None:
        self.due_s = seconds
        self.chat = self.chat if begun else replace(self.chat, sending=None)

    async def doubt(
        self, channel: OwnChannel, chat: ShownChat, worker: UUID, looks: int, seconds: float, error: str, *, repeatable: bool
    ) -> None:
        self.due_s = seconds
        self.chat = replace(self.chat, looks=looks, repeatable=repeatable)

    async def release(self, channel: OwnChannel, chat: ShownChat, worker: UUID) -> None: ...

    async def pause(self, channel: OwnChannel, seconds: float, problem: str | None, code: str | None) -> None:
        self.paused.append((seconds, code))

    async def works(self, channel: OwnChannel) -> None:
        self.worked += 1


@dataclass
class Chats:
    """A CRM that does what the test says, call by call; then everything works."""

    script: list[Exception | None] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    told: list[tuple[str, str | None]] = field(default_factory=list)
    keeps: bool = False  # what fails was taken all the same
    looks: int = 0

    def _next(self) -> Exception | None:
        return self.script.pop(0) if self.script else None

    async def create(self, channel: OwnChannel, chat: ShownChat) -> str:
        if error := self._next():
            raise error
        return "ref"

    async def post(self, channel: OwnChannel, chat: ShownChat, message: SaidMessage, not_after: float) -> None:
        error = self._next()
        if error is None or self.keeps:
            self.shown.append(message.id)
        if error is not None:
            raise error

    async def holds(self, channel: OwnChannel, chat: ShownChat, message_id: int) -> bool:
        self.looks += 1
        if error := self._next():
            raise error
        return message_id in self.shown

    async def tell_delivery(self, channel: OwnChannel, message: SaidMessage, error: str | None) -> None:
        self.told.append((message.external_id, error))


async def serve(store: Store, chats: Chats, channel: OwnChannel = CHANNEL) -> Counter[str]:
    counts: Counter[str] = Counter()
    await Showing(ID, store, chats, Clock(), lambda _: None, counts).serve(channel)
    return counts


async def again(store: Store, chats: Chats) -> Counter[str]:
    """Serve when the chat is due."""
    store.due_s = 0.0
    return await serve(store, chats)


async def test_messages_are_shown_in_order() -> None:
    store, chats = Store([said(1), said(2, "agent", delivery="sent"), said(3, "operator")], replace(CHAT, ref_id=None)), Chats()
    await serve(store, chats)
    assert (chats.shown, store.chat.cursor, store.chat.ref_id) == ([1, 2, 3], 3, "ref")


async def test_what_was_taken_without_an_answer_is_found_and_not_posted_again() -> None:
    store, chats = Store([said(1), said(2)]), Chats([UnknownOutcome("no answer")], keeps=True)
    await serve(store, chats)
    assert (store.due_s, store.chat.sending, len(store.paused)) == (LOOKS_S[0], 1, 1)
    counts = await again(store, chats)
    assert (chats.shown, store.chat.cursor, store.given_up, counts["found"]) == ([1, 2], 2, [], 1)


async def test_what_is_not_found_after_three_looks_is_counted_and_the_chat_goes_on() -> None:
    store, chats = Store([said(1), said(2)]), Chats([UnknownOutcome("no answer")])
    await serve(store, chats)
    waits = [store.due_s]
    for _ in range(2):
        await again(store, chats)
        waits.append(store.due_s)
        assert chats.shown == []
    await again(store, chats)
    assert waits == list(LOOKS_S)
    assert (chats.looks, store.given_up, chats.shown, store.chat.cursor) == (3, [(1, True)], [2], 2)


async def test_a_chat_whose_conversation_moved_is_made_anew_once_nothing_is_in_doubt() -> None:
    store, chats = Store([said(1), said(2)], replace(CHAT, ref_id="old", sending=1, moved=True)), Chats(shown=[1])
    assert (await serve(store, chats))["found"] == 1
    assert (store.chat.ref_id, chats.shown) == ("ref", [1, 2])


async def test_a_look_that_fails_is_none() -> None:
    store, chats = Store([said(1)], replace(CHAT, sending=1, looks=2)), Chats([TransientError("429", 7.0)])
    await serve(store, chats)
    assert (store.chat.sending, store.chat.looks, store.paused, store.given_up) == (1, 2, [(7.0, None)], [])


async def test_a_server_that_failed_is_asked_again_after_a_look() -> None:
    store, chats = Store([said(1)]), Chats([ServerFailed("500")])
    await serve(store, chats)
    await again(store, chats)
    assert (chats.looks, chats.shown, store.begun, store.given_up) == (1, [1], [1, 1], [])
    store, chats = Store([said(1)]), Chats([ServerFailed("500")], keeps=True)
    await serve(store, chats)
    await again(store, chats)
    assert (chats.shown, store.begun) == ([1], [1])


REFUSED = [
    (ChannelRefused("no", "signature-refused"), (BROKEN_S, "signature-refused")),
    (TransientError("429", 3.0), (3.0, None)),
    (TransientError("away"), (1.0, None)),
]


@pytest.mark.parametrize(("error", "pause"), REFUSED)
async def test_what_is_refused_for_now_waits(error: Exception, pause: tuple[float, str | None]) -> None:
    store, chats = Store([said(1)]), Chats([error])
    await serve(store, chats)
    assert (store.paused, store.chat.cursor, store.chat.sending, store.due_s) == ([pause], 0, None, 0.0)
    await again(store, chats)
    assert (chats.shown, chats.looks) == ([1], 0)


async def test_a_message_that_is_refused_is_left_alone() -> None:
    store, chats = Store([said(1), said(2)]), Chats([TerminalError("400")])
    await serve(store, chats)
    assert (store.given_up, chats.shown, store.paused) == ([(1, False)], [2], [])


async def test_a_chat_that_cannot_be_made_waits_alone() -> None:
    store, chats = Store([said(1)], replace(CHAT, ref_id=None)), Chats([TerminalError("400")])
    await serve(store, chats)
    assert (store.due_s, store.paused, chats.shown) == (REFUSED_S, [], [])


async def test_who_lost_the_chat_writes_nothing() -> None:
    store, chats = Store([said(1)], lost_lease=True), Chats()
    await serve(store, chats)
    assert (chats.shown, store.chat.cursor) == ([], 0)


async def test_answers_wait_for_their_delivery_and_withdrawn_ones_are_not_shown() -> None:
    store, chats = Store([said(1, "agent", delivery="pending")]), Chats()
    await serve(store, chats)
    assert (store.due_s, chats.shown) == (SETTLING_S, [])
    for message, shown in (
        (said(1, "agent", delivery="pending", age_s=11.0), [1]),
        (said(1, "agent", delivery="withdrawn"), []),
        (said(1, "agent", delivery="failed", error="blocked"), [1]),
        (said(1, text=" "), []),
    ):
        store, chats = Store([message]), Chats()
        await serve(store, chats)
        assert (chats.shown, store.chat.cursor) == (shown, 1)
    store, chats = Store([said(1, "agent"), said(2)]), Chats()
    await serve(store, chats, replace(CHANNEL, bot_id=""))
    assert (chats.shown, store.chat.cursor) == ([2], 2)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"delivery": None}, [("kommo:m", None)]),
        ({"delivery": "sent"}, [("kommo:m", None)]),
        ({"delivery": "failed", "error": "blocked"}, [("kommo:m", "blocked")]),
        ({"delivery": "unknown"}, [("kommo:m", "not delivered: unknown")]),
        ({"delivery": "pending", "age_s": 11.0}, []),
    ],
)
async def test_what_was_written_there_is_not_shown_again_but_its_delivery_is_told(more: Any, told: Any) -> None:
    store, chats = Store([said(1, "operator", external_id="kommo:m", **more), said(2)]), Chats()
    await serve(store, chats)
    assert (chats.told, chats.shown, store.chat.cursor) == (told, [2], 2)


async def test_a_channel_that_hangs_does_not_keep_the_others() -> None:
    other = replace(CHANNEL, id=UUID(int=2))
    went: list[UUID] = []

    class Two(Store):
        async def channels(self) -> Sequence[OwnChannel]:
            return [CHANNEL, other]

        async def find(self, channel: OwnChannel) -> None:
            went.append(channel.id)
            if channel is CHANNEL:
                await asyncio.Event().wait()

    class Short(Clock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(0.01)

    showing = Showing(ID, Two([said(1)]), chats := Chats(), Short(), lambda _: None, Counter())
    running = asyncio.create_task(showing.run())
    async with asyncio.timeout(5):
        while not chats.shown:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert went.count(CHANNEL.id) == 1, "it is served once at a time"
