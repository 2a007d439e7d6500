"""What the host is made of: in hand, ready queue, activation, roster, gap, announcer."""

from actors.domain.ids import IntegrationId, TurnId
from actors.ports.turns import OutboxRow, SettledInput, TurnCommit
from actors.runtime.gap import STANDSTILL_S, Gap
from actors.runtime.host.activation import Activation, Phase
from actors.runtime.host.announcer import Announcer
from actors.runtime.host.in_hand import NO_BATCH, PER_ADDRESS, PER_INTEGRATION, InHand
from actors.runtime.host.ready_queue import ReadyQueue
from actors.runtime.host.roster import Roster
from tests.fakes.signals import FakeSignals
from tests.fakes.world import START
from tests.unit.runtime.rows import BOT, TENANT, address, held, record


def test_a_busy_conversation_and_a_busy_bot_are_full_before_a_pull_could_exceed_their_caps() -> None:
    in_hand = InHand()
    for n in range(PER_ADDRESS - 8):
        in_hand.take(held(n))
    assert in_hand.full_addresses() == []
    in_hand.take(held(100))
    assert in_hand.full_addresses() == [address()]
    for n in range(200, 200 + PER_INTEGRATION - 50 - 12):
        in_hand.take(held(n, key=str(n)))
    assert in_hand.full_integrations() == [BOT]
    in_hand.leave([held(100), held(200)])
    assert in_hand.full_addresses() == []
    assert in_hand.full_integrations() == []


def test_no_more_in_hand_than_the_total() -> None:
    in_hand = InHand(total=3)
    for n in range(3):
        assert in_hand.take(held(n, bot=IntegrationId(TENANT)))
    assert in_hand.room == 0
    assert not in_hand.take(held(2))


def test_a_batch_is_deleted_by_the_commit_that_settles_its_last_row() -> None:
    in_hand = InHand()
    rows = [held(1), held(2), held(3, batch=8)]
    for row in rows:
        in_hand.take(row)
    assert in_hand.finishing(rows[:1]) == []
    in_hand.leave(rows[:1])
    assert sorted(in_hand.finishing(rows[1:])) == [7, 8]
    in_hand.leave(rows[1:], deleted=[7, 8])
    assert in_hand.finished() == []


def test_a_batch_whose_rows_were_let_go_waits_for_the_next_commit() -> None:
    in_hand = InHand()
    in_hand.take(held(1))
    in_hand.take(held(2, batch=NO_BATCH))
    in_hand.empty_batch(9)
    in_hand.drop_all()
    assert sorted(in_hand.finished()) == [7, 9]
    assert sorted(in_hand.finishing([])) == [7, 9]
    in_hand.deleted([7])
    assert in_hand.finished() == [9]


def test_readiness_is_a_property_of_the_rows_age() -> None:
    activation = Activation(record(), 0.0)
    activation.deliver(held(1, born=10.0))
    assert activation.ready_at(0.5) == 10.5
    activation.deliver(held(2, born=10.4))
    assert activation.ready_at(0.5) == 10.9
    activation.deliver(held(3, born=12.4))
    assert activation.ready_at(0.5) == 12.5  # five debounces after the first
    activation.not_before = 20.0
    assert activation.ready_at(0.5) == 20.0


def test_a_dead_letter_is_a_turn_of_its_own() -> None:
    activation = Activation(record(), 0.0)
    for row in (held(1), held(2, attempts=4), held(3)):
        activation.deliver(row)
    sizes = []
    while activation.mailbox:
        activation.begin_turn()
        sizes.append([row.row.id for row in activation.end_turn(activation.record)])
    assert sizes == [[1], [2], [3]]


def test_what_failed_together_goes_one_by_one() -> None:
    activation = Activation(record(), 0.0)
    for n in range(4):
        activation.deliver(held(n))
    activation.singly = 2
    sizes = []
    while activation.mailbox:
        sizes.append(len(activation.begin_turn()))
        activation.end_turn(activation.record)
    assert sizes == [1, 1, 2]


def test_the_ready_queue_holds_an_activation_once() -> None:
    queue = ReadyQueue()
    first, second = Activation(record("1"), 0.0), Activation(record("2"), 0.0)
    queue.add(first, 1.0)
    queue.add(second, 2.0)
    queue.add(first, 3.0)
    assert len(queue) == 2
    assert queue.pop(0.5) is None
    assert queue.pop(2.5) is second
    second.phase = Phase.COMMIT
    assert queue.pop(2.5) is None
    assert queue.next_due() == 3.0
    first.drop()
    assert queue.pop(4.0) is None


def roster() -> tuple[Roster, InHand, ReadyQueue]:
    in_hand, ready = InHand(), ReadyQueue()
    return Roster(in_hand, ready, lambda _: 0.0), in_hand, ready


def test_rows_of_a_pull_under_way_do_not_overtake_rows_that_were_let_go() -> None:
    alive, in_hand, _ = roster()
    alive.admit([record("1"), record("2")], 0.0)
    first = alive.accept(held(1), 0.0)
    assert first is not None
    alive.begin_pull()
    alive.drop(first)  # row 1 is to be pulled again, and the pull under way brings row 2
    alive.admit([record("1")], 0.0)
    assert alive.accept(held(2, batch=8), 0.0) is None
    assert alive.accept(held(3, key="2", batch=8), 0.0) is not None
    assert in_hand.ids() == [3]
    alive.begin_pull()
    assert alive.accept(held(1, batch=9), 0.0) is not None
    assert alive.accept(held(2, batch=9), 0.0) is not None


def test_after_everything_was_dropped_a_pull_under_way_brings_nothing() -> None:
    alive, in_hand, _ = roster()
    alive.begin_pull()
    alive.drop_all()
    alive.admit([record("1")], 0.0)
    assert alive.accept(held(1), 0.0) is None
    assert len(in_hand) == 0


def test_only_resting_conversations_leave_memory_the_longest_idle_first() -> None:
    alive, _, _ = roster()
    alive.admit([record("1"), record("2"), record("3")], 0.0)
    busy = alive.accept(held(1, key="2"), 1.0)
    alive.accept(held(2, key="3"), 5.0)
    assert busy is not None
    busy.phase = Phase.COMMIT
    assert alive.passivate(touched_before=2.0) == 1
    assert address("1") not in alive
    assert address("2") in alive
    assert alive.find(2) is busy


class SetClock:
    """A clock that is set."""

    at = 100.0

    def now(self):  # type: ignore[no-untyped-def]
        return START

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


def test_a_gap_is_noticed_once() -> None:
    clock = SetClock()
    gap = Gap(clock)
    clock.at += STANDSTILL_S
    assert not gap.noticed()
    clock.at += 0.1
    assert gap.noticed()
    assert not gap.noticed()


def commit_of(inbox_id: int, outbox: bool) -> TurnCommit:
    rows = (OutboxRow(0, "reply", "once", {"text": "hi"}),) if outbox else ()
    settled = (SettledInput(held(inbox_id).row.id),)
    return TurnCommit(TurnId(TENANT), TENANT, record().id, 0, b"{}", None, settled, (), rows, (), (), b"")


async def test_the_announcer_kicks_shards_of_outbox_rows_and_wakes_who_waits() -> None:
    signals = FakeSignals()
    announcer = Announcer(signals)
    announcer.committed([(record(), commit_of(1, outbox=False)), (record("2"), commit_of(2, outbox=True))])
    await announcer.flush()
    assert len(signals.shards) == 1
    assert [event["inbox_ids"] for _, event in signals.events] == [[1], [2]]
