"""What questions have in common in their manner, whatever they are about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from actors.ports.embedding import Vectors


@dataclass(frozen=True)
class CommonManner:
    """A direction that questions share. Passages written that way come up for all of them, so it does not count in their order.

    Args:
        common: as long as a question's vector.
        parts: how long the parts are that a vector is made of, one for each model; each keeps its length, and so its weight.
    """

    common: "Vectors"
    parts: tuple[int, ...]

    def without(self, question: "Vectors") -> "Vectors":
        """Return the vector that passages are put in order by."""
        result = question - self.common
        start = 0
        for size in self.parts:
            part = slice(start, start + size)
            result[part] *= np.linalg.norm(question[part]) / max(float(np.linalg.norm(result[part])), 1e-12)
            start += size
        return result

    @classmethod
    def none(cls, dimension: int) -> "CommonManner":
        """Return that of a model whose questions and passages are alike in manner."""
        return cls(np.zeros(dimension, np.float32), (dimension,))

    @classmethod
    def joined(cls, parts: "Sequence[tuple[CommonManner, float]]") -> "CommonManner":
        """Return that of vectors laid side by side, each by its factor."""
        common = np.concatenate([factor * manner.common for manner, factor in parts]).astype(np.float32)
        return cls(common, tuple(size for manner, _ in parts for size in manner.parts))
