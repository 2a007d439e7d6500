"""Documents as they come: files and pages of the web, read into pieces that can be found."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

from actors.domain.errors import TerminalError
from actors.domain.jobs import Mark
from actors.ports.jobs import JobLease

FileKind = Literal["text", "markdown", "csv", "pdf", "docx", "html"]
Heard = Callable[[int, int], Awaitable[None]]


class Unreadable(TerminalError):
    """A document that cannot be read, however often one tries. `code` is a word for programs; the message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of a document, and where it stands in it: a page, or a row of a table, from 1."""

    heading: str
    text: str
    page: int | None = None
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a document holds. `text` is the whole, for people; `links` are those of a page of the web, as they stand there.

    A page without any text may still have links: it has no pieces.
    """

    title: str
    text: str
    pieces: Sequence[Piece]
    links: Sequence[str] = field(default_factory=tuple)


class DocumentReader(Protocol):
    """Reads what strangers wrote, where it can do no harm."""

    async def read(self, kind: FileKind, content: bytes, heard: Heard, *, charset: str = "", whole: bool = True) -> Reading:
        """Read a document.

        Args:
            kind: its form.
            content: its bytes.
            heard: is told how much is done of how much; what it raises ends the reading.
            charset: what the sender says of its letters; empty: nothing.
            whole: of a page: with what stands at the foot of all pages of its site.

        Raises:
            Unreadable: it cannot be read.
            TransientError: there was no room for it now.
        """


@dataclass(frozen=True, slots=True)
class Waiting:
    """A document to be read: a file has its content, a page of the web its address. `digest` is of the last reading."""

    id: UUID
    title: str
    kind: FileKind
    content: bytes | None
    address: str
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """How a document came: its bytes in number, and for a page of the web its form."""

    size: int
    kind: FileKind


class IncomingStore(Protocol):
    """Documents as the jobs see them that read them. Everything is written under the job's lease."""

    async def waiting(self, lease: JobLease, document_id: UUID) -> Waiting | None:
        """Return a document; None if it is gone."""

    async def keep(self, lease: JobLease, document_id: UUID, reading: Reading, arrived: Arrived, mark: Mark) -> bool:
        """Let a document hold what was read; return whether that changed anything.

        Raises:
            JobCancelled, OwnershipLost: nothing was written; let them through.
        """

    async def refuse(self, lease: JobLease, document_id: UUID, error: Unreadable) -> None:
        """Note why a document cannot be read; what it held before stays.

        Raises:
            JobCancelled, OwnershipLost: nothing was written; let them through.
        """


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address of the web holds. `address` is where redirects led to."""

    address: str
    kind: FileKind
    charset: str
    content: bytes


class Web(Protocol):
    """The web, as far as everybody may see it."""

    async def get(self, address: str, limit: int) -> Fetched:
        """Fetch a page or a file of at most `limit` bytes.

        Raises:
            Unreadable: it is not there, not for everybody, too large or no document.
            TransientError: it may be there later.
        """
