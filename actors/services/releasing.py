"""Bots of a channel that wait for an answer, when there is none: a person has the conversation, or nothing was to be said."""

import logging
from collections import Counter

from actors.domain.errors import CallboardError
from actors.ports.channels import WaitingBots
from actors.ports.time import Clock
from actors.services.integration_book import IntegrationBook

log = logging.getLogger(__name__)

EVERY_S = 5.0


class Releasing:
    """Lets go the waiting bots of one sender's integrations."""

    def __init__(self, book: IntegrationBook, channel: str, bots: WaitingBots, clock: Clock, counts: Counter[str] | None = None) -> None:
        self._book = book
        self._channel = channel
        self._bots = bots
        self._clock = clock
        self.counts: Counter[str] = Counter() if counts is None else counts

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await self._clock.sleep(EVERY_S)
            try:
                await self.round()
            except CallboardError as error:
                log.warning("bots that wait in vain could not be looked for: %s", error)

    async def round(self) -> int:
        """Let go those that have waited too long and return how many."""
        mine = [record.id for record in self._book.live("push") if record.channel == self._channel]
        ended = await self._bots.release(mine) if mine else 0
        if ended:
            self.counts["bots_released"] += ended
        return ended
