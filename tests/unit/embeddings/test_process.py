"""The embedder's process: the same vectors, replaced when it dies, gone when its parent is."""

from pathlib import Path

import numpy as np
import psutil
import pytest

from actors.domain.errors import TransientError
from integrations.embeddings.process import EmbedderProcess
from integrations.embeddings.use import UseEmbedder

TEXTS = ["сколько стоит доставка?", "\x00", "how much is delivery?"]


def test_it_is_the_embedder_and_comes_back_after_its_death(tmp_path: Path) -> None:
    embedder = EmbedderProcess("use", "", tmp_path)
    assert (embedder.id, embedder.dimension, embedder.thresholds) == (UseEmbedder.id, UseEmbedder.dimension, UseEmbedder.thresholds)
    assert embedder.levels == UseEmbedder.levels
    expected = UseEmbedder().queries(TEXTS)
    assert np.allclose(embedder.queries(TEXTS), expected, atol=1e-5)
    for child in psutil.Process().children():
        if "spawn_main" in " ".join(child.cmdline()):
            child.kill()
            child.wait(10)
    with pytest.raises(TransientError):
        embedder.queries(TEXTS)
    assert np.allclose(embedder.queries(TEXTS), expected, atol=1e-5)
    embedder._pool.shutdown()
