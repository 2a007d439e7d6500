"""Typing indicators, best effort: whatever goes wrong with one is counted and forgotten, and none waits for anything."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from actors.domain.errors import CallboardError
from actors.domain.ids import Address, IntegrationId
from actors.ports.channels import TypingSender
from actors.ports.integrations import IntegrationRecord
from actors.services.integration_book import IntegrationBook

MOST = 16  # at once; more are dropped, so that they never take what messages need
TIMEOUT_S = 2.0  # later than that the next one is near


class Typing:
    """Shows that somebody writes, in conversations of one sender's integrations."""

    def __init__(
        self,
        book: IntegrationBook,
        senders: Mapping[str, TypingSender],
        is_paused: Callable[[IntegrationId], bool],
        counts: Counter[str],
    ) -> None:
        self._book = book
        self._senders = senders
        self._is_paused = is_paused
        self._counts = counts
        self._tasks: set[asyncio.Task[None]] = set()

    def show(self, address: Address) -> None:
        """Begin to show it and return at once; dropped if the integration is not ours, told to wait, or too many are on the way."""
        record = self._book.get(address.integration_id)
        sender = self._senders.get(record.channel) if record else None
        if record is None or sender is None or self._is_paused(record.id):
            return
        if len(self._tasks) >= MOST:
            self._counts["typing_dropped"] += 1
            return
        task = asyncio.create_task(self._show(sender, record, address), name=f"typing {address.key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End what is on the way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _show(self, sender: TypingSender, record: IntegrationRecord, address: Address) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await sender.typing(record, address)
        except (CallboardError, TimeoutError, OSError):
            self._counts["typing_failed"] += 1
        else:
            self._counts["typing"] += 1
