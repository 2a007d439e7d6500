"""The steps of delivery over fakes: what is begun, given back, repeated, never forgotten."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from uuid import uuid4

import pytest

from actors.domain.errors import CredentialsRefused, OwnershipLost, TerminalError, TransientError, UnknownOutcome
from actors.domain.ids import Address, ConversationId, OutboxId
from actors.ports.carriers import Carrier
from actors.ports.channels import Pace
from actors.ports.integrations import IntegrationRecord
from actors.ports.outbox import Claim, Outcome
from actors.services.delivery import Delivery, DeliveryLimits
from actors.services.integration_book import IntegrationBook
from tests.fakes.delivery_stores import FakeIntegrations, FakeOutbox
from tests.fakes.stores import FakeCarriers
from tests.fakes.world import ConversationEntry, IntegrationEntry, OutboxEntry, World

T = TypeVar("T")


class WorldClock:
    """The world's time, as this process sees it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self._world.now_s

    async def sleep(self, seconds: float) -> None:
        self._world.advance(seconds)


class ScriptedSender:
    """Answers by the text of the row; notes what was written."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.pace = Pace(0.0, 1)
        self.chat_pace = Pace(0.0, 1)

    def account_pace(self) -> Pace:
        return self.pace

    def address_pace(self, address: Address) -> Pace:
        return self.chat_pace

    async def send(self, integration: IntegrationRecord, claim: Claim, not_after: float) -> str:
        text = str(claim.body["text"])
        if (error := self.errors.get(text)) is not None:
            raise error
        self.sent.append(text)
        return f"id-{text}"


class FlakyOutbox(FakeOutbox):
    """Loses the reply of a step once, before or after it was carried out."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.fail: dict[str, str] = {}

    async def begin(self, carrier: Carrier, ids: Sequence[OutboxId]) -> set[OutboxId]:
        return await self._maybe("begin", lambda: super(FlakyOutbox, self).begin(carrier, ids))

    async def finish(self, carrier: Carrier, outcomes: Sequence[Outcome]) -> int:
        return await self._maybe("finish", lambda: super(FlakyOutbox, self).finish(carrier, outcomes))

    async def _maybe(self, step: str, run: Callable[[], Awaitable[T]]) -> T:
        when = self.fail.pop(step, None)
        if when == "refuse":
            raise TerminalError("bad value")
        if when == "before":
            raise TransientError("connection lost")
        result = await run()
        if when == "after":
            raise TransientError("connection lost")
        return result


class Desk:
    """A delivery over a world with one sender."""

    def __init__(self, limits: DeliveryLimits | None = None) -> None:
        self.world = World()
        self.carrier = Carrier("sender", 0, 1, uuid4(), 1)
        self.outbox = FlakyOutbox(self.world)
        self.sender = ScriptedSender()
        self.bot = self.world.add_integration()
        self.book = IntegrationBook(FakeIntegrations(self.world), self.carrier)
        self.delivery = Delivery(self.carrier, self.outbox, self.book, {"telegram": self.sender}, WorldClock(self.world), limits)

    async def open(self) -> "Desk":
        await FakeCarriers(self.world).take(self.carrier, 1)
        await self.book.reload()
        return self

    def add(self, text: str, chat: int, policy: str = "repeat_once", bot: IntegrationEntry | None = None) -> OutboxEntry:
        bot = bot or self.bot
        address = Address(bot.id, str(chat))
        conversation = self.world.at_address(address)
        if conversation is None:
            conversation = ConversationEntry(ConversationId(self.world.next_id()), bot.tenant_id, address)
            self.world.conversations[conversation.id] = conversation
        row = OutboxEntry(self.world.next_id(), bot.tenant_id, conversation.id, bot.id, "reply", policy, {"text": text}, self.world.now_s)
        self.world.outbox[row.id] = row
        return row

    async def round(self) -> None:
        """One pass through all steps."""
        await self.delivery.claim()
        while going := await self.delivery.begin():
            await asyncio.gather(*(self.delivery.send(held) for held in going))
        await self.delivery.finish()


@pytest.fixture
async def desk() -> Desk:
    return await Desk().open()


async def test_a_row_goes_all_the_way(desk: Desk) -> None:
    row = desk.add("hi", 1)
    await desk.round()
    assert (row.state, row.provider_message_id, desk.sender.sent) == ("sent", "id-hi", ["hi"])
    assert desk.delivery.in_hand == 0


@pytest.mark.parametrize(
    ("error", "policy", "state", "uncertain"),
    [
        (TerminalError("blocked"), "repeat_once", "failed", 0),
        (TransientError("refused"), "once", "pending", 0),
        (UnknownOutcome("lost"), "once", "unknown", 1),
        (UnknownOutcome("lost"), "repeat_once", "pending", 1),
        (ValueError("a defect of ours"), "once", "unknown", 1),
    ],
)
async def test_an_error_says_by_type_what_becomes_of_the_row(desk: Desk, error: Exception, policy: str, state: str, uncertain: int) -> None:
    row = desk.add("hi", 1, policy)
    desk.sender.errors["hi"] = error
    await desk.round()
    assert (row.state, row.uncertain) == (state, uncertain)
    assert row.error
    assert desk.delivery.in_flight == 0


async def test_retries_wait_longer_each_time_and_end() -> None:
    desk = await Desk(DeliveryLimits(max_attempts=4)).open()
    row = desk.add("hi", 1)
    desk.sender.errors["hi"] = TransientError("refused")
    waits = []
    while row.state == "pending":
        await desk.round()
        waits.append(row.due_s - desk.world.now_s)
        desk.world.advance(max(waits[-1], 0.0))
    assert waits[:3] == [1, 2, 4]
    assert row.state == "failed"
    assert row.error is not None
    assert "4 attempts" in row.error


async def test_retry_after_pauses_the_account_and_no_other(desk: Desk) -> None:
    other_bot = desk.world.add_integration(account="43")
    await desk.book.reload()
    first, second, other = desk.add("first", 1), desk.add("second", 2), desk.add("other", 1, bot=other_bot)
    desk.sender.errors["first"] = TransientError("429", 30.0)
    await desk.delivery.claim()
    [*going] = await desk.delivery.begin()
    await desk.delivery.send(next(held for held in going if held.id == first.id))
    for held in going:
        if held.id != first.id:
            await desk.delivery.send(held)
    await desk.delivery.finish()
    assert first.due_s == 30
    third = desk.add("third", 3)
    await desk.round()
    assert (third.state, second.state, other.state) == ("pending", "sent", "sent")  # `second` was on the wire already
    desk.sender.errors.clear()
    desk.world.advance(31)
    await desk.round()
    assert (first.state, third.state) == ("sent", "sent")


async def test_refused_credentials_break_the_integration_and_free_the_rest(desk: Desk) -> None:
    rows = [desk.add(f"{n}", n) for n in range(20)]
    desk.sender.errors = {f"{n}": CredentialsRefused("401") for n in range(20)}
    await desk.delivery.claim()
    going = await desk.delivery.begin()
    assert len(going) == 16  # the most of one integration at once
    await desk.delivery.send(going[0])
    assert desk.bot.status == "broken"
    assert await desk.delivery.begin() == []
    for held in going[1:]:
        await desk.delivery.send(held)
    await desk.delivery.finish()
    assert sorted(r.state for r in rows) == ["failed"] * 16 + ["pending"] * 4


async def test_what_is_over_the_pace_is_held_or_given_back(desk: Desk) -> None:
    desk.sender.chat_pace = Pace(1.0, 1)
    first, second = desk.add("first", 1), desk.add("second", 1)
    await desk.round()
    await desk.round()
    assert (first.state, second.state) == ("sent", "claimed")  # held: a second is not worth two commits
    assert desk.delivery.next_ready_in() == 1.0
    desk.world.advance(1.0)
    await desk.round()
    assert second.state == "sent"
    desk.sender.chat_pace = Pace(60.0, 1)
    desk.add("third", 2)
    await desk.round()
    fourth = desk.add("fourth", 2)
    await desk.round()
    assert (fourth.state, fourth.attempts, fourth.due_s - desk.world.now_s) == ("pending", 0, 60.0)


async def test_an_account_whose_pace_is_spent_is_not_claimed_for(desk: Desk) -> None:
    desk.sender.pace = Pace(0.5, 1)
    rows = [desk.add(f"{n}", n) for n in range(3)]
    await desk.delivery.claim()
    late = desk.add("late", 9)
    await desk.delivery.claim()
    assert late.state == "pending"
    assert [r.state for r in rows] == ["claimed"] * 3


async def test_an_older_generation_claims_nothing(desk: Desk) -> None:
    desk.add("hi", 1)
    await FakeCarriers(desk.world).take(Carrier("sender", 0, 1, uuid4(), 1), 2)
    with pytest.raises(OwnershipLost):
        await desk.delivery.claim()


async def test_a_claim_too_old_for_its_lease_is_given_back_not_begun(desk: Desk) -> None:
    row = desk.add("hi", 1)
    await desk.delivery.claim()
    desk.world.advance(DeliveryLimits().writable_s + 0.1)  # the lease still runs, but an answer would not fit into it
    assert await desk.delivery.begin() == []
    await desk.delivery.finish()
    assert (row.state, row.attempts, desk.sender.sent) == ("pending", 0, [])


async def test_a_withdrawn_row_is_not_sent(desk: Desk) -> None:
    row = desk.add("hi", 1)
    await desk.delivery.claim()
    row.state, row.claimed_by = "withdrawn", None
    assert await desk.delivery.begin() == []
    assert (desk.delivery.in_hand, desk.delivery.in_flight, desk.sender.sent) == (0, 0, [])


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_begin_without_an_answer_writes_nothing_and_doubts_nothing(desk: Desk, lost: str) -> None:
    row = desk.add("hi", 1, "once")
    desk.outbox.fail["begin"] = lost
    await desk.round()
    assert (row.state, row.uncertain, desk.sender.sent) == ("pending", 0, [])
    desk.world.advance(1)
    await desk.round()
    assert (row.state, desk.sender.sent) == ("sent", ["hi"])


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_an_outcome_is_kept_until_it_is_stored(desk: Desk, lost: str) -> None:
    row = desk.add("hi", 1)
    desk.sender.errors["hi"] = UnknownOutcome("lost")
    desk.outbox.fail["finish"] = lost
    with pytest.raises(TransientError):
        await desk.round()
    desk.world.advance(5)
    await desk.delivery.claim()  # `after`: the row is pending again, but its outcome is not known to be stored
    assert await desk.delivery.begin() == []
    await desk.delivery.finish()
    assert row.uncertain == 1  # counted once, however often it was stored
    assert desk.delivery.unstored == 0


async def test_one_refused_outcome_does_not_keep_the_others(desk: Desk) -> None:
    rows = [desk.add(f"{n}", n) for n in range(3)]
    desk.outbox.fail["finish"] = "refuse"
    await desk.round()
    assert [r.state for r in rows] == ["sent"] * 3


async def test_give_back_frees_what_is_not_on_the_wire(desk: Desk) -> None:
    rows = [desk.add(f"{n}", n) for n in range(3)]
    await desk.delivery.claim()
    desk.delivery.give_back()
    await desk.delivery.finish()
    assert {(r.state, r.attempts) for r in rows} == {("pending", 0)}
    assert desk.delivery.in_hand == 0


async def test_an_integration_nobody_serves_waits(desk: Desk) -> None:
    unknown = desk.world.add_integration(account="44")  # made after the book was read
    row = desk.add("hi", 1, bot=unknown)
    await desk.round()
    assert (row.state, desk.sender.sent) == ("pending", [])
    later = [desk.add(f"{n}", n, bot=unknown) for n in range(2, 30)]
    assert await desk.delivery.claim() == 0  # they would only take the turns of others
    await desk.book.reload()
    desk.world.advance(5)
    await desk.round()
    await desk.round()
    assert {entry.state for entry in (row, *later)} == {"sent"}


async def test_one_integration_cannot_take_the_whole_wire(desk: Desk) -> None:
    other_bot = desk.world.add_integration(account="43")
    await desk.book.reload()
    for n in range(40):
        desk.add(f"{n}", n)
    await desk.delivery.claim()
    await desk.delivery.claim()
    desk.add("other", 1, bot=other_bot)
    await desk.delivery.claim()
    going = await desk.delivery.begin()
    assert len(going) == 17
    assert [h.claim.body["text"] for h in going if h.integration.id == other_bot.id] == ["other"]


def test_a_send_may_not_take_half_of_the_lease() -> None:
    with pytest.raises(ValueError, match="half of the lease"):
        DeliveryLimits(lease_s=16.0, send_timeout_s=8.0)
