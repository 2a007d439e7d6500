"""Files and pages of the web become documents: taken at once, read by a job."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from aiohttp import web

from actors.ports.jobs import NewJob
from actors.ports.signals import Signals
from actors.services.jobs.knowledge_ingest import MOST_BYTES, IngestPayload, KnowledgeIngest
from gateway.api.jobs import accepted
from gateway.api.operation import Answer, Call, Operation
from gateway.api.raw import FILE, FILE_S, Raw
from gateway.problems import Flaw, Problem
from gateway.schemas.knowledge_incoming import ENDINGS, DocumentAccepted, FileQuery, PageBody
from storage.knowledge.documents import NotTyped
from storage.knowledge.incoming import Incoming, KnowledgeIncoming, NewFile
from storage.postgres import Database

_ALL = "/api/agents/{id}/knowledge"
_ONE = f"{_ALL}/documents/{{document_id}}"
_SAVED_OTHERWISE = {
    "doc": "DOCX",
    "odt": "DOCX",
    "rtf": "DOCX",
    "pages": "DOCX",
    "xls": "CSV",
    "xlsx": "CSV",
    "ods": "CSV",
    "numbers": "CSV",
}
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
}
_FILE = Raw((FILE,), MOST_BYTES, "the file itself", FILE_S)


class KnowledgeIncomingApi:
    """Hands in documents of the agents of the caller's tenant."""

    def __init__(self, database: Database, signals: Signals) -> None:
        self._incoming = KnowledgeIncoming(database, _job_of)
        self._signals = signals

    def operations(self) -> list[Operation]:
        """Return the operations."""
        taken: dict[str, Any] = {"level": "admin", "tag": "knowledge", "answer": DocumentAccepted, "status": 202}
        return [
            Operation("POST", f"{_ALL}/files", self.add_file, query=FileQuery, raw=_FILE, idempotent=True, also=(429,), **taken),
            Operation("POST", f"{_ALL}/pages", self.add_page, body=PageBody, idempotent=True, **taken),
            Operation("POST", f"{_ONE}/read", self.read_again, also=(409,), **taken),
            Operation("GET", f"{_ONE}/file", self.file, level="viewer", tag="knowledge", media={FILE: "the file, always as an attachment"}),
        ]

    async def add_file(self, call: Call[bytes, FileQuery]) -> Answer:
        """Add a file: text, Markdown, a CSV table, PDF, DOCX or HTML of at most 20 MB. A job reads it; it is kept as it came.

        A CSV table of two columns holds a question and an answer in each row; of any other each row is a part of its own.
        """
        kind = call.query.kind(call.body)
        if kind is None:
            raise _not_read(call.query.name)
        new = NewFile(call.query.title, kind, call.query.name, call.body)
        return self._taken(call, await self._incoming.add_file(call.tenant_id, call.caller.actor, call.uuid("id"), new), "id")

    async def add_page(self, call: Call[PageBody]) -> Answer:
        """Add a page of the web, or a document there. A job fetches and reads it; it is read again when you ask for it."""
        found = await self._incoming.add_page(call.tenant_id, call.caller.actor, call.uuid("id"), call.body.address)
        return self._taken(call, found, "id")

    async def read_again(self, call: Call) -> Answer:
        """Read a file or page again. What did not change stays as it is."""
        try:
            found = await self._incoming.read_again(call.tenant_id, call.caller.actor, call.uuid("id"), call.uuid("document_id"))
        except NotTyped as error:
            raise Problem(409, str(error), reason="document-typed") from None
        return self._taken(call, found)

    async def file(self, call: Call) -> web.Response:
        """Fetch a file as it was added."""
        found = await self._incoming.file(call.tenant_id, call.uuid("id"), call.uuid("document_id"))
        if found is None:
            raise call.missing()
        name, content = found
        disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
        return web.Response(body=content, headers={**_SAFE, "Content-Type": FILE, "Content-Disposition": disposition})

    def _taken(self, call: Call[Any, Any], found: Incoming | None, name: str | None = None) -> Answer:
        if found is None:
            raise call.missing(name)
        answer = accepted(found.job_id, self._signals)
        body = DocumentAccepted(job_id=found.job_id, document_id=found.document.id)
        return Answer(body, headers=answer.headers, afterwards=answer.afterwards)


def _job_of(document_id: UUID, by: str) -> NewJob[IngestPayload]:
    return NewJob(KnowledgeIngest, IngestPayload(document_id=document_id), str(document_id), by=by)


def _not_read(name: str) -> Problem:
    ending = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    better = _SAVED_OTHERWISE.get(ending)
    hint = f"save it as {better} and add that" if better else f"these are: {', '.join(sorted(ENDINGS))}"
    detail = f"files of this form are not read: {hint}"
    return Problem(422, detail, reason="file-kind", errors=[Flaw(detail, "file-kind", parameter="name")])
