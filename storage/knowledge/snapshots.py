"""One version of a base in memory: vectors in a flat FAISS index, words in BM25."""

from collections.abc import Sequence
from dataclasses import replace

import faiss
import numpy as np
from numpy.typing import NDArray

from actors.domain.errors import TerminalError
from actors.domain.knowledge.bm25 import Bm25
from actors.domain.knowledge.engine import asked_stems, stems_of, verdict_by_words
from actors.domain.knowledge.hybrid import LEXICAL_BONUS, Hit, Thresholds
from actors.domain.knowledge.models import Found, Passage
from actors.domain.text import words
from actors.ports.embedding import Embedder
from actors.ports.knowledge import BaseContent, BaseState, Chunk

# Measured: 0.3 ms at 10,000 chunks, 12 ms at 100,000. Above, an approximate index would be faster; it is not built, a base holds less.
_ALL_RANKED = 2_000  # up to here every chunk takes part in the mixture of meaning and words
_CANDIDATES = 200  # above: the nearest by meaning; a bonus of 0.016 does not lift what is behind them
_BY_WORDS = Thresholds(2.0, 2.0)  # no cosine reaches it
_PER_CHUNK = 400  # bytes of Python's objects beside the texts

faiss.omp_set_num_threads(1)  # several make small searches slower


class FaissSnapshot:
    """Searches one version of a base. Reading needs no lock."""

    def __init__(self, content: BaseContent, embedder: Embedder | None) -> None:
        """Index the content; takes milliseconds for hundreds of chunks, seconds for ten thousand (their words).

        Args:
            content: chunks and their vectors.
            embedder: the one that the vectors are of; without it, or without vectors, chunks are found by words alone.

        Raises:
            TerminalError: a stored vector is damaged.
        """
        self.base: BaseState = content.base
        self._thresholds = embedder.thresholds if embedder else _BY_WORDS
        self._manner = embedder.manner if embedder else None
        self._chunks = content.chunks
        self._passages = [_passage(chunk) for chunk in content.chunks]
        self._bm25 = Bm25([stems_of(passage) for passage in self._passages])
        self._numbers, self._index = _indexed(content.vectors)

    @property
    def bytes(self) -> int:
        """Return about how much memory it takes."""
        texts = sum(len(chunk.text) * 2 + len(chunk.heading) * 2 for chunk in self._chunks)
        vectors = self._index.ntotal * self._index.d * 4 if self._index else 0
        return int(vectors + self._bm25.bytes + texts + len(self._chunks) * _PER_CHUNK)

    @property
    def has_vectors(self) -> bool:
        """Return whether meaning can be compared."""
        return self._index is not None

    def search(self, vector: "NDArray[np.float32] | None", text: str, limit: int) -> Sequence[Hit]:
        """Return the best chunks, each with what its likeness says; without a vector by words alone."""
        asked = asked_stems(words(text))
        if vector is None or self._index is None:
            return self._by_words(asked, limit)
        lexical = self._lexical(asked)
        count = self._index.ntotal if self._index.ntotal <= _ALL_RANKED else min(self._index.ntotal, max(_CANDIDATES, limit))
        sought = vector if self._manner is None else self._manner.without(vector)
        likeness, places = self._index.search(sought.reshape(1, -1), count)
        numbers = self._numbers[places[0]]
        scores = likeness[0] + LEXICAL_BONUS * lexical[numbers]
        order = np.argsort(-scores, kind="stable")[:limit]
        cosines = self._index.reconstruct_batch(places[0][order]) @ vector
        hits = [
            self._hit(int(numbers[n]), float(scores[n]), float(cosine), float(lexical[numbers[n]]))
            for n, cosine in zip(order, cosines, strict=True)
        ]
        return self._named_first(hits, vector, lexical, asked)[:limit]

    def _named_first(self, hits: list[Hit], vector: "NDArray[np.float32]", lexical: NDArray[np.float64], asked: Sequence[str]) -> list[Hit]:
        """Put the chunk that the words of the question are enough for before what is only alike in meaning."""
        first = int(lexical.argmax())
        others = lexical.copy()
        others[first] = 0.0
        candidates = [number for number in (first, int(others.argmax())) if lexical[number] > 0.0]
        found = [Found(self._passages[n], float(lexical[n]), *self._bm25.coverage(n, asked)) for n in candidates]
        if verdict_by_words(found, asked) != "sure":
            return hits
        top = max([hit.score for hit in hits], default=0.0)
        named = replace(self._hit(first, top + LEXICAL_BONUS, self._cosine(first, vector), 1.0), verdict="sure")
        return [named, *(hit for hit in hits if hit.chunk_id != named.chunk_id)]

    def _cosine(self, number: int, vector: "NDArray[np.float32]") -> float:
        """Return the likeness of one chunk; 0 where it has no vector yet."""
        place = int(np.searchsorted(self._numbers, number))
        if self._index is None or place == len(self._numbers) or self._numbers[place] != number:
            return 0.0
        return float(self._index.reconstruct(place) @ vector)

    def _hit(self, number: int, score: float, cosine: float, lexical: float) -> Hit:
        chunk = self._chunks[number]
        verdict = self._thresholds.verdict(cosine)
        place = (chunk.id, str(chunk.document_id), chunk.title, chunk.heading, chunk.text)
        return Hit(*place, round(score, 4), round(cosine, 4), round(lexical, 4), verdict, chunk.page, chunk.row)

    def _lexical(self, asked: Sequence[str]) -> NDArray[np.float64]:
        """Return each chunk's BM25 score as a part of the best one."""
        scores = np.zeros(len(self._chunks))
        for stem in asked:
            numbers, weights = self._bm25.postings(stem)
            scores[np.frombuffer(numbers, np.uint32)] += np.frombuffer(weights, np.float64)
        return scores / (scores.max(initial=0.0) or 1.0)

    def _by_words(self, asked: Sequence[str], limit: int) -> list[Hit]:
        lexical = self._bm25.scores(asked)
        order = sorted(lexical, key=lambda number: (-lexical[number], number))[:limit]
        if not order:
            return []
        found = [Found(self._passages[n], lexical[n], *self._bm25.coverage(n, asked)) for n in order]
        verdict, best = verdict_by_words(found, asked), found[0].score
        hits = []
        for n in order:
            chunk, share = self._chunks[n], round(lexical[n] / best, 4)
            place = (chunk.id, str(chunk.document_id), chunk.title, chunk.heading, chunk.text)
            hits.append(Hit(*place, share, 0.0, share, verdict, chunk.page, chunk.row))
        return hits


def _passage(chunk: Chunk) -> Passage:
    return Passage(str(chunk.id), chunk.heading or chunk.title, chunk.text)


def _indexed(stored: Sequence[bytes | None]) -> "tuple[NDArray[np.int64], faiss.IndexFlatIP | None]":
    """Return which chunks have a vector, and the index of those, in the same order."""
    numbers = np.array([n for n, vector in enumerate(stored) if vector is not None], np.int64)
    present = [vector for vector in stored if vector is not None]
    if not present:
        return numbers, None
    if len({len(vector) for vector in present}) != 1 or len(present[0]) % 4:
        raise TerminalError("vectors of one embedder have different lengths")
    rows = np.frombuffer(b"".join(present), "<f4").reshape(len(present), -1).astype(np.float32, copy=False)
    if not np.isfinite(rows).all():
        raise TerminalError("a vector holds something that is no number")
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(np.ascontiguousarray(rows))
    return numbers, index
