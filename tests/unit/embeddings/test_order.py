"""In which order chunks are found: without what all questions have in common, and what the words name first; cosines are the question's."""

from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from actors.domain.ids import TenantId
from actors.domain.knowledge.hybrid import Thresholds
from actors.domain.knowledge.likeness import Levels
from actors.ports.knowledge import BaseContent, BaseState, Chunk
from integrations.embeddings.manner import CommonManner
from storage.knowledge.snapshots import FaissSnapshot
from tests.bench.retrieval import Plain


def row(*numbers: float) -> NDArray[np.float32]:
    return np.array(numbers, np.float32)


QUESTION, FITS, CHATTY = row(0.8, 0.6, 0.0), row(0.6, 0.0, 0.8), row(0.6, 0.8, 0.0)
COMMON = CommonManner(row(0.0, 0.7, 0.0), (3,))


class Mannered(Plain):
    manner = COMMON


def snapshot(kind: type[Plain]) -> FaissSnapshot:
    none = lambda texts: np.zeros((len(texts), 3), np.float32)  # noqa: E731
    embedder = kind("three", 3, Thresholds(0.3, 0.9), Levels(0.1, 0.2, 0.3), none, none)
    base = BaseState(UUID(int=1), TenantId(UUID(int=2)), 1, 1, embedder.id)
    chunks = [Chunk(n, UUID(int=1), "", text, text) for n, text in enumerate(("alpha", "beta"))]
    return FaissSnapshot(BaseContent(base, chunks, [FITS.tobytes(), CHATTY.tobytes()]), embedder)


@pytest.mark.parametrize(("kind", "first"), [(Plain, ["beta", "alpha"]), (Mannered, ["alpha", "beta"])])
def test_a_passage_that_only_sounds_like_questions_is_no_longer_first(kind: type[Plain], first: list[str]) -> None:
    hits = snapshot(kind).search(QUESTION, "gamma", 2)
    assert [hit.text for hit in hits] == first
    assert {hit.text: (hit.cosine, hit.verdict) for hit in hits} == {"alpha": (0.48, "maybe"), "beta": (0.96, "sure")}


def test_each_part_of_a_vector_keeps_its_weight() -> None:
    other = CommonManner.none(2)
    joined = CommonManner.joined([(COMMON, 2.0), (other, 0.5)])
    question = np.concatenate([2.0 * QUESTION, 0.5 * row(0.0, 1.0)]).astype(np.float32)
    sought = joined.without(question)
    assert np.allclose(sought[:3], 2.0 * COMMON.without(QUESTION), atol=1e-6)
    assert np.array_equal(sought[3:], question[3:])
    assert np.linalg.norm(sought[:3]) == pytest.approx(2.0)


def test_a_question_that_is_nothing_but_manner_stays_a_number() -> None:
    assert np.isfinite(CommonManner(QUESTION, (3,)).without(QUESTION)).all()


def test_a_chunk_that_is_named_is_first_whatever_it_means() -> None:
    hits = snapshot(Plain).search(QUESTION, "alpha", 2)
    assert [(hit.text, hit.cosine, hit.verdict) for hit in hits] == [("alpha", 0.48, "sure"), ("beta", 0.96, "sure")]
    assert [hit.text for hit in snapshot(Plain).search(QUESTION, "alpha", 1)] == ["alpha"]
