"""Documents as they are handed in: files and addresses."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from actors.ports.documents import FileKind
from gateway.schemas.bodies import Body, Query, View, cleaned
from gateway.schemas.knowledge import DocumentProblem
from storage.knowledge.sites import SiteItem

ENDINGS: Mapping[str, FileKind] = {
    "txt": "text",
    "md": "markdown",
    "markdown": "markdown",
    "csv": "csv",
    "pdf": "pdf",
    "docx": "docx",
    "html": "html",
    "htm": "html",
}
_MARKS: Mapping[bytes, FileKind] = {b"%PDF-": "pdf"}
FileName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=255),
    BeforeValidator(cleaned),
    Field(description="as the file is called; its ending says what it is"),
]
Address = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=8, max_length=2_000, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/]"),
    BeforeValidator(cleaned),
]

SiteAddress = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=4,
        max_length=2_000,
        pattern=r"^(?:[Hh][Tt][Tt][Pp][Ss]?://[^\s/]|[^\s/:@.?#]+(?:\.[^\s/:@.?#]+)+(?::[0-9]{1,5})?(?:[/?#]|$))",
    ),
    BeforeValidator(cleaned),
    Field(description="where it begins; without a scheme, https is tried first, then http"),
]


class FileQuery(Query):
    """What is sent."""

    name: FileName

    @property
    def title(self) -> str:
        """Return the name without folders and ending."""
        base = self.name.replace("\\", "/").rsplit("/", 1)[-1]
        return PurePosixPath(base).stem[:200].strip() or base[:200] or self.name[:200]

    def kind(self, content: bytes) -> FileKind | None:
        """Return the form of the file: what it begins with counts more than its ending. None: it is not read."""
        marked = next((kind for mark, kind in _MARKS.items() if content.startswith(mark)), None)
        return marked or ENDINGS.get(self.name.rsplit(".", 1)[-1].lower() if "." in self.name else "")


class PageBody(Body):
    """A page of the web, or a document there."""

    address: Address


class DocumentAccepted(View):
    """A document that will be read, and the job that reads it: `GET /api/jobs/{id}`."""

    job_id: UUID
    document_id: UUID


class SiteBody(Body):
    """A site: where it begins. Pages of the same host are read."""

    address: SiteAddress


class SiteAccepted(View):
    """A site that will be read, and the job that reads it."""

    job_id: UUID
    site_id: UUID


class SiteProgress(View):
    """How far a reading is: pages; `note` is the path of the last one."""

    done: int
    total: int | None
    note: str


class SiteView(View):
    """A site whose pages are documents. `read_at`: when all of it was read last."""

    id: UUID
    base_id: UUID
    address: str
    state: Literal["reading", "ready", "failed"]
    problem: DocumentProblem | None
    progress: SiteProgress | None
    pages: int
    job_id: UUID
    version: int
    created_at: datetime
    read_at: datetime | None
    changed_by: str
    deleted_at: datetime | None


class SitePage(View):
    """Sites, oldest first."""

    items: list[SiteView]
    next: str | None


def site_view(item: SiteItem) -> SiteView:
    """Return a site."""
    made = {
        "problem": DocumentProblem(code=item.problem_code, detail=item.problem) if item.state == "failed" else None,
        "progress": SiteProgress(done=item.done, total=item.total, note=item.note) if item.state == "reading" else None,
    }
    return SiteView.model_validate({name: made[name] if name in made else getattr(item, name) for name in SiteView.model_fields})
