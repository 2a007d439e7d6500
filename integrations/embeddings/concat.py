"""Two models in one vector: one flat index serves both."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from actors.domain.knowledge.hybrid import Thresholds
from actors.domain.knowledge.likeness import Levels
from integrations.embeddings.manner import CommonManner

if TYPE_CHECKING:
    from actors.ports.embedding import Vectors
    from integrations.embeddings.e5 import E5Embedder
    from integrations.embeddings.use import UseEmbedder


class Concat:
    """Lays vectors side by side, each by the root of its weight: the inner product is the weighted mean of the cosines."""

    def __init__(self, parts: "Sequence[tuple[E5Embedder | UseEmbedder, float]]", thresholds: Thresholds, levels: Levels) -> None:
        whole = sum(weight for _, weight in parts)
        self._parts = [(embedder, float(np.sqrt(weight / whole))) for embedder, weight in parts]
        self.manner = CommonManner.joined([(embedder.manner, root) for embedder, root in self._parts])
        self.thresholds = thresholds
        self.levels = levels
        self.dimension = sum(embedder.dimension for embedder, _ in parts)
        self.id = "+".join(f"{weight:g}*{embedder.id}" for embedder, weight in parts)

    def passages(self, texts: Sequence[str]) -> "Vectors":
        """Return a row for each text to be found."""
        return np.concatenate([root * embedder.passages(texts) for embedder, root in self._parts], axis=1).astype(np.float32)

    def queries(self, texts: Sequence[str]) -> "Vectors":
        """Return a row for each question."""
        return np.concatenate([root * embedder.queries(texts) for embedder, root in self._parts], axis=1).astype(np.float32)
