"""One conversation actor in memory: its state, its mailbox, its phase. Tens of thousands fit into one host."""

from enum import IntEnum

from actors.domain.conversation import AGENT_CHANNEL
from actors.ports.conversations import ConversationRecord
from actors.runtime.host.in_hand import HeldRow
from actors.services.conversation import is_dead_letter
from actors.services.history import History

DEBOUNCE_CAP = 5  # who keeps writing is answered after five times the debounce all the same


class Phase(IntEnum):
    """What an activation is doing; it does one thing at a time."""

    IDLE = 0  # nothing in the mailbox
    WAITING = 1  # input in the mailbox, in the ready queue
    STEP = 2  # an agent works on its turn
    COMMIT = 3  # its turn is decided and on the way to the database
    DROPPED = 4  # left memory; whoever still holds it must not use it


class Activation:
    """A live conversation. No task, no lock and no timer of its own: the host drives it."""

    __slots__ = ("due", "history", "mailbox", "not_before", "phase", "record", "singly", "step_count", "step_since", "taken", "touched")

    def __init__(self, record: ConversationRecord, touched: float) -> None:
        self.record = record
        self.touched = touched
        self.phase = Phase.IDLE
        self.mailbox: tuple[HeldRow, ...] = ()  # open inputs, oldest first
        self.taken = 0  # how many of them the turn in progress handles
        self.due = 0.0
        self.not_before = 0.0  # no turn before, after a failure that trying again at once would repeat
        self.singly = 0  # so many inputs are handled one by one, because together they failed
        self.history: History | None = None
        self.step_count = 0
        self.step_since = 0.0

    @property
    def turn_rows(self) -> tuple[HeldRow, ...]:
        """Return the inputs of the turn in progress."""
        return self.mailbox[: self.taken]

    @property
    def _apart(self) -> bool:
        """Return whether its inputs have nothing to do with each other: each call of a rule is about somebody else."""
        return self.record.channel == AGENT_CHANNEL

    def deliver(self, held: HeldRow) -> None:
        """Put a row into the mailbox."""
        self.mailbox = (*self.mailbox, held)

    def ready_at(self, debounce_s: float) -> float:
        """Return when the open inputs make a turn: the newest is `debounce_s` old, or the oldest five times that; events at once."""
        if self._apart or any(held.row.kind == "event" for held in self.mailbox):
            return self.not_before
        if len(self.mailbox) == 1:
            return max(self.not_before, self.mailbox[0].born + debounce_s)
        newest = max(held.born for held in self.mailbox)
        oldest = min(held.born for held in self.mailbox)
        return max(self.not_before, min(newest + debounce_s, oldest + DEBOUNCE_CAP * debounce_s))

    def begin_turn(self) -> tuple[HeldRow, ...]:
        """Take the open inputs into a turn; a dead letter and what failed together go one by one.

        Events go first, in a turn of their own that needs no agent: a person who took over is not to wait for a model.
        """
        events = tuple([held for held in self.mailbox if held.row.kind == "event"])
        if events and not self.singly:
            self.mailbox = (*events, *[held for held in self.mailbox if held.row.kind != "event"])
        self.taken = 1 if self.singly or self._apart else _before_dead_letter(events or self.mailbox)
        return self.turn_rows

    def end_turn(self, record: ConversationRecord) -> tuple[HeldRow, ...]:
        """Take over what the turn's commit made of the conversation; return the rows that are settled."""
        settled = self.turn_rows
        self.mailbox = self.mailbox[self.taken :]
        self.taken = 0
        self.record = record
        self.singly = max(0, self.singly - len(settled))
        self.step_count = 0
        return settled

    def drop(self) -> tuple[HeldRow, ...]:
        """Leave memory; return the rows to let go."""
        rows, self.mailbox, self.taken, self.phase = self.mailbox, (), 0, Phase.DROPPED
        return rows


def _before_dead_letter(mailbox: tuple[HeldRow, ...]) -> int:
    for count, held in enumerate(mailbox):
        if is_dead_letter(held.row):
            return max(1, count)
    return len(mailbox)
