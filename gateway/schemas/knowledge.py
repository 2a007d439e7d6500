"""Documents: what is sent, what is shown, and how a question fared."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from actors.domain.knowledge.hybrid import Hit
from actors.ports.documents import FileKind
from actors.ports.knowledge import Answered
from gateway.schemas.bodies import MAX_BODY, Body, ListQuery, View, cleaned
from storage.knowledge.documents import BaseItem, ChunkItem
from storage.knowledge.rows import DocumentItem

Kind = Literal["text", "markdown", "csv"]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), BeforeValidator(cleaned)]
Source = Annotated[str, StringConstraints(min_length=1, max_length=MAX_BODY), BeforeValidator(cleaned)]
Asked = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000), BeforeValidator(cleaned)]
Verdict = Literal["sure", "maybe", "no"]


class BaseView(View):
    """A base that the agent answers from. `published`: the published version does; `complete`: everything is found by meaning."""

    id: UUID
    name: str
    documents: int
    complete: bool
    published: bool
    embedder: str


class KnowledgeView(View):
    """The bases of an agent."""

    bases: Sequence[BaseView]


class DocumentQuery(ListQuery):
    """Which documents: those in use, or the deleted ones; all, the pages of one site, or those that are no page of a site."""

    deleted: bool = False
    site_id: UUID | None = None
    single: bool = False


class DocumentBody(Body):
    """A document. A CSV table holds a question and an answer in each row."""

    title: Title
    kind: Kind = "text"
    text: Source


class DocumentProblem(View):
    """Why a document could not be read: a word for programs, and what to do."""

    code: str
    detail: str


class DocumentProgress(View):
    """How far a reading is: pages of a PDF; `total` is null while nobody knows."""

    done: int
    total: int | None


class DocumentView(View):
    """A document without its text. All chunks are found by their words at once, `embedded` of them by meaning, too.

    `origin`: somebody typed it, or it came as a `file` or from a `page` of the web; those are `reading` while the job `job_id` reads
    them. One that `failed` keeps the chunks of its last good reading. `size` is in bytes, as it came.
    """

    id: UUID
    base_id: UUID
    title: str
    kind: FileKind
    origin: Literal["typed", "file", "page"]
    state: Literal["reading", "ready", "failed"]
    problem: DocumentProblem | None
    progress: DocumentProgress | None
    file_name: str
    address: str
    site_id: UUID | None
    job_id: UUID | None
    size: int
    read_at: datetime | None
    characters: int
    chunks: int
    embedded: int
    version: int
    created_at: datetime
    changed_at: datetime
    changed_by: str
    deleted_at: datetime | None


class DocumentPage(View):
    """Documents, oldest first."""

    items: list[DocumentView]
    next: str | None


class SourceView(DocumentView):
    """A document with its text."""

    text: str


class ChunkView(View):
    """A chunk: what is found, shown to a model and given as an answer. It stands on a `page`, or in a `row` of a table, from 1."""

    id: str
    position: int
    heading: str
    text: str
    page: int | None
    row: int | None
    embedded: bool


class ChunkPage(View):
    """The chunks of a document in their order."""

    items: list[ChunkView]
    next: str | None


class SearchBody(Body):
    """A question as a customer might ask it."""

    text: Asked
    limit: Annotated[int, Field(strict=True, ge=1, le=20)] = 8


class HitView(View):
    """A chunk that was found: `cosine` is the likeness of meaning, `words` that of words; `score` ranks."""

    chunk_id: str
    document_id: UUID
    title: str
    heading: str
    text: str
    verdict: Verdict
    score: float
    cosine: float
    words: float
    page: int | None
    row: int | None


class SearchView(View):
    """What the agent would find. `by_meaning` is false while only words can be compared; `why` says why."""

    verdict: Verdict
    by_meaning: bool
    why: str
    hits: list[HitView]


def base_view(item: BaseItem) -> BaseView:
    """Return a base."""
    return BaseView(
        id=item.id,
        name=item.name,
        documents=item.documents,
        complete=item.complete,
        published=item.published,
        embedder=item.embedder,
    )


def document_view(item: DocumentItem) -> DocumentView:
    """Return a document."""
    return DocumentView.model_validate(_fields(item))


def source_view(item: DocumentItem, text: str) -> SourceView:
    """Return a document with its text."""
    return SourceView.model_validate({**_fields(item), "text": text})


def chunk_view(item: ChunkItem) -> ChunkView:
    """Return a chunk."""
    place = {"page": item.page, "row": item.row, "position": item.position}
    return ChunkView(id=str(item.id), heading=item.heading, text=item.text, embedded=item.embedded, **place)


def search_view(answered: Answered) -> SearchView:
    """Return what was found."""
    hits = [_hit_view(hit) for hit in answered.hits]
    return SearchView(verdict=answered.verdict, by_meaning=bool(answered.embedder), why=answered.why, hits=hits)


def _hit_view(hit: Hit) -> HitView:
    return HitView(
        chunk_id=str(hit.chunk_id),
        document_id=UUID(hit.document_id),
        title=hit.title,
        heading=hit.heading,
        text=hit.text,
        verdict=hit.verdict,
        score=hit.score,
        cosine=hit.cosine,
        words=hit.words,
        page=hit.page,
        row=hit.row,
    )


def _fields(item: DocumentItem) -> dict[str, object]:
    problem = DocumentProblem(code=item.problem_code, detail=item.problem) if item.state == "failed" else None
    progress = DocumentProgress(done=item.done, total=item.total) if item.state == "reading" else None
    made = {"problem": problem, "progress": progress}
    return {name: made[name] if name in made else getattr(item, name) for name in DocumentView.model_fields}
