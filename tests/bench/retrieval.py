"""Retrieval on tests/data/retrieval, through the same classes that answer customers.

`python -m tests.bench.retrieval [--embedder use]` prints one JSON object: recall and MRR of each file of questions over all passages of
both languages, what two models gain over each alone, what the thresholds do (calibrated on one half of the questions, reported on the
other), and how fast it is.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from actors.domain.ids import TenantId
from actors.domain.knowledge.hybrid import Hit, Thresholds
from actors.domain.knowledge.likeness import Levels
from actors.ports.embedding import Embedder
from actors.ports.knowledge import BaseContent, BaseState, Chunk
from integrations.embeddings.choose import Choice, chosen
from integrations.embeddings.manner import CommonManner
from storage.knowledge.snapshots import FaissSnapshot

DATA = Path(__file__).parents[1] / "data" / "retrieval"
KEPT = Path(tempfile.gettempdir()) / "callboard-models"  # a model is made once, not once a run
LANGUAGES = ("ru", "en")
WRONG_ANSWERS = 0.05  # of the questions nothing answers: what a threshold may let through
SHOWN = 10
HARD = ("hard_ru", "hard_en", "cross")


@dataclass(frozen=True)
class Asked:
    """A question with what was found for it, by passage id."""

    qid: int
    question: str
    gold: frozenset[str]
    hits: Sequence[Hit]

    @property
    def rank(self) -> int | None:
        """Return the place of the first right passage, from 1."""
        return next((n for n, hit in enumerate(self.hits, start=1) if hit.heading in self.gold), None)

    @property
    def reciprocal(self) -> float:
        """Return one by the rank; 0 where nothing right is among what is shown."""
        return 1 / self.rank if self.rank else 0.0

    @property
    def top(self) -> float:
        return self.hits[0].cosine


@dataclass(frozen=True)
class Plain:
    """An embedder that takes nothing out of questions."""

    id: str
    dimension: int
    thresholds: Thresholds
    levels: Levels
    passages: Callable[[Sequence[str]], NDArray[np.float32]]
    queries: Callable[[Sequence[str]], NDArray[np.float32]]

    @property
    def manner(self) -> CommonManner:
        return CommonManner.none(self.dimension)


def lines(name: str) -> list[dict[str, Any]]:
    """Return the objects of a file of the data set."""
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text().splitlines()]


def snapshot(embedder: Embedder, chunks: Sequence[Chunk], vectors: "NDArray[np.float32]") -> FaissSnapshot:
    """Return a snapshot of these chunks."""
    base = BaseState(UUID(int=1), TenantId(UUID(int=2)), 1, 1, embedder.id)
    return FaissSnapshot(BaseContent(base, chunks, [vector.tobytes() for vector in vectors]), embedder)


def library(embedder: Embedder, languages: Sequence[str] = LANGUAGES) -> FaissSnapshot:
    """Return all passages as one base; the title of each is its language, the heading its id, neither of which is embedded here."""
    rows = [(language, line) for language in languages for line in lines(f"kb_{language}")]
    chunks = [Chunk(n, UUID(int=1), language, f"{line['id']}.{language}", line["text"]) for n, (language, line) in enumerate(rows)]
    return snapshot(embedder, chunks, embedder.passages([line["text"] for _, line in rows]))


def ask(embedder: Embedder, base: FaissSnapshot, name: str, language: str) -> list[Asked]:
    """Return the questions of a file; right is the passage in the language of the questions, or in `language`."""
    rows = lines(name)
    vectors = embedder.queries([row["q"] for row in rows])
    return [
        Asked(row["qid"], row["q"], frozenset(f"{i}.{language}" for i in row.get("gold", ())), base.search(vectors[n], row["q"], SHOWN))
        for n, row in enumerate(rows)
    ]


def quality(asked: Sequence[Asked]) -> dict[str, float]:
    """Return recall at 1 and 5 and the mean reciprocal rank."""
    ranks = [a.rank for a in asked]
    return {
        "r1": _share([rank == 1 for rank in ranks]),
        "r5": _share([rank is not None and rank <= 5 for rank in ranks]),
        "mrr": round(sum(a.reciprocal for a in asked) / len(asked), 3),
        "n": len(ranks),
    }


def calibrated(outside: Sequence[Asked]) -> float:
    """Return the cosine above which the permitted part of the questions that nothing answers would be answered."""
    return float(np.quantile([a.top for a in outside], 1 - WRONG_ANSWERS))


def judged(asked: Sequence[Asked], threshold: float) -> dict[str, float]:
    """Return which part is answered, and which part of the answers is right."""
    answered = [a for a in asked if a.top >= threshold]
    return {"answered": _share([a.top >= threshold for a in asked]), "right": _share([a.rank == 1 for a in answered])}


def halves(asked: Sequence[Asked]) -> tuple[list[Asked], list[Asked]]:
    """Return the questions with even and with odd numbers."""
    return [a for a in asked if a.qid % 2 == 0], [a for a in asked if a.qid % 2]


def thresholds(embedder: Embedder, files: dict[str, list[Asked]]) -> dict[str, Any]:
    """Return what a threshold of one half does to the other, both ways, and what the embedder's own do to all."""
    outside = [a for language in LANGUAGES for a in files[f"out_of_scope_{language}"]]
    result: dict[str, Any] = {"own": [embedder.thresholds.maybe, embedder.thresholds.sure]}
    for name, (tuned, _), (_, reported) in _both_ways(outside, files):
        limit = calibrated(tuned["outside"])
        result[name] = {"sure": round(limit, 3), **{file: judged(rows, limit) for file, rows in reported.items()}}
    sure = {name: judged(rows, embedder.thresholds.sure) for name, rows in files.items()}
    maybe = {name: judged(rows, embedder.thresholds.maybe)["answered"] for name, rows in files.items()}
    return result | {"all_at_own_sure": sure, "all_at_own_maybe": maybe}


def _both_ways(outside: Sequence[Asked], files: dict[str, list[Asked]]) -> list[Any]:
    sides: list[dict[str, list[Asked]]] = [{"outside": half} for half in halves(outside)]
    for name, rows in files.items():
        for side, half in zip(sides, halves(rows), strict=True):
            side[name] = half
    even, odd = sides
    return [("tuned_on_even", (even, None), (None, odd)), ("tuned_on_odd", (odd, None), (None, even))]


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / len(values), 3) if values else 0.0


def questions(embedder: Embedder, base: FaissSnapshot) -> dict[str, list[Asked]]:
    """Return all questions of the data set with what is found for them."""
    names = [f"{kind}_{language}" for kind in ("natural", "hard", "out_of_scope") for language in LANGUAGES]
    return {name: ask(embedder, base, name, name[-2:]) for name in names}


def speed(embedder: Embedder) -> dict[str, float]:
    """Return searches in 10,000 chunks, and questions embedded, one at a time on one core."""
    random, texts = np.random.default_rng(1), [line["text"] for language in LANGUAGES for line in lines(f"kb_{language}")]
    vectors = random.standard_normal((10_000, embedder.dimension), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    chunks = [Chunk(n, UUID(int=1), "", "", f"{texts[n % len(texts)]} {n}") for n in range(len(vectors))]
    began = time.perf_counter()
    base = snapshot(embedder, chunks, vectors)
    built = time.perf_counter() - began
    asked = [row["q"] for language in LANGUAGES for kind in ("natural", "hard") for row in lines(f"{kind}_{language}")]
    queries = vectors[random.choice(len(vectors), 1_000)]
    took = [_timed(base, query, asked[n % len(asked)]) for n, query in enumerate(queries)]
    # Without words: the same search by hand, on all vectors.
    began = time.perf_counter()
    exact = [np.argsort(-(vectors @ embedder.manner.without(query)), kind="stable")[:8] for query in queries[:100]]
    by_hand = (time.perf_counter() - began) / 100
    same = [{hit.chunk_id for hit in base.search(q, "", 8)} == set(map(int, best)) for q, best in zip(queries[:100], exact, strict=True)]
    began = time.perf_counter()
    for text in asked[:50]:
        embedder.queries([text])
    return {
        "search_10k_p99_ms": round(float(np.quantile(took, 0.99)) * 1e3, 2),
        "search_10k_p50_ms": round(float(np.quantile(took, 0.5)) * 1e3, 2),
        "search_vs_exact": round(by_hand / float(np.mean(took)), 2),
        "search_equals_exact": _share(same),
        "build_10k_s": round(built, 2),
        "index_bytes_10k": base.bytes,
        "embed_queries_per_s": round(50 / (time.perf_counter() - began), 1),
    }


def _timed(base: FaissSnapshot, query: "NDArray[np.float32]", text: str) -> float:
    began = time.perf_counter()
    base.search(query, text, 8)
    return time.perf_counter() - began


def measure(choice: Choice = "auto") -> dict[str, Any]:
    """Return everything."""
    embedder = chosen(choice, "", KEPT)()
    found = columns(embedder)
    return {
        "embedder": embedder.id,
        "retrieval": {name: quality(asked) for name, asked in found.items()},
        "hard_gain_mrr": _gains(embedder, found),
        "named": named(embedder),
        "thresholds": thresholds(embedder, questions(embedder, library(embedder))),
        **speed(embedder),
    }


def columns(embedder: Embedder) -> dict[str, list[Asked]]:
    """Return the questions that have answers; in `cross` the questions are English and the passages Russian."""
    files = questions(embedder, library(embedder))
    answerable = {name: asked for name, asked in files.items() if not name.startswith("out")}
    return answerable | {"cross": ask(embedder, base_of(embedder, "ru"), "hard_en", "ru")}


def gained(before: Mapping[str, Sequence[Asked]], after: Mapping[str, Sequence[Asked]]) -> dict[str, float]:
    """Return how much the reciprocal rank of hard questions grew: the mean, and its 95 % interval by a paired bootstrap (seed 1)."""
    pairs = [(b, a) for name in HARD for b, a in zip(before[name], after[name], strict=True)]
    grown = np.array([a.reciprocal - b.reciprocal for b, a in pairs])
    means = np.random.default_rng(1).choice(grown, (4_000, len(grown))).mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return {"mean": round(float(grown.mean()), 3), "low": round(float(low), 3), "high": round(float(high), 3), "n": len(grown)}


def named(embedder: Embedder) -> dict[str, int]:
    """Return how many questions name a passage by their words, how often it is the right one, and how often nothing answers at all."""
    base = library(embedder)
    counts = {"asked": 0, "named": 0, "right": 0, "outside_asked": 0, "outside_named": 0}
    for kind, language in product(("natural", "hard", "out_of_scope"), LANGUAGES):
        outside = "outside_" if kind == "out_of_scope" else ""
        for row in lines(f"{kind}_{language}"):
            sure = [hit.heading for hit in base.search(None, row["q"], 1) if hit.verdict == "sure"]
            counts[f"{outside}asked"] += 1
            counts[f"{outside}named"] += len(sure)
            counts["right"] += len(set(sure) & {f"{i}.{language}" for i in row.get("gold", ())})
    return counts


def plain(embedder: Embedder) -> Embedder:
    """Return the same embedder putting passages in order by the whole question, as the prototype does."""
    return Plain(embedder.id, embedder.dimension, embedder.thresholds, embedder.levels, embedder.passages, embedder.queries)


def _gains(embedder: Embedder, found: Mapping[str, Sequence[Asked]]) -> dict[str, dict[str, float]]:
    if "+" not in embedder.id:
        return {}
    before = {"whole questions": plain(embedder), "use": chosen("use", "", KEPT)(), "e5": chosen("e5", "", KEPT)()}
    return {name: gained(columns(other), found) for name, other in before.items()}


def base_of(embedder: Embedder, language: str) -> FaissSnapshot:
    """Return the passages of one language as one base: questions in another one must cross over."""
    return library(embedder, (language,))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--embedder", choices=["auto", "e5+use", "e5", "use"], default="auto")
    print(json.dumps(measure(parser.parse_args().embedder), ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
