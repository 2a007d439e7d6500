"""Group commit: rows that arrive together are stored by one statement, and each request gets its own verdict."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from actors.domain.errors import TransientError
from actors.ports.inbox import InboxStore, NewInput, Stored
from gateway.patience import Patience

log = logging.getLogger(__name__)

MAX_BATCH = 500  # beyond it one statement gains nothing and everyone waits longer for it
# At the saturated rate of one process this is about 4 s of arrivals: far more than the budget lets wait.
MAX_WAITING = 20_000
RETRY_PAUSE_S = 0.05


class Unavailable(Exception):
    """It is not known to be stored within the budget; the sender has to repeat (the key makes that safe)."""


class Refused(Exception):
    """The database refuses this row, whatever else is with it; repeating will not help."""


@dataclass(slots=True, eq=False)
class _Waiting:
    news: Sequence[NewInput]  # of one request: in one commit, with one verdict
    deadline: float
    verdict: asyncio.Future[list[Stored]]


class Committer:
    """Stores inputs in groups, one group at a time, so that what was acknowledged earlier has the lower id.

    It outlives every exception of the store and every request that went away.
    """

    def __init__(self, inbox: InboxStore, patience: Patience, on_stored: Callable[[NewInput], None]) -> None:
        self._inbox = inbox
        self._patience = patience
        self._on_stored = on_stored
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Return how many rows wait for the next group."""
        return len(self._waiting)

    async def put_all(self, news: Sequence[NewInput], deadline: float) -> list[Stored]:
        """Store what one request brought in one commit, in its order; return after it, at the latest at `deadline` (of the loop's clock).

        Raises:
            Unavailable: the budget is over.
            Refused: the database refuses one of the rows.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable
        waiting = _Waiting(news, deadline, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._wake.set()
        try:
            async with asyncio.timeout_at(deadline):
                return await waiting.verdict
        except TimeoutError:
            raise Unavailable from None

    async def run(self) -> None:
        """Commit what arrives until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while batch := self._take():
                await self._settle(batch)

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        rows = 0
        while self._waiting and rows < MAX_BATCH:
            waiting = self._waiting.popleft()
            if not waiting.verdict.done():
                batch.append(waiting)
                rows += len(waiting.news)
        return batch

    async def _settle(self, batch: list[_Waiting]) -> None:
        try:
            self._answer(batch, await self._ingest(batch))
        except (TransientError, OSError) as error:
            log.warning("inbox: %d rows wait for another try: %s", len(batch), type(error.__cause__ or error).__name__)
            self._waiting.extendleft(reversed(batch))
            await asyncio.sleep(RETRY_PAUSE_S)
        except Exception as error:
            await self._settle_apart(batch, error)

    async def _settle_apart(self, batch: list[_Waiting], error: Exception) -> None:
        """Find by halves the rows that fail alone: 2 x log2(n) commits for one bad row instead of n."""
        if len(batch) == 1:
            log.error("inbox: a row of integration %s is refused: %s", batch[0].news[0].address.integration_id, type(error).__name__)
            _refuse(batch[0])
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            await self._settle(half)

    def _answer(self, batch: Sequence[_Waiting], stored: Sequence[Stored]) -> None:
        verdicts = iter(stored)
        for waiting in batch:
            own = list(islice(verdicts, len(waiting.news)))
            for new, verdict in zip(waiting.news, own, strict=True):
                if verdict.fresh:
                    self._on_stored(new)
            if not waiting.verdict.done():
                waiting.verdict.set_result(own)

    async def _ingest(self, batch: Sequence[_Waiting]) -> list[Stored]:
        """Call the store, but never wait longer than anyone in the batch does."""
        patience_s = max(waiting.deadline for waiting in batch) - asyncio.get_running_loop().time()
        return await self._patience.within(
            max(patience_s, RETRY_PAUSE_S), self._inbox.ingest([new for waiting in batch for new in waiting.news])
        )


def _refuse(waiting: _Waiting) -> None:
    if not waiting.verdict.done():
        waiting.verdict.set_exception(Refused())
