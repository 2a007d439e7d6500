"""What is done to every text before a model sees it."""

import unicodedata
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from actors.ports.embedding import Vectors

LONGEST = 8_000  # characters; the models read less, and tokenizers take long over megabytes


def clean(text: str) -> str:
    """Return the text in one form of Unicode (NFKC), without NUL and lone surrogates, at most LONGEST characters."""
    whole = text[:LONGEST].encode("utf-8", "ignore").decode("utf-8").replace("\x00", " ")
    return unicodedata.normalize("NFKC", whole)[:LONGEST]  # again: one character may become eighteen


def unit(vectors: object) -> "Vectors":
    """Return the rows as float32 of length 1; a row of zeros stays."""
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    result: Vectors = (rows / np.maximum(lengths, 1e-12)).astype(np.float32)
    return result
