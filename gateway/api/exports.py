"""Exports: a company's own data, asked for, and fetched once a job has written it."""

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from actors.ports.jobs import NewJob
from actors.ports.signals import Signals
from actors.services.jobs.conversations_export import ConversationsExport, ExportPayload
from gateway.api.jobs import accepted
from gateway.api.operation import Answer, Call, Operation
from gateway.problems import Problem
from gateway.schemas.jobs import JobAccepted
from storage.exports import DiskExports, exports_dir
from storage.jobs.views import JobRow, TenantJobs
from storage.postgres import Database

_MEDIA = "application/x-ndjson"


class ExportsApi:
    """Exports of the caller's tenant."""

    def __init__(self, database: Database, signals: Signals, data_dir: Path) -> None:
        self._jobs = TenantJobs(database)
        self._files = DiskExports(exports_dir(data_dir))
        self._signals = signals

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(
                "POST",
                "/api/exports/conversations",
                self.ask,
                level="admin",
                tag="exports",
                answer=JobAccepted,
                status=202,
                idempotent=True,
            ),
            Operation(
                "GET",
                "/api/exports/{job_id}/file",
                self.file,
                level="admin",
                tag="exports",
                media={_MEDIA: "one JSON document a line: contacts, conversations, messages"},
                also=(409, 410),
            ),
        ]

    async def ask(self, call: Call) -> Answer:
        """Export all conversations, contacts and messages. Returns the job that writes them; one of them runs at a time."""
        job = NewJob(ConversationsExport, ExportPayload(), "all", by=call.caller.actor.name)
        return accepted(await self._jobs.request(call.tenant_id, job, call.caller.actor), self._signals)

    async def file(self, call: Call) -> web.StreamResponse:
        """Fetch an export, within 24 hours after it was done."""
        job = await self._jobs.find(call.tenant_id, call.uuid("job_id"))
        if job is None or job.name != ConversationsExport.name:
            raise call.missing()
        if job.state != "done" or job.result is None:
            raise Problem(409, "this export is not finished yet: look at its job")
        chunks = await self._files.open(job.id, job.result["parts"])
        if chunks is None:
            raise Problem(410, "this export is not kept any more: ask for a new one")
        return await _send(call.request, job, chunks)


async def _send(request: web.Request, job: JobRow, chunks: AsyncIterator[bytes]) -> web.StreamResponse:
    name = f"conversations-{job.created_at:%Y-%m-%d}.jsonl"
    headers = {
        "Content-Type": _MEDIA,
        "Content-Length": str((job.result or {})["size"]),
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",  # it is everything a company knows of its customers
    }
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    async for chunk in chunks:
        await response.write(chunk)
    await response.write_eof()
    return response
