"""Knowledge beyond the published version: documents in bases, searched by KnowledgeActors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from actors.domain.ids import TenantId
from actors.domain.knowledge.hybrid import Hit
from actors.domain.knowledge.likeness import NO_COMPARISON, Compared
from actors.domain.knowledge.models import Verdict

if TYPE_CHECKING:
    from actors.ports.embedding import Vectors


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for, in which bases of one tenant, and with which sentences it is to be compared in meaning."""

    tenant_id: TenantId
    bases: tuple[str, ...]
    text: str
    limit: int = 8
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """What was found, best first. Without an `embedder` only words were compared, and `why` says why."""

    verdict: Verdict
    hits: tuple[Hit, ...] = ()
    embedder: str = ""
    why: str = ""
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    compared: Compared = NO_COMPARISON


class Knowledge(Protocol):
    """Documents as hosts and the gateway search them."""

    async def search(self, question: Question) -> Answered:
        """Search within a fraction of a second.

        Raises:
            TransientError: no answer in time, or nobody answers.
        """

    async def chunk(self, tenant_id: TenantId, chunk_id: int) -> Hit | None:
        """Return one chunk; None if it is gone.

        Raises:
            TransientError: it cannot be read now.
        """


@dataclass(frozen=True, slots=True)
class BaseState:
    """A base as KnowledgeActors see it: `embedded` is the version whose chunks all have vectors of `embedder`."""

    id: UUID
    tenant_id: TenantId
    version: int
    embedded: int
    embedder: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk with its document's title."""

    id: int
    document_id: UUID
    title: str
    heading: str
    text: str
    page: int | None = None
    row: int | None = None

    @property
    def embedded_text(self) -> str:
        """Return what is embedded: a chunk alone often does not say what it is about."""
        return f"{self.heading or self.title}\n{self.text}"


@dataclass(frozen=True, slots=True)
class BaseContent:
    """All that a search in a base needs. A chunk whose vector is not there yet has None."""

    base: BaseState
    chunks: Sequence[Chunk]
    vectors: Sequence[bytes | None]


class KnowledgeStore(Protocol):
    """Bases as KnowledgeActors read and complete them."""

    async def states(self, tenant_id: TenantId, bases: Sequence[UUID]) -> Sequence[BaseState]:
        """Return those of the bases that the tenant has."""

    async def all_states(self) -> Sequence[BaseState]:
        """Return every base of every tenant."""

    async def behind(self) -> Sequence[BaseState]:
        """Return the bases of all tenants whose chunks may lack vectors."""

    async def content(self, tenant_id: TenantId, base_id: UUID) -> BaseContent | None:
        """Return a base as of one moment, with the vectors of its embedder; None if it is gone."""

    async def without_vector(self, base: BaseState, embedder: str, limit: int) -> Sequence[Chunk]:
        """Return chunks that have no vector of this embedder yet."""

    async def add_vectors(self, base: BaseState, embedder: str, chunks: Sequence[int], vectors: "Vectors") -> None:
        """Store the vectors of chunks; what is gone or has one is passed over."""

    async def complete(self, base: BaseState, embedder: str) -> bool:
        """Say that all chunks of this version have vectors of this embedder, and drop those of others; False if it changed meanwhile."""


class Snapshot(Protocol):
    """One version of one base, ready to be searched; immutable."""

    @property
    def base(self) -> BaseState: ...

    @property
    def bytes(self) -> int:
        """Return about how much memory it takes."""

    def search(self, vector: "Vectors | None", text: str, limit: int) -> Sequence[Hit]:
        """Return the best chunks; without a vector by words alone. Not for the event loop."""
