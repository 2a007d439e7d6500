"""What a host has in hand: pulled rows that are not settled yet, and the back-pressure they make."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from actors.domain.ids import Address, InboxId, IntegrationId
from actors.ports.inbox import InboxRow

PER_ADDRESS = 20  # a conversation that writes faster than it is answered waits in the database
PER_INTEGRATION = 100  # one busy bot must not fill the host
TOTAL = 2_000
# One pull adds at most 8 rows of a partition and 50 of an integration (inbox_pull): whoever is nearer to the cap is full.
_ADDRESS_FULL = PER_ADDRESS - 8
_INTEGRATION_FULL = PER_INTEGRATION - 50
_K = TypeVar("_K")
NO_BATCH = 0  # a suspect that is tried alone


@dataclass(slots=True)
class HeldRow:
    """A row in hand; `born` is when it was stored, by this process' monotonic clock."""

    row: InboxRow
    batch_id: int
    born: float


class InHand:
    """Counts rows in hand by batch, conversation and integration."""

    def __init__(self, total: int = TOTAL) -> None:
        self._total = total
        self._held: dict[InboxId, HeldRow] = {}
        self._batches: Counter[int] = Counter()
        self._addresses: Counter[Address] = Counter()
        self._integrations: Counter[IntegrationId] = Counter()
        self._full_addresses: set[Address] = set()
        self._finished: list[int] = []

    def __len__(self) -> int:
        return len(self._held)

    @property
    def room(self) -> int:
        """Return how many more rows may be taken in hand."""
        return max(0, self._total - len(self._held))

    def ids(self) -> list[InboxId]:
        return list(self._held)

    def full_addresses(self) -> list[Address]:
        return list(self._full_addresses)

    def full_integrations(self) -> list[IntegrationId]:
        return [i for i, n in self._integrations.items() if n > _INTEGRATION_FULL]

    def take(self, held: HeldRow) -> bool:
        """Take a row in hand; False if it already is."""
        row = held.row
        if row.id in self._held:
            return False
        self._held[row.id] = held
        self._batches[held.batch_id] += 1
        self._integrations[row.address.integration_id] += 1
        self._addresses[row.address] += 1
        if self._addresses[row.address] > _ADDRESS_FULL:
            self._full_addresses.add(row.address)
        return True

    def finishing(self, rows: Iterable[HeldRow]) -> list[int]:
        """Return the batches that end if `rows` leave now; they are deleted by the commit that settles the rows."""
        leaving = Counter(held.batch_id for held in rows if held.row.id in self._held)
        ending = [batch for batch, n in leaving.items() if batch != NO_BATCH and self._batches[batch] == n]
        return ending + self._finished

    def deleted(self, batches: Sequence[int]) -> None:
        """Forget batches that a commit deleted."""
        gone = set(batches)
        self._finished = [batch for batch in self._finished if batch not in gone]

    def leave(self, rows: Iterable[HeldRow], deleted: Sequence[int] = ()) -> None:
        """Let rows go, settled or to be pulled again; batches that end thereby wait for the next commit unless `deleted`."""
        for held in rows:
            if self._held.pop(held.row.id, None) is not None:
                self._count_down(held, deleted)

    def _count_down(self, held: HeldRow, deleted: Sequence[int]) -> None:
        address, integration_id = held.row.address, held.row.address.integration_id
        _decrement(self._integrations, integration_id)
        if _decrement(self._addresses, address) <= _ADDRESS_FULL:
            self._full_addresses.discard(address)
        if _decrement(self._batches, held.batch_id) == 0 and held.batch_id != NO_BATCH and held.batch_id not in deleted:
            self._finished.append(held.batch_id)

    def drop_all(self) -> None:
        """Let everything go; all batches wait to be deleted."""
        self.leave(list(self._held.values()))

    def finished(self) -> list[int]:
        """Return the batches that nobody deleted yet."""
        return list(self._finished)

    def empty_batch(self, batch_id: int) -> None:
        """Note a batch none of whose rows was kept."""
        if self._batches[batch_id] == 0:
            self._finished.append(batch_id)


def _decrement(counter: Counter[_K], key: _K) -> int:
    left = counter[key] - 1
    if left > 0:
        counter[key] = left
    else:
        del counter[key]
    return left
