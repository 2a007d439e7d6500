"""Both models together, where the extra `e5` is installed: made once, the measured quality, no worse for odd texts. Ten seconds or so."""

import numpy as np
import pytest

from integrations.embeddings.choose import chosen
from tests.bench import retrieval
from tests.unit.embeddings.test_use import ODD

pytestmark = pytest.mark.timeout(300)

# Recall at 1 and 5 of the prototype over all 150 passages, less two questions.
LEAST = {"natural_ru": (0.94, 0.94), "natural_en": (0.94, 0.94), "hard_ru": (0.40, 0.78), "hard_en": (0.48, 0.82)}


def test_the_default_is_as_good_as_measured() -> None:
    embedder = chosen("e5+use", "", retrieval.KEPT)()
    assert embedder.id.startswith("4*e5/")
    assert np.isfinite(embedder.queries(ODD)).all()
    base = retrieval.library(embedder)
    for name, (r1, r5) in LEAST.items():
        found = retrieval.quality(retrieval.ask(embedder, base, name, name[-2:]))
        assert found["r1"] >= r1, (name, found)
        assert found["r5"] >= r5, (name, found)
    crossed = retrieval.quality(retrieval.ask(embedder, retrieval.base_of(embedder, "ru"), "hard_en", "ru"))
    assert crossed["r5"] >= 0.74, crossed
    made = sorted(path.name for path in (retrieval.KEPT / "models").iterdir())
    assert made == [name for name in made if name.count("-") == 4], "nothing half-made is left behind"
