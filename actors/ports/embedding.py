"""Texts as vectors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from actors.domain.knowledge.hybrid import Thresholds
from actors.domain.knowledge.likeness import Levels

if TYPE_CHECKING:  # hosts and the gateway know the ports and do not pay for numpy
    import numpy as np
    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[np.float32]


class Manner(Protocol):
    """What questions have in common in how they are written."""

    def without(self, question: "Vectors") -> "Vectors":
        """Return what is left of a question: passages are put in order by it, while cosines are those of the question itself."""


class Embedder(Protocol):
    """A model that turns texts into vectors of length 1, a row each. Not for the event loop: every call computes."""

    @property
    def id(self) -> str:
        """Return what vectors of it carry: model, weights, prompts and dimension; equal ids mean comparable vectors."""

    @property
    def dimension(self) -> int: ...

    @property
    def thresholds(self) -> Thresholds:
        """Return what its cosines of a question with passages say."""

    @property
    def levels(self) -> Levels:
        """Return what its cosines of two questions say."""

    @property
    def manner(self) -> Manner: ...

    def passages(self, texts: Sequence[str]) -> "Vectors":
        """Return the vectors of texts to be found."""

    def queries(self, texts: Sequence[str]) -> "Vectors":
        """Return the vectors of questions."""
