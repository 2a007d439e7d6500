"""multilingual-e5-small by sentence-transformers."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from sentence_transformers import SentenceTransformer
from transformers.utils.logging import disable_progress_bar

from actors.domain.knowledge.hybrid import Thresholds
from actors.domain.knowledge.likeness import Levels
from integrations.embeddings.manner import CommonManner
from integrations.embeddings.texts import clean, unit
from integrations.embeddings.told import TOLD

if TYPE_CHECKING:
    from actors.ports.embedding import Vectors

QUERY, PASSAGE = "query: ", "passage: "  # the model was trained with them; without, it finds a third of what it finds with them
_COMMON = 0.7  # of the mean of what customers tell; 0.5 to 0.7 gain on both halves of the hard questions (docs/knowledge.md)
_BATCH = 16


class E5Embedder:
    """Reads a directory in the format of sentence-transformers."""

    thresholds = Thresholds(maybe=0.841, sure=0.857)
    levels = Levels(loose=0.882, normal=0.891, strict=0.895)

    def __init__(self, directory: Path) -> None:
        torch.set_num_threads(1)  # several make a question on a busy machine slower, not faster
        disable_progress_bar()
        self._model = SentenceTransformer(str(directory), device="cpu", local_files_only=True)
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.manner = CommonManner(_COMMON * self.queries(TOLD).mean(axis=0), (self.dimension,))
        weights = sha256((directory / "model.safetensors").read_bytes()).hexdigest()[:12]
        self.id = f"e5/{weights}/{QUERY.strip()}{PASSAGE.strip()}/{self.dimension}"

    def passages(self, texts: Sequence[str]) -> "Vectors":
        """Return a row for each text to be found."""
        return self._encode(PASSAGE, texts)

    def queries(self, texts: Sequence[str]) -> "Vectors":
        """Return a row for each question."""
        return self._encode(QUERY, texts)

    def _encode(self, prompt: str, texts: Sequence[str]) -> "Vectors":
        prompted = [prompt + clean(text) for text in texts]
        return unit(self._model.encode(prompted, batch_size=_BATCH, show_progress_bar=False, convert_to_numpy=True))
