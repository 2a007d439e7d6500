"""Both models together: the quality of the prototype, better than each alone, no worse for odd texts."""

from pathlib import Path

import numpy as np
import pytest

from actors.ports.embedding import Embedder
from integrations.embeddings.choose import Choice, chosen
from integrations.embeddings.e5_directory import directory_of
from tests.bench import retrieval
from tests.unit.embeddings.test_use import ODD

# Recall at 1 and 5 of the prototype (4 * e5 + USE, 0.016 * BM25, all 150 passages) on the questions of tests/data/retrieval.
PROTOTYPE = {
    "natural_ru": (1.0, 1.0),
    "natural_en": (1.0, 1.0),
    "hard_ru": (0.483, 0.810),
    "hard_en": (0.534, 0.793),
    "cross": (0.448, 0.776),
}
TWO_QUESTIONS = 2.01


@pytest.fixture(scope="module")
def both() -> Embedder:
    return chosen("e5+use", "", retrieval.KEPT)()


def test_no_column_is_worse_than_the_prototype_by_more_than_two_questions(both: Embedder) -> None:
    for name, asked in retrieval.columns(both).items():
        found, (r1, r5) = retrieval.quality(asked), PROTOTYPE[name]
        slack = TWO_QUESTIONS / found["n"]
        assert found["r1"] >= r1 - slack, (name, found)
        assert found["r5"] >= r5 - slack, (name, found)


@pytest.mark.parametrize("alone", ["use", "e5"])
def test_hard_questions_are_answered_better_than_by_one_model(both: Embedder, alone: Choice) -> None:
    gain = retrieval.gained(retrieval.columns(chosen(alone, "", retrieval.KEPT)()), retrieval.columns(both))
    assert gain["low"] > 0, gain


def test_hard_questions_are_answered_better_than_by_the_prototype(both: Embedder) -> None:
    gain = retrieval.gained(retrieval.columns(retrieval.plain(both)), retrieval.columns(both))
    assert gain["low"] > 0, gain


def test_odd_texts_harm_nothing(both: Embedder) -> None:
    assert both.id.startswith("4*e5/")
    assert np.isfinite(both.queries(ODD)).all()


def test_the_model_is_made_once_and_nothing_half_made_stays(tmp_path: Path) -> None:
    made = directory_of("", tmp_path)
    weights = made / "model.safetensors"
    when = weights.stat().st_mtime_ns
    assert directory_of("", tmp_path) == made
    assert (weights.stat().st_mtime_ns, list((tmp_path / "models").iterdir())) == (when, [made])
