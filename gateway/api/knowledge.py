"""Documents of an agent: added, replaced, deleted and brought back; and what a question would find in them."""

import asyncio

from actors.domain.errors import InvalidInput, TransientError
from actors.ports.documents import Piece
from actors.ports.knowledge import Knowledge, Question
from gateway.api.authored import refusals
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number
from gateway.problems import Flaw, Problem
from gateway.schemas.bodies import ListQuery
from gateway.schemas.knowledge import (
    ChunkPage,
    DocumentBody,
    DocumentPage,
    DocumentQuery,
    DocumentView,
    KnowledgeView,
    SearchBody,
    SearchView,
    SourceView,
    base_view,
    chunk_view,
    document_view,
    search_view,
    source_view,
)
from storage.authoring.drafts import Drafts
from storage.knowledge.documents import KnowledgeDocuments, NewDocument, NotTyped, Which
from storage.knowledge.rows import DocumentItem
from storage.postgres import Database

_BASE = "/api/agents/{id}/knowledge"
_ALL, _ONE = f"{_BASE}/documents", f"{_BASE}/documents/{{document_id}}"


class KnowledgeApi:
    """The documents of the agents of the caller's tenant."""

    def __init__(self, database: Database, knowledge: Knowledge) -> None:
        self._drafts = Drafts(database)
        self._documents = KnowledgeDocuments(database)
        self._knowledge = knowledge

    def operations(self) -> list[Operation]:
        """Return the operations."""
        tag = "knowledge"
        return [
            Operation("GET", _BASE, self.show, level="viewer", tag=tag, answer=KnowledgeView),
            Operation("POST", f"{_BASE}/search", self.search, level="viewer", tag=tag, body=SearchBody, answer=SearchView, also=(503,)),
            Operation("GET", _ALL, self.list, level="viewer", tag=tag, query=DocumentQuery, answer=DocumentPage),
            Operation("POST", _ALL, self.add, level="admin", tag=tag, body=DocumentBody, answer=DocumentView, status=201, idempotent=True),
            Operation("GET", _ONE, self.one, level="viewer", tag=tag, answer=SourceView),
            Operation(
                "PUT", _ONE, self.replace, level="admin", tag=tag, body=DocumentBody, answer=DocumentView, versioned=True, also=(409,)
            ),
            Operation("DELETE", _ONE, self.delete, level="admin", tag=tag, status=204, versioned=True),
            Operation("POST", f"{_ONE}/restore", self.restore, level="admin", tag=tag, answer=DocumentView),
            Operation("GET", f"{_ONE}/chunks", self.chunks, level="viewer", tag=tag, query=ListQuery, answer=ChunkPage),
        ]

    async def show(self, call: Call) -> Answer:
        """Show the bases an agent answers from."""
        await self._check_agent(call)
        found = await self._documents.bases(call.tenant_id, call.uuid("id"))
        return Answer(KnowledgeView(bases=[base_view(item) for item in found]))

    async def search(self, call: Call[SearchBody]) -> Answer:
        """Search the documents as the agent does, with scores.

        Documents count at once, whether or not the agent was published since the first one was added.
        """
        await self._check_agent(call)
        bases = await self._documents.bases(call.tenant_id, call.uuid("id"))
        question = Question(call.tenant_id, tuple([str(base.id) for base in bases]), call.body.text, call.body.limit)
        try:
            return Answer(search_view(await self._knowledge.search(question)))
        except TransientError as error:
            raise Problem(503, f"documents cannot be searched now, try again in a moment: {error}", reason="knowledge-away") from None

    async def list(self, call: Call[None, DocumentQuery]) -> Answer:
        """List an agent's documents, oldest first."""
        await self._check_agent(call)
        place, limit = after_number(call.page) or 0, call.page.limit + 1
        which = Which(call.query.deleted, call.query.site_id, call.query.single)
        found = await self._documents.page(call.tenant_id, call.uuid("id"), place, limit, which)
        return call.listed(DocumentPage, found, document_view, lambda last: last.position)

    async def add(self, call: Call[DocumentBody]) -> Answer:
        """Add a document. It is found by its words at once, by meaning within seconds.

        The first one makes a base; publish the agent to answer from it. Later ones need no publication.
        """
        new = await _cut(call.body)
        return self._shown(call, await self._documents.add(call.tenant_id, call.caller.actor, call.uuid("id"), new), "id")

    async def one(self, call: Call) -> Answer:
        """Show a document with its text, deleted or not."""
        ids = (call.uuid("id"), call.uuid("document_id"))
        item, text = await self._documents.find(call.tenant_id, *ids), await self._documents.source(call.tenant_id, *ids)
        if item is None or text is None:
            raise call.missing()
        return Answer(source_view(item, text), etag=item.version)

    async def replace(self, call: Call[DocumentBody]) -> Answer:
        """Replace a document as a whole: one that somebody typed."""
        new, ids = await _cut(call.body), (call.uuid("id"), call.uuid("document_id"))
        try:
            with refusals():
                item = await self._documents.replace(call.tenant_id, call.caller.actor, *ids, call.if_match, new)
        except NotTyped as error:
            raise Problem(409, str(error), reason="document-not-typed") from None
        return self._shown(call, item)

    async def delete(self, call: Call) -> Answer:
        """Delete a document; it can be restored."""
        ids = (call.uuid("id"), call.uuid("document_id"))
        with refusals():
            gone = await self._documents.delete(call.tenant_id, call.caller.actor, *ids, call.if_match)
        if gone is None:
            raise call.missing()
        return Answer(status=204)

    async def restore(self, call: Call) -> Answer:
        """Bring a deleted document back; one that is there stays as it is."""
        ids = (call.uuid("id"), call.uuid("document_id"))
        return self._shown(call, await self._documents.restore(call.tenant_id, call.caller.actor, *ids))

    async def chunks(self, call: Call[None, ListQuery]) -> Answer:
        """List the chunks of a document in their order."""
        place, limit = after_number(call.page) or 0, call.page.limit + 1
        found = await self._documents.chunks(call.tenant_id, call.uuid("id"), call.uuid("document_id"), place, limit)
        if found is None:
            raise call.missing()
        return call.listed(ChunkPage, found, chunk_view, lambda last: last.position)

    async def _check_agent(self, call: Call[None] | Call[SearchBody] | Call[None, DocumentQuery]) -> None:
        if await self._drafts.find(call.tenant_id, call.uuid("id")) is None:
            raise call.missing("id")

    def _shown(self, call: Call[DocumentBody] | Call, item: DocumentItem | None, name: str | None = None) -> Answer:
        if item is None:
            raise call.missing(name)
        return Answer(document_view(item), etag=item.version)


async def _cut(body: DocumentBody) -> NewDocument:
    try:
        pieces = await asyncio.to_thread(_pieces, body)  # a large one takes some milliseconds
    except InvalidInput as error:
        raise Problem(422, str(error), reason="document", errors=[Flaw(str(error), "document", pointer="/text")]) from None
    return NewDocument(body.title, body.kind, body.text, pieces)


def _pieces(body: DocumentBody) -> list[Piece]:
    from integrations.documents.cutting import cut  # noqa: PLC0415  # a parser of Markdown: who takes messages in does not pay for it

    return cut(body.kind, body.text)
