"""Settling of unknown outcomes by looking: a row that the channel shows was sent.

A row that is not shown stays unknown: it may be on its way still, and a second copy is worse than a doubt. It is looked
for a few times over some minutes, then left for people. Nothing is ever sent from here.
"""

import logging
from collections import Counter
from collections.abc import Mapping

from actors.domain.errors import CallboardError, OwnershipLost
from actors.ports.carriers import Carrier
from actors.ports.doubts import Doubt, DoubtStore, History
from actors.ports.time import Clock
from actors.services.integration_book import IntegrationBook

log = logging.getLogger(__name__)

EVERY_S = 1.0
PER_ROUND = 20
PAUSE_S = 30.0  # a look takes at most two requests of 8 s and their queue
# When it is looked for again after each look that found nothing: the channel's own queue may be slow.
AGAIN_S = (3.0, 10.0, 30.0, 120.0, 600.0, 600.0)


class Settling:
    """Looks for the doubtful rows of one sender's integrations."""

    def __init__(
        self,
        carrier: Carrier,
        doubts: DoubtStore,
        book: IntegrationBook,
        histories: Mapping[str, History],
        clock: Clock,
        counts: Counter[str] | None = None,
    ) -> None:
        self._carrier = carrier
        self._doubts = doubts
        self._book = book
        self._histories = histories
        self._clock = clock
        self.counts: Counter[str] = Counter() if counts is None else counts

    async def run(self) -> None:
        """Look once a second, until cancelled.

        Raises:
            OwnershipLost: a newer generation owns the shards.
        """
        while True:
            await self._clock.sleep(EVERY_S)
            try:
                await self.round()
            except OwnershipLost:
                raise
            except CallboardError as error:
                log.warning("unknown outcomes could not be looked for: %s", error)

    async def round(self) -> int:
        """Look for what is due and return how many rows were settled."""
        mine = [record.id for mode in ("push", "poll") for record in self._book.live(mode) if record.channel in self._histories]
        if not mine:
            return 0
        settled = 0
        for doubt in await self._doubts.doubts(self._carrier, mine, PER_ROUND, PAUSE_S):
            settled += await self._look(doubt)
        return settled

    async def _look(self, doubt: Doubt) -> bool:
        record = self._book.get(doubt.address.integration_id)
        if record is None:
            return False
        try:
            candidates = await self._histories[record.channel].look(record, doubt)
        except CallboardError as error:  # it was not looked: this does not count, the row is due again after its pause
            log.warning("outbox row %s could not be looked for: %s", doubt.id, error)
            return False
        for message_id in candidates:
            if await self._doubts.found(doubt, message_id):
                self.counts["found"] += 1
                return True
        self.counts["not_found"] += 1
        await self._doubts.not_found(doubt, AGAIN_S[min(doubt.looks, len(AGAIN_S) - 1)])
        return False
