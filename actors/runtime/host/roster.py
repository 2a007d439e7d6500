"""The conversations alive in this host, and how rows reach them."""

from collections.abc import Callable, Iterable, Sequence

from actors.domain.ids import Address
from actors.ports.conversations import ConversationRecord
from actors.runtime.host.activation import Activation, Phase
from actors.runtime.host.in_hand import HeldRow, InHand
from actors.runtime.host.ready_queue import ReadyQueue


class Roster:
    """Activations by address. What leaves it lets its rows go, and rows of a pull under way that follow them, too."""

    def __init__(self, in_hand: InHand, ready: ReadyQueue, debounce_s: Callable[[ConversationRecord], float]) -> None:
        self._in_hand = in_hand
        self._ready = ready
        self._debounce_s = debounce_s
        self._activations: dict[Address, Activation] = {}  # least recently used first
        # A pull under way does not know of rows let go meanwhile: what it brings for their conversations is later in order.
        self.on_let_go: Callable[[], None] = lambda: None  # called when rows are to be pulled again
        self._let_go: set[Address] = set()
        self._all_let_go = False

    def __len__(self) -> int:
        return len(self._activations)

    def __contains__(self, address: Address) -> bool:
        return address in self._activations

    def values(self) -> Iterable[Activation]:
        return self._activations.values()

    def begin_pull(self) -> None:
        """Note that a pull begins, under the present state of what is in hand."""
        self._let_go.clear()
        self._all_let_go = False

    def admit(self, records: Sequence[ConversationRecord], now: float) -> None:
        """Activate conversations."""
        for record in records:
            self._activations.setdefault(record.address, Activation(record, now))

    def accept(self, held: HeldRow, now: float) -> Activation | None:
        """Put a pulled row into its mailbox; None if it must be pulled again later."""
        address = held.row.address
        activation = self._activations.pop(address, None)
        if activation is None:
            return None
        self._activations[address] = activation
        if self._all_let_go or address in self._let_go or not self._in_hand.take(held):
            return None
        activation.deliver(held)
        activation.touched = now
        return activation

    def schedule(self, activation: Activation) -> None:
        """Let an activation wait until its open inputs are ready, or rest if there are none."""
        if activation.mailbox:
            self._ready.add(activation, activation.ready_at(self._debounce_s(activation.record)))
        else:
            activation.phase = Phase.IDLE

    def drop(self, activation: Activation) -> None:
        """Forget an activation; its rows are pulled again."""
        address = activation.record.address
        if self._activations.get(address) is activation:
            del self._activations[address]
        self._let_go.add(address)
        self._in_hand.leave(activation.drop())
        self.on_let_go()

    def drop_all(self) -> None:
        """Forget everything."""
        for activation in self._activations.values():
            activation.drop()
        self._activations.clear()
        self._all_let_go = True
        self._in_hand.drop_all()

    def passivate(self, touched_before: float) -> int:
        """Let activations that rest since then leave memory; return how many."""
        idle = []
        for address, activation in self._activations.items():
            if activation.touched > touched_before:
                break  # the rest was touched later
            if activation.phase is Phase.IDLE:
                idle.append(address)
        for address in idle:
            self._activations.pop(address).phase = Phase.DROPPED
        return len(idle)

    def find(self, conversation_id: int) -> Activation | None:
        """Return the activation of a conversation; slow, for people."""
        return next((a for a in self._activations.values() if a.record.id == conversation_id), None)
