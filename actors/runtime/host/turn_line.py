"""Decides ready turns in the loop and commits them in groups: while one commit is under way, the next one fills."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from actors.domain.errors import TerminalError, TransientError, UnknownOutcome
from actors.ports.time import Clock
from actors.ports.turns import TurnCommit, TurnStore
from actors.runtime.bell import Bell
from actors.runtime.host.activation import Activation, Phase
from actors.runtime.host.agent_steps import AgentSteps
from actors.runtime.host.announcer import Announcer
from actors.runtime.host.in_hand import InHand
from actors.runtime.host.ready_queue import ReadyQueue
from actors.runtime.host.roster import Roster
from actors.services.catalogues import CatalogueMissing
from actors.services.conversation import AgentStep, ConversationService
from config import failpoints

log = logging.getLogger(__name__)

COMMIT_TURNS = 200  # more make one commit slower, not the line faster
DECIDE_AT_ONCE = 32  # then other loops get a turn: some milliseconds
BACKLOG = 2 * COMMIT_TURNS  # decided turns that wait for their commit; above it, nothing is pulled
RETRY_S = 30.0  # for a turn that the database refuses even as a dead letter
CATALOGUE_RETRY_S = 0.5  # for an agent whose published version is not loaded yet, or cannot be used
MOST_KINDS = 64  # of ignored inputs that are counted apart
UNKNOWN = (TransientError, UnknownOutcome, OSError, TimeoutError)  # the commit may have happened


@dataclass(slots=True)
class LineCounts:
    """What the line did in this life."""

    turns: int = 0
    settled: int = 0
    dead: int = 0
    fence_rejections: int = 0
    failures_in_a_row: int = 0
    ignored: Counter[str] = field(default_factory=Counter)  # by kind

    def ignore(self, kinds: Sequence[str]) -> None:
        """Count inputs nobody acts on; kinds come from outside, so only so many are told apart."""
        for kind in kinds:
            self.ignored[kind if kind in self.ignored or len(self.ignored) < MOST_KINDS else "other"] += 1


@dataclass(frozen=True, slots=True)
class Planned:
    """A decided turn on the way to the database."""

    activation: Activation
    commit: TurnCommit


class TurnLine:
    """One turn at a time per conversation; many conversations per commit."""

    def __init__(
        self,
        clock: Clock,
        service: ConversationService,
        store: TurnStore,
        roster: Roster,
        in_hand: InHand,
        ready: ReadyQueue,
        steps: AgentSteps,
        announcer: Announcer,
        before_commit: Callable[[], Awaitable[None]],
    ) -> None:
        self.counts = LineCounts()
        self.settled = Bell()  # rung whenever rows leave the hand
        self._clock = clock
        self._service = service
        self._store = store
        self._roster = roster
        self._in_hand = in_hand
        self._ready = ready
        self._steps = steps
        self._announcer = announcer
        self._before_commit = before_commit
        self._planned: deque[Planned] = deque()
        self._wake_decider = Bell()
        self._wake_committer = Bell()

    @property
    def backlog(self) -> int:
        """Return how many decided turns wait for their commit."""
        return len(self._planned)

    def wake(self) -> None:
        """Say that something may be ready."""
        self._wake_decider.ring()

    # Deciding

    async def decide_forever(self) -> None:
        """Decide what is ready until cancelled."""
        while True:
            if self._decide_ready(DECIDE_AT_ONCE):
                await asyncio.sleep(0)
            else:
                due = self._ready.next_due()
                await self._wake_decider.wait(None if due is None else due - self._clock.monotonic())

    def _decide_ready(self, at_most: int) -> int:
        for done in range(at_most):
            activation = self._ready.pop(self._clock.monotonic())
            if activation is None:
                return done
            self._decide(activation)
        return at_most

    def _decide(self, activation: Activation) -> None:
        rows = activation.begin_turn()
        try:
            decided = self._service.decide(activation.record, [held.row for held in rows])
        except CatalogueMissing as error:
            log.info("conversation %s waits: %s", activation.record.id, error)
            self._postpone(activation, CATALOGUE_RETRY_S)
        except Exception as error:  # a bug or an input made for one: it must not stop the others
            log.exception("conversation %s: deciding failed", activation.record.id)
            self.failed(activation, error)
        else:
            self._take_on(activation, decided)

    def _take_on(self, activation: Activation, decided: TurnCommit | AgentStep) -> None:
        match decided:
            case TurnCommit():
                self.plan(activation, decided)
            case AgentStep():
                self._steps.start(activation, decided)
            case _:
                assert_never(decided)

    def plan(self, activation: Activation, commit: TurnCommit) -> None:
        """Put a decided turn on the way to the database."""
        activation.phase = Phase.COMMIT
        self._planned.append(Planned(activation, commit))
        self._wake_committer.ring()

    def failed(self, activation: Activation, error: Exception) -> None:
        """Redo the inputs of a failed turn one by one; the one that fails alone is a dead letter."""
        rows = activation.turn_rows
        if len(rows) > 1:
            activation.singly = len(rows)
            activation.phase = Phase.IDLE
            self._schedule(activation)
        else:
            self.plan(activation, self._service.dead_letter(activation.record, rows[0].row, _reason(error)))

    def _postpone(self, activation: Activation, delay_s: float) -> None:
        activation.not_before = self._clock.monotonic() + delay_s
        activation.taken = 0
        activation.phase = Phase.IDLE
        self._schedule(activation)

    def _schedule(self, activation: Activation) -> None:
        self._roster.schedule(activation)
        self._wake_decider.ring()

    # Committing

    async def commit_forever(self) -> None:
        """Commit what is decided until cancelled.

        Raises:
            OwnershipLost: a newer generation owns the part.
        """
        while True:
            if not self._planned:
                await self._wake_committer.wait()
            await self._before_commit()
            turns = [self._planned.popleft() for _ in range(min(COMMIT_TURNS, len(self._planned)))]
            await self._commit(turns)
            self.settled.ring()

    async def _commit(self, turns: Sequence[Planned]) -> None:
        live = [turn for turn in turns if turn.activation.phase is Phase.COMMIT]
        if not live:
            return
        ending = self._in_hand.finishing(held for turn in live for held in turn.activation.turn_rows)
        try:
            failpoints.hit("host.before_commit")
            won = await self._store.commit([turn.commit for turn in live], ending)
            failpoints.hit("host.after_commit")
        except TerminalError as error:
            await self._refused(live, error)
        except UNKNOWN as error:
            self._lose_contact(live, error)
        else:
            self.counts.failures_in_a_row = 0
            self._conclude(live, won, ending)

    def _conclude(self, turns: Sequence[Planned], won: Sequence[bool], ending: Sequence[int]) -> None:
        winners = []
        for turn, has_won in zip(turns, won, strict=True):
            if has_won:
                self._win(turn, ending)
                winners.append((turn.activation.record, turn.commit))
            else:
                self.counts.fence_rejections += 1
                self._roster.drop(turn.activation)
        # Batches of losers were deleted, too: their rows are pulled again under new ones.
        self._in_hand.deleted(ending)
        self._announcer.committed(winners)

    def _win(self, turn: Planned, ending: Sequence[int]) -> None:
        activation, commit = turn.activation, turn.commit
        self.counts.turns += 1
        self.counts.settled += len(commit.inputs)
        self.counts.dead += sum(settled.state == "dead" for settled in commit.inputs)
        self.counts.ignore(commit.ignored)
        if activation.phase is not Phase.COMMIT:
            return  # dropped while the commit was under way: its rows left with it
        record = activation.record
        record = replace(record, version=record.version + 1, state=commit.state, control=commit.control or record.control)
        self._in_hand.leave(activation.end_turn(record), ending)
        if commit.revisions:
            activation.history = None  # read again when it is needed
        elif activation.history is not None:
            activation.history.extend((message.role, message.body) for message in commit.messages)
        activation.phase = Phase.IDLE
        if commit.overheard or commit.wrote:
            self._roster.drop(activation)  # whether a person took over is known to the database only
        elif activation.mailbox:
            self._schedule(activation)

    async def _refused(self, turns: Sequence[Planned], error: TerminalError) -> None:
        """Find the turn that the database refuses: halves, down to single turns."""
        if len(turns) > 1:
            half = len(turns) // 2
            await self._commit(turns[:half])
            await self._commit(turns[half:])
            return
        turn = turns[0]
        log.error("conversation %s: the database refused a turn: %s", turn.activation.record.id, error)
        if _is_dead_letter(turn.commit):
            self._postpone(turn.activation, RETRY_S)
        elif turn.activation.phase is Phase.COMMIT:
            self.failed(turn.activation, error)

    def _lose_contact(self, turns: Sequence[Planned], error: Exception) -> None:
        """Forget what was in an unknown commit; what it did not settle is pulled again."""
        log.warning("commit of %d turns is unknown: %s", len(turns), error)
        self.counts.failures_in_a_row += 1
        for turn in turns:
            self._roster.drop(turn.activation)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _is_dead_letter(commit: TurnCommit) -> bool:
    return all(settled.state == "dead" for settled in commit.inputs)
