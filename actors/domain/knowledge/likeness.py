"""How alike texts are in meaning, in words: cosines of one embedder, and from where on they say the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Strictness = Literal["strict", "normal", "loose"]
STRICTEST_FIRST: tuple[Strictness, ...] = ("strict", "normal", "loose")


@dataclass(frozen=True, slots=True)
class Levels:
    """From which cosine on two sentences are taken for the same; they belong to one embedder and are calibrated for it."""

    loose: float
    normal: float
    strict: float

    def of(self, strictness: Strictness) -> float:
        """Return the lowest cosine that is enough."""
        return {"strict": self.strict, "normal": self.normal, "loose": self.loose}[strictness]

    def closeness(self, cosine: float) -> Strictness | Literal["no"]:
        """Return the strictest word for which it is enough, `no` if it is for none."""
        return next((word for word in STRICTEST_FIRST if cosine >= self.of(word)), "no")


NO_LEVELS = Levels(2.0, 2.0, 2.0)  # no cosine reaches them


@dataclass(frozen=True, slots=True)
class Compared:
    """The cosines of a message with sentences, in their order. Without an `embedder` there are none, and `why` says why."""

    cosines: Sequence[float] = ()
    levels: Levels = NO_LEVELS
    embedder: str = ""
    why: str = ""


NO_COMPARISON = Compared()


@dataclass(frozen=True, slots=True)
class Likeness:
    """The nearest sentence of each script with its cosine, by the script's id; `why` says why nothing was compared."""

    nearest: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    levels: Levels = NO_LEVELS
    embedder: str = ""
    why: str = ""


NOT_COMPARED = Likeness()
