"""What a dead generation had in hand is tried alone, one after another, before anything else is pulled."""

import logging
from dataclasses import dataclass

from actors.domain.ids import InboxId
from actors.domain.retry import backoff_s
from actors.ports.carriers import Carrier
from actors.ports.inbox import InboxRow, InboxStore
from actors.ports.time import Clock
from actors.runtime.host.activation import Activation, Phase
from actors.runtime.host.in_hand import NO_BATCH, HeldRow
from actors.runtime.host.puller import Puller
from actors.runtime.host.turn_line import UNKNOWN, TurnLine

log = logging.getLogger(__name__)

_GIVE_UP = 5  # refused that often, it was most likely settled elsewhere; if not, it is pulled in order
_LOOK_S = 0.05
# A first try may wait for its model beside the next suspect: what ends a process at once has shown it by then. From the
# second try on, nothing else is in hand until it is settled, so that three deaths are certainly its own.
_QUITE_ALONE = 2


@dataclass(frozen=True, slots=True)
class Suspects:
    """Tries suspects in the order of their ids."""

    clock: Clock
    carrier: Carrier
    inbox: InboxStore
    puller: Puller
    line: TurnLine

    async def clear(self) -> int:
        """Try every suspect; return how many there were.

        Raises:
            OwnershipLost: a newer generation owns the part.
        """
        suspects = await self._patiently_take()
        for inbox_id in suspects:
            if (row := await self._patiently_try(inbox_id)) is not None:
                await self._alone(row)
        return len(suspects)

    async def _patiently_take(self) -> list[InboxId]:
        failures = 0
        while True:
            try:
                return await self.inbox.suspects(self.carrier)
            except UNKNOWN as error:
                failures += 1
                await self._pause(failures, error)

    async def _patiently_try(self, inbox_id: InboxId) -> InboxRow | None:
        failures = 0
        while True:
            try:
                return await self.inbox.try_alone(inbox_id)
            except UNKNOWN as error:
                failures += 1
                await self._pause(failures, error)

    async def _pause(self, failures: int, error: Exception) -> None:
        log.warning("suspects wait: %s", error)
        await self.clock.sleep(backoff_s(failures, base_s=0.1, cap_s=1.0))

    async def _alone(self, row: InboxRow) -> None:
        for attempt in range(1, _GIVE_UP + 1):
            try:
                if await self._handled(row):
                    return
            except UNKNOWN as error:
                log.warning("a suspect waits: %s", error)
            await self.clock.sleep(backoff_s(attempt, base_s=_LOOK_S, cap_s=1.0))

    async def _handled(self, row: InboxRow) -> bool:
        """Return whether the row was settled, or waits for its model on its first try; False if it was let go."""
        self.puller.begin()
        await self.puller.activate([row])
        now = self.clock.monotonic()
        activation = self.puller.deliver(HeldRow(row, NO_BATCH, now - row.age_s), now)
        if activation is None:
            return False
        while activation.mailbox and not _may_wait(row, activation):
            await self.line.settled.wait(_LOOK_S)
        return activation.phase is not Phase.DROPPED


def _may_wait(row: InboxRow, activation: Activation) -> bool:
    return row.attempts < _QUITE_ALONE and activation.phase is Phase.STEP
