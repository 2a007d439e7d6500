"""Polling: one loop an integration, for accounts that no provider can push to.

Updates are confirmed to the provider only after they were committed, by the next poll. An offset is used once and then
forgotten: ids jump to a random number after a quiet week, and a remembered one would confirm what nobody has seen.
What arrives twice because of that is dropped by the dedupe key.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from actors.domain.errors import AccountInUse, CallboardError, CredentialsRefused, TerminalError, TransientError
from actors.domain.ids import IntegrationId
from actors.domain.retry import backoff_s
from actors.domain.troubles import trouble_of
from actors.ports.channels import UpdateBatch, UpdateSource
from actors.ports.inbox import InboxStore, NewInput
from actors.ports.integrations import IntegrationRecord
from actors.ports.signals import Signals
from actors.ports.time import Clock
from actors.services.integration_book import IntegrationBook

log = logging.getLogger(__name__)

RECONCILE_S = 1.0
STORE_AGAIN_S = 0.5
CAP_S = 30.0


class Polling:
    """Polls every live integration of mode `poll` in the book."""

    def __init__(
        self, inbox: InboxStore, book: IntegrationBook, sources: Mapping[str, UpdateSource], signals: Signals, clock: Clock
    ) -> None:
        self._inbox = inbox
        self._book = book
        self._sources = sources
        self._signals = signals
        self._clock = clock
        self._loops: dict[IntegrationId, tuple[IntegrationRecord, asyncio.Task[None]]] = {}
        self.counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._loops)

    async def run(self) -> None:
        """Keep one loop for each integration to be polled, until cancelled; no loop outlives it."""
        try:
            while True:
                await self._reconcile()
                await self._clock.sleep(RECONCILE_S)
        finally:
            await self._end(list(self._loops))

    async def _reconcile(self) -> None:
        wanted = {record.id: record for record in self._book.live("poll") if record.channel in self._sources}
        await self._end([key for key, (record, loop) in self._loops.items() if wanted.get(key) != record or loop.done()])
        for key, record in wanted.items():
            if key not in self._loops:
                self._loops[key] = (record, asyncio.create_task(self._poll(record), name=f"poll-{key}"))

    async def _end(self, keys: Sequence[IntegrationId]) -> None:
        loops = [self._loops.pop(key)[1] for key in keys]
        for loop in loops:
            loop.cancel()
        for result in await asyncio.gather(*loops, return_exceptions=True):
            if isinstance(result, Exception):
                log.error("a polling loop ended: %s", type(result).__name__, exc_info=result)

    async def _poll(self, record: IntegrationRecord) -> None:
        """Poll one integration until it is broken or this is cancelled."""
        source = self._sources[record.channel]
        offset: int | None = None
        failures, prepared = 0, False
        while True:
            try:
                if not prepared:
                    # It may have been switched to a webhook a moment ago: that one must not be taken away.
                    if not await self._book.polled(record):
                        return
                    await source.prepare(record)
                    prepared = True
                batch = await source.fetch(record, offset)
            except CredentialsRefused as error:
                await self._book.broken(record, str(error))
                return
            except CallboardError as error:
                if isinstance(error, AccountInUse):
                    prepared = False
                    if not await self._still_polled(record):
                        return
                failures, offset = failures + 1, None
                await self._after_failure(record, error, failures)
                continue
            failures = 0
            await self._book.problem(record, None)
            await self._store(batch)
            offset = batch.next_offset

    async def _still_polled(self, record: IntegrationRecord) -> bool:
        """Whether a conflict is one: what we switched to a webhook ourselves is none."""
        try:
            return await self._book.polled(record)
        except CallboardError:  # asked again before anything is done about it
            return True

    async def _after_failure(self, record: IntegrationRecord, error: CallboardError, failures: int) -> None:
        self.counts["failures"] += 1
        if isinstance(error, AccountInUse):
            self.counts["conflicts"] += 1
            await self._book.problem(record, f"somebody else receives this bot's messages; end that program: {error}", "second_poller")
        elif failures == 3:  # a single failure is no news
            await self._book.problem(record, str(error), trouble_of(error).code)
        wish = error.retry_after_s if isinstance(error, TransientError) else None
        await self._clock.sleep(backoff_s(failures, cap_s=CAP_S, retry_after_s=wish))

    async def _store(self, batch: UpdateBatch) -> None:
        """Return when every input of the batch is committed, however long the database is away."""
        if batch.skipped:
            self.counts["skipped"] += batch.skipped
            log.error("%d updates without a usable update_id were skipped", batch.skipped)
        if batch.skipped and not batch.inputs:
            await self._clock.sleep(RECONCILE_S)  # nothing confirms them: they come again
        if batch.inputs:
            await self._ingest(batch.inputs)

    async def _ingest(self, inputs: Sequence[NewInput]) -> None:
        while True:
            try:
                stored = await self._inbox.ingest(inputs)
            except TransientError as error:
                log.warning("polled updates wait for the database: %s", error)
                await self._clock.sleep(STORE_AGAIN_S)
                continue
            except TerminalError as error:
                await self._ingest_singly(inputs, error)
                return
            break
        fresh = [new for new, verdict in zip(inputs, stored, strict=True) if verdict.fresh]
        self.counts["stored"] += len(fresh)
        if fresh:
            await self._signals.kick_partitions(sorted({new.address.partition for new in fresh}))

    async def _ingest_singly(self, inputs: Sequence[NewInput], error: TerminalError) -> None:
        """One input the database refuses must not block its batch."""
        if len(inputs) == 1:
            self.counts["refused"] += 1
            log.error("update %s was refused by the database: %s", inputs[0].dedupe_key, error)
            return
        for new in inputs:
            await self._ingest([new])
