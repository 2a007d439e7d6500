"""The embedder that is always there: quality on the data set, thresholds judged on questions they were not set with, odd texts."""

from importlib.util import find_spec

import numpy as np
import pytest

from actors.domain.errors import TerminalError
from integrations.embeddings import choose
from integrations.embeddings.texts import LONGEST, clean
from integrations.embeddings.use import UseEmbedder
from tests.bench import retrieval

ODD = ["", " ", "\x00", "\ud800", "﷽" * 3_000, "ﷺ" * 10, "a" * 100_000, "👩‍👩‍👧‍👦" * 50, "\u202eabc", "😀"]


@pytest.fixture(scope="module")
def embedder() -> UseEmbedder:
    return UseEmbedder()


def test_odd_texts_become_finite_vectors(embedder: UseEmbedder) -> None:
    vectors = embedder.queries(ODD)
    assert vectors.shape == (len(ODD), embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()


def test_texts_are_cleaned() -> None:
    assert clean("ﬁn\x00\ud800e") == "fin e"
    assert len(clean("ﷺ" * LONGEST)) <= LONGEST


def test_natural_questions_find_their_passage(embedder: UseEmbedder) -> None:
    base = retrieval.library(embedder)
    for language in retrieval.LANGUAGES:
        found = retrieval.quality(retrieval.ask(embedder, base, f"natural_{language}", language))
        assert found["r1"] >= 0.80, (language, found)
        assert found["r5"] >= 0.97, (language, found)


def test_a_threshold_set_on_one_half_holds_on_the_other(embedder: UseEmbedder) -> None:
    files = retrieval.questions(embedder, retrieval.library(embedder))
    outside = [a for language in retrieval.LANGUAGES for a in files[f"out_of_scope_{language}"]]
    tuned, kept = retrieval.halves(outside)
    limit = retrieval.calibrated(tuned)
    assert retrieval.judged(kept, limit)["answered"] <= 0.2  # 22 questions: 5 % of them is one
    for language in retrieval.LANGUAGES:
        _, natural = retrieval.halves(files[f"natural_{language}"])
        assert retrieval.judged(natural, limit)["right"] >= 0.8


def test_without_torch_use_is_the_whole_embedder(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(choose, "find_spec", lambda _: None)
    assert choose.chosen("auto", "", tmp_path)().id == UseEmbedder.id  # type: ignore[arg-type]


@pytest.mark.skipif(find_spec("sentence_transformers") is not None, reason="it is installed")
def test_e5_without_its_library_says_what_to_do(tmp_path: object) -> None:
    with pytest.raises(TerminalError, match="not installed"):
        choose.chosen("e5", "", tmp_path)()  # type: ignore[arg-type]
