"""Knowledge in words: a passage, and what a search says about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from actors.domain.errors import Problem
from actors.domain.fields import Fields

Verdict = Literal["sure", "maybe", "no"]
RANK: Mapping[Verdict, int] = {"no": 0, "maybe": 1, "sure": 2}


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of knowledge that can be given to a customer as it stands."""

    id: str
    title: str
    text: str
    language: str = ""  # empty: for any
    place: str = ""  # in its document: `page:3`, `row:7`
    questions: tuple[str, ...] = ()  # that it was said to answer


@dataclass(frozen=True, slots=True)
class Found:
    """A passage with its BM25 score and which part of what the question says occurs in it.

    `coverage` is 0..1, rare words counting more; `matched` is the number of distinct stems.
    """

    passage: Passage
    score: float
    coverage: float
    matched: int


@dataclass(frozen=True, slots=True)
class Findings:
    """Passages, best first, and whether the best one may be given as the answer."""

    verdict: Verdict = "no"
    found: tuple[Found, ...] = ()


NOTHING_FOUND = Findings()


def read_passage(raw: object, place: str, problems: list[Problem]) -> Passage:
    """Read one passage of a definition; what is wrong is added to `problems`."""
    fields = Fields(raw, place, problems)
    passage_id = fields.text("id", required=True)
    text = fields.text("text", required=True)
    said = fields.texts("questions")
    return Passage(passage_id, fields.text("title", required=True), text, fields.text("language"), questions=said)


def together(one: Findings, other: Findings) -> Findings:
    """Return both, the surer one first; what both found stands once."""
    first, second = (other, one) if RANK[other.verdict] > RANK[one.verdict] else (one, other)
    known = {found.passage.id for found in first.found}
    return Findings(first.verdict, (*first.found, *[found for found in second.found if found.passage.id not in known]))
