"""`knowledge:ingest`: one document, a file or a page of the web, read and cut into chunks."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from actors.domain.jobs import Mark, Progress
from actors.ports.documents import Arrived, DocumentReader, Fetched, IncomingStore, Reading, Unreadable, Waiting, Web
from actors.ports.jobs import JobContext
from actors.ports.time import Clock

MOST_BYTES = 20 * 1024 * 1024
_REPORT_S = 0.5  # between two words about how far it is


class IngestPayload(BaseModel):
    """Which document."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    document_id: UUID


class KnowledgeIngest:
    """Reads all, then writes all in one transaction: a try that died left nothing behind, a second one changes nothing."""

    name: ClassVar[str] = "knowledge:ingest"
    timeout_s: ClassVar[float] = 900.0  # two long readings may go first
    payload = IngestPayload

    def __init__(self, store: IncomingStore, reader: DocumentReader, web: Web, clock: Clock) -> None:
        self._store = store
        self._reader = reader
        self._web = web
        self._clock = clock

    async def run(self, payload: IngestPayload, context: JobContext) -> Mapping[str, Any]:
        """Read the document; return what it holds."""
        waiting = await self._store.waiting(context.lease, payload.document_id)
        if waiting is None:
            return {"gone": True}
        try:
            reading, arrived = await self._read(waiting, context)
        except Unreadable as error:
            await self._store.refuse(context.lease, waiting.id, error)
            raise
        mark = Mark(Progress(len(reading.pieces), len(reading.pieces), waiting.title))
        changed = await self._store.keep(context.lease, waiting.id, reading, arrived, mark)
        return {"title": waiting.title, "parts": len(reading.pieces), "changed": changed}

    async def _read(self, waiting: Waiting, context: JobContext) -> tuple[Reading, Arrived]:
        heard = _Reports(context, self._clock, waiting.title)
        await heard(0, 0)
        if waiting.content is not None:
            reading = await self._reader.read(waiting.kind, waiting.content, heard)
            return reading, Arrived(len(waiting.content), waiting.kind)
        found: Fetched = await self._web.get(waiting.address, MOST_BYTES)
        reading = await self._reader.read(found.kind, found.content, heard, charset=found.charset)
        if not reading.pieces:
            raise Unreadable("empty", "there is no text in it")
        return reading, Arrived(len(found.content), found.kind)


class _Reports:
    """Tells how far a reading is, not more often than a person can follow."""

    def __init__(self, context: JobContext, clock: Clock, title: str) -> None:
        self._context = context
        self._clock = clock
        self._title = title
        self._next_at = 0.0

    async def __call__(self, done: int, total: int) -> None:
        if (now := self._clock.monotonic()) >= self._next_at:
            self._next_at = now + _REPORT_S
            await self._context.report(Mark(Progress(done, total or None, self._title)))
