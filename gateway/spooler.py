"""Keeps acknowledged inputs in the local spool while the database is away, and brings them into the inbox in order."""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from actors.domain.errors import TransientError
from actors.ports.inbox import InboxStore, NewInput
from gateway.committer import Unavailable
from gateway.patience import Patience
from storage.spool import Spool, Spooled, SpoolFull

log = logging.getLogger(__name__)

MAX_BATCH = 200
REPLAY_TIMEOUT_S = 5.0
RETRY_PAUSE_S = 0.5


@dataclass(slots=True, eq=False)
class _Waiting:
    new: NewInput
    kept: asyncio.Future[None]


class Spooler:
    """One gateway's spool. While `backlog` is not zero, every input of a spooled channel goes through it: order holds."""

    def __init__(self, spool: Spool, inbox: InboxStore, patience: Patience, on_stored: Callable[[NewInput], None], backlog: int) -> None:
        self._spool = spool
        self._inbox = inbox
        self._patience = patience
        self._on_stored = on_stored
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._to_replay = asyncio.Event()
        self.backlog = backlog
        if backlog:
            self._to_replay.set()

    async def keep_all(self, news: Sequence[NewInput]) -> None:
        """Return when the inputs are on this machine's disk.

        Raises:
            Unavailable: the spool is full or its disk fails; some of them may be kept all the same.
        """
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(new, loop.create_future()) for new in news]
        self.backlog += len(waiting)
        self._waiting.extend(waiting)
        self._arrived.set()
        for kept in await asyncio.gather(*(one.kept for one in waiting), return_exceptions=True):
            if isinstance(kept, BaseException):
                raise kept

    async def run_appends(self) -> None:
        """Write what arrives, one fsync for all that came together, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._append([self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))])

    async def run_replay(self) -> None:
        """Bring the spool's inputs into the inbox, oldest first, until cancelled."""
        while True:
            await self._to_replay.wait()
            self._to_replay.clear()
            while rows := await self._oldest():
                await self._replay(rows)

    async def _append(self, group: list[_Waiting]) -> None:
        try:
            await self._spool.append([waiting.new for waiting in group])
        except (SpoolFull, sqlite3.Error, OSError) as error:
            await self._append_apart(group, error)
        else:
            self._to_replay.set()
            for waiting in group:
                if not waiting.kept.done():
                    waiting.kept.set_result(None)

    async def _append_apart(self, group: list[_Waiting], error: Exception) -> None:
        """What does not fit as a whole may fit in part; whoever does not is told so."""
        if len(group) > 1:
            for waiting in group:
                await self._append([waiting])
            return
        log.error("spool: an input is refused: %s", type(error).__name__)
        self.backlog -= 1
        if not group[0].kept.done():
            group[0].kept.set_exception(Unavailable())

    async def _oldest(self) -> list[Spooled]:
        try:
            return await self._spool.oldest(MAX_BATCH)
        except sqlite3.Error as error:
            log.error("spool: cannot be read: %s", type(error).__name__)
            self._to_replay.set()
            await asyncio.sleep(RETRY_PAUSE_S)
            return []

    async def _replay(self, rows: list[Spooled]) -> None:
        try:
            stored = await self._patience.within(REPLAY_TIMEOUT_S, self._inbox.ingest([row.new for row in rows]))
            for row, verdict in zip(rows, stored, strict=True):
                if verdict.fresh:
                    self._on_stored(row.new)
            await self._spool.remove([row.seq for row in rows])
            self.backlog -= len(rows)
        except (TransientError, OSError, sqlite3.Error) as error:
            log.debug("spool: %d inputs wait: %s", self.backlog, type(error).__name__)
            await asyncio.sleep(RETRY_PAUSE_S)
        except Exception as error:
            await self._replay_apart(rows, error)

    async def _replay_apart(self, rows: list[Spooled], error: Exception) -> None:
        """One by one, in order: a refused row is set aside with its reason, the others go on."""
        if len(rows) > 1:
            for row in rows:
                await self._replay_until_settled(row)
            return
        log.error("spool: an input of integration %s is refused: %s", rows[0].new.address.integration_id, type(error).__name__)
        await self._spool.refuse(rows[0].seq, type(error).__name__)
        self.backlog -= 1

    async def _replay_until_settled(self, row: Spooled) -> None:
        while row in await self._spool.oldest(1):
            await self._replay([row])
