"""Exports: what is read for them, and the directory where they wait to be fetched."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import orjson

from actors.domain.errors import TransientError
from actors.domain.ids import TenantId
from actors.ports.exports import KEPT, ExportedConversation, ExportedMessage
from actors.ports.jobs import JobLease
from storage.postgres import Database

# Chats of operators with their own bot are no customers'.
_COUNT = "select count(*) from conversations where tenant_id = $1 and kind = 'chat' and not state ? 'operator'"
_CONVERSATIONS = """
select c.id, g.channel, c.integration_id, g.agent_id, c.key, c.title, c.control, c.created_at, c.last_at, a.name as agent, c.state::text
from conversations c join integrations g on g.id = c.integration_id join agents a on a.id = g.agent_id
where c.tenant_id = $1 and c.kind = 'chat' and not c.state ? 'operator' and c.id > $2 order by c.id limit $3"""
_MESSAGES = """
select m.id, m.conversation_id, m.role, m.body, m.mode, m.created_at, m.turn_id, m.external_id,
  m.sources::text, coalesce(m.data -> 'media', '[]')::text as files, o.state as delivery
from messages m left join outbox o on o.turn_id = m.turn_id and o.seq = m.seq and m.role <> 'customer'
where m.conversation_id = $1 and m.id > $2 order by m.id limit $3"""
_BUFFER = 1 << 20
_CHUNK = 1 << 18
_LATE = timedelta(hours=1)  # a directory is as old as its last part: nothing goes before the promised time
_PART = re.compile(r"\d{1,9}-\d{1,9}\.jsonl")


def exports_dir(data_dir: Path) -> Path:
    """Return where exports are kept. Gateway and worker must see the same directory."""
    return data_dir / "exports"


class PostgresExportPages:
    """What there is to export; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, tenant_id: TenantId) -> int:
        """Return how many conversations there are."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            number: int = await connection.fetchval(_COUNT, tenant_id)
        return number

    async def conversations(self, tenant_id: TenantId, after: int, limit: int) -> Sequence[ExportedConversation]:
        """Return conversations after the conversation `after`, by id."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_CONVERSATIONS, tenant_id, after, limit)
        return [ExportedConversation(**{**dict(row), "state": orjson.loads(row["state"])}) for row in rows]

    async def messages(self, tenant_id: TenantId, conversation_id: int, after: int, limit: int) -> Sequence[ExportedMessage]:
        """Return messages of a conversation after the message `after`, by id."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_MESSAGES, conversation_id, after, limit)
        return [
            ExportedMessage(**{**dict(row), "sources": orjson.loads(row["sources"]), "files": orjson.loads(row["files"])}) for row in rows
        ]


class DiskExports:
    """One directory for each job, one file for each part; a part's name holds the generation that wrote it."""

    def __init__(self, home: Path) -> None:
        self._home = home

    async def write(self, lease: JobLease, number: int, lines: AsyncIterator[bytes]) -> tuple[str, int]:
        """Write part `number` and return its name and size, once it is safely on disk.

        Raises:
            TransientError: the disk refuses.
        """
        name = f"{number}-{lease.generation}.jsonl"
        try:
            file = await asyncio.to_thread(_create, self._home / str(lease.job_id), name)
            try:
                size = await _fill(file, lines)
            finally:
                await asyncio.to_thread(file.close)
        except OSError as error:
            raise TransientError(f"the export cannot be written: {error.strerror or error}") from error
        return name, size

    async def open(self, job_id: UUID, parts: Sequence[str]) -> AsyncIterator[bytes] | None:
        """Return the content of a finished export in chunks; None if it is gone."""
        paths = [self._home / str(job_id) / name for name in parts if _PART.fullmatch(name)]
        if len(paths) != len(parts) or not await asyncio.to_thread(_all_there, self._home / str(job_id), paths):
            return None
        return _chunks(paths)

    async def expire(self, now: datetime) -> None:
        """Delete exports that are too old, finished or not."""
        await asyncio.to_thread(_expire, self._home, (now - KEPT - _LATE).timestamp())


def _create(directory: Path, name: str) -> BinaryIO:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return (directory / name).open("wb", buffering=_BUFFER)


async def _fill(file: BinaryIO, lines: AsyncIterator[bytes]) -> int:
    waiting, size = bytearray(), 0
    async for line in lines:
        waiting += line
        size += len(line)
        if len(waiting) >= _BUFFER:
            await asyncio.to_thread(file.write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(_finish, file, bytes(waiting))
    return size


def _finish(file: BinaryIO, rest: bytes) -> None:
    file.write(rest)
    file.flush()
    os.fsync(file.fileno())


def _all_there(directory: Path, paths: Sequence[Path]) -> bool:
    return (directory.is_dir() or not paths) and all(path.is_file() for path in paths)


async def _chunks(paths: Sequence[Path]) -> AsyncIterator[bytes]:
    for path in paths:
        file = await asyncio.to_thread(path.open, "rb")
        try:
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                yield chunk
        finally:
            await asyncio.to_thread(file.close)


def _expire(home: Path, before: float) -> None:
    for directory in home.iterdir() if home.is_dir() else ():
        if directory.stat().st_mtime < before:
            shutil.rmtree(directory, ignore_errors=True)
