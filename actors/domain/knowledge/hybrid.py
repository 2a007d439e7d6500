"""How meaning and words together rank chunks, and what a score says; the measurements are in docs/knowledge.md."""

from collections.abc import Sequence
from dataclasses import dataclass

from actors.domain.knowledge.models import Verdict

# Equal votes for meaning and words hurt paraphrased questions (they share no words), so words are only a small bonus on the cosine.
LEXICAL_BONUS = 0.016
ID_PREFIX = "kb:"  # tells a chunk from a passage of the published version, in choices and sources


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the cosine of the best chunk says; they belong to one embedder and are calibrated for it."""

    maybe: float
    sure: float

    def verdict(self, cosine: float) -> Verdict:
        """Return whether a chunk with this cosine answers the question."""
        if cosine >= self.sure:
            return "sure"
        return "maybe" if cosine >= self.maybe else "no"


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found. `score` ranks; `cosine` is the likeness of meaning, `words` the share of the best BM25 score, 0..1."""

    chunk_id: int
    document_id: str
    title: str
    heading: str
    text: str
    score: float
    cosine: float
    words: float
    verdict: Verdict = "no"
    page: int | None = None
    row: int | None = None

    @property
    def place(self) -> str:
        """Return where it stands in its document, as sources name it."""
        if self.page is not None:
            return f"page:{self.page}"
        return f"row:{self.row}" if self.row is not None else ""

    @property
    def passage_id(self) -> str:
        """Return how choices and sources name it."""
        return f"{ID_PREFIX}{self.chunk_id}"

    @property
    def shown_title(self) -> str:
        """Return what people are shown of where it stands."""
        first, _, below = self.heading.partition(" / ")
        # Most pages have their title as their first heading, some with the name of the site behind it.
        twice = self.title.startswith(first) and not self.title[len(first) : len(first) + 2].strip().isalnum()
        heading = below if twice else self.heading
        return f"{self.title}: {heading}" if heading else self.title


def chunk_of(passage_id: str) -> int | None:
    """Return the chunk that a passage id names; None if it is a passage of the published version."""
    number = passage_id.removeprefix(ID_PREFIX)
    return int(number) if number != passage_id and number.isascii() and number.isdigit() else None


def best(hits: Sequence[Hit], limit: int) -> tuple[Hit, ...]:
    """Return the best hits of several bases in one order."""
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))[:limit])
