"""A local, fsynced spool for inputs whose sender does not repeat reliably, for the time the database is away.

One SQLite file per gateway process, its space allocated beforehand; all its blocking work happens in one thread.
"""

import asyncio
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar
from uuid import UUID

from actors.domain.ids import Address, IntegrationId, TenantId
from actors.ports.inbox import NewInput

T = TypeVar("T")
log = logging.getLogger(__name__)

PAGE_BYTES = 4096
ROOM_PAGES = 2 * 1024 * 1024 // PAGE_BYTES  # room for one more body of 1 MiB, with overhead
MAX_SLOTS = 64  # gateway processes on one data directory

_SCHEMA = """
create table if not exists spooled (
  seq integer primary key autoincrement, tenant_id text not null, integration_id text not null, key text not null,
  kind text not null, dedupe_key text not null, raw blob not null);
create table if not exists refused (
  seq integer primary key, tenant_id text not null, integration_id text not null, key text not null,
  kind text not null, dedupe_key text not null, raw blob not null, reason text not null);
create table if not exists remembered (integration_id text primary key, record blob not null);
"""
_COLUMNS = "seq, tenant_id, integration_id, key, kind, dedupe_key, raw"


class SpoolFull(Exception):
    """The allocated space is used up; nothing of the append was kept."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """An input kept on this machine; `seq` is its place in the order of acknowledgement."""

    seq: int
    new: NewInput


class Spool:
    """One spool file, held by one process. Every method waits for the disk in the spool's own thread."""

    def __init__(self, path: Path, lock: IO[bytes], capacity_bytes: int) -> None:
        self.path = path
        self._lock = lock
        self._capacity_pages = capacity_bytes // PAGE_BYTES
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._db: sqlite3.Connection

    @classmethod
    async def open(cls, directory: Path, capacity_bytes: int) -> "Spool":
        """Open the first spool below `directory` that no living process holds.

        Raises:
            OSError, sqlite3.Error: the directory cannot be used.
        """
        spool = cls(*await asyncio.to_thread(_free_slot, directory), capacity_bytes)
        await spool._in_thread(spool._prepare)
        return spool

    async def append(self, inputs: Sequence[NewInput]) -> None:
        """Keep the inputs in this order; they are on the disk when it returns.

        Raises:
            SpoolFull: there is no room for all of them; none was kept.
        """
        await self._in_thread(lambda: self._append(inputs))

    async def oldest(self, limit: int) -> list[Spooled]:
        """Return the inputs kept longest, oldest first."""
        return await self._in_thread(lambda: self._oldest(limit))

    async def remove(self, seqs: Sequence[int]) -> None:
        """Forget inputs that are in the inbox now."""
        await self._in_thread(lambda: self._write("delete from spooled where seq = ?", [(seq,) for seq in seqs]))

    async def refuse(self, seq: int, reason: str) -> None:
        """Set an input aside that the database refuses: it was acknowledged, so it is kept for people to see."""
        await self._in_thread(lambda: self._refuse(seq, reason))

    async def depth(self) -> int:
        """Return how many inputs wait."""
        return await self._in_thread(lambda: int(self._db.execute("select count(*) from spooled").fetchone()[0]))

    async def has_room(self) -> bool:
        """Return whether one more body of 1 MiB fits."""
        return await self._in_thread(self._has_room)

    async def remember(self, integration_id: UUID, record: bytes) -> None:
        """Keep what is needed to recognise an integration's webhooks while the database is away; no secrets in clear."""
        row = (str(integration_id), record)
        await self._in_thread(lambda: self._write("insert or replace into remembered values (?, ?)", [row]))

    async def recall(self, integration_id: UUID) -> bytes | None:
        """Return what was remembered."""
        query = "select record from remembered where integration_id = ?"
        row = await self._in_thread(lambda: self._db.execute(query, (str(integration_id),)).fetchone())
        return None if row is None else bytes(row[0])

    async def close(self) -> None:
        """Close the file and give up the slot."""
        await self._in_thread(self._db.close)
        self._thread.shutdown(wait=True)
        self._lock.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _prepare(self) -> None:
        is_new = not self.path.exists()
        self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5)
        # The journal keeps 4 MiB between transactions: enough for a group of appends without asking the disk for more.
        self._db.executescript(
            "pragma journal_mode=persist; pragma journal_size_limit=4194304; pragma synchronous=full; pragma auto_vacuum=none;"
        )
        self._db.execute(f"pragma max_page_count={self._capacity_pages}")
        self._db.executescript(_SCHEMA)
        if is_new:
            self._allocate()
        self._adopt()

    def _adopt(self) -> None:
        """Take over what processes left behind that have no successor: there are fewer of us now."""
        for left in sorted(self.path.parent.glob("*.sqlite")):
            if left != self.path and (lock := _lock(left.with_suffix(".lock"))):
                try:
                    self._take_from(left)
                finally:
                    lock.close()

    def _take_from(self, left: Path) -> None:
        """Copy, then delete: ending in between leaves rows twice, and their keys make that harmless."""
        self._db.execute("attach ? as left_behind", (str(left),))
        try:
            if self._db.execute("select count(*) from left_behind.spooled").fetchone()[0]:
                columns = _COLUMNS.removeprefix("seq, ")
                self._write(f"insert into spooled ({columns}) select {columns} from left_behind.spooled order by seq", [()])  # noqa: S608
                self._write("delete from left_behind.spooled", [()])
        except sqlite3.OperationalError as error:
            log.error("spool: %s cannot be taken over now: %s", left, error)
        finally:
            self._db.execute("detach left_behind")

    def _allocate(self) -> None:
        """Use the whole capacity once and give it back to the file's own free list, so that a full disk comes later than a full spool."""
        free = (self._capacity_pages - 64) * PAGE_BYTES
        self._db.execute("create table filler (bytes blob)")
        self._db.execute("insert into filler values (zeroblob(?))", (free,))
        self._db.execute("drop table filler")
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _append(self, inputs: Sequence[NewInput]) -> None:
        rows = [_row(new) for new in inputs]
        statement = "insert into spooled (tenant_id, integration_id, key, kind, dedupe_key, raw) values (?, ?, ?, ?, ?, ?)"
        try:
            self._write(statement, rows)
        except sqlite3.OperationalError as error:
            raise SpoolFull(str(error)) from error

    def _oldest(self, limit: int) -> list[Spooled]:
        rows = self._db.execute(f"select {_COLUMNS} from spooled order by seq limit ?", (limit,)).fetchall()  # noqa: S608
        return [_spooled(row) for row in rows]

    def _refuse(self, seq: int, reason: str) -> None:
        with _transaction(self._db):
            self._db.execute(f"insert or ignore into refused select {_COLUMNS}, ? from spooled where seq = ?", (reason, seq))  # noqa: S608
            self._db.execute("delete from spooled where seq = ?", (seq,))

    def _has_room(self) -> bool:
        free = int(self._db.execute("pragma freelist_count").fetchone()[0])
        pages = int(self._db.execute("pragma page_count").fetchone()[0])
        return free + self._capacity_pages - pages >= ROOM_PAGES

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        with _transaction(self._db):
            self._db.executemany(statement, rows)


class _transaction:
    """BEGIN IMMEDIATE ... COMMIT; whatever is raised rolls back (a full file rolls back by itself)."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("begin immediate")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._db.execute("commit")
        elif self._db.in_transaction:
            self._db.execute("rollback")


def _free_slot(directory: Path) -> tuple[Path, IO[bytes]]:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for slot in range(MAX_SLOTS):
        if lock := _lock(directory / f"{slot}.lock"):
            return directory / f"{slot}.sqlite", lock
    raise OSError(f"all {MAX_SLOTS} spools below {directory} are in use")


def _lock(path: Path) -> IO[bytes] | None:
    """Return the locked file, or None if a living process holds it: the kernel frees locks of the dead."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _row(new: NewInput) -> tuple[object, ...]:
    return (str(new.tenant_id), str(new.address.integration_id), new.address.key, new.kind, new.dedupe_key, new.raw)


def _spooled(row: tuple[int, str, str, str, str, str, bytes]) -> Spooled:
    seq, tenant_id, integration_id, key, kind, dedupe_key, raw = row
    address = Address(IntegrationId(UUID(integration_id)), key)
    return Spooled(seq, NewInput(TenantId(UUID(tenant_id)), address, "event" if kind == "event" else "message", dedupe_key, bytes(raw)))
