"""Proposals in words: a passage of a site, a script that could be made of it, a question that nothing on the site answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from actors.domain.knowledge.hybrid import Hit
from actors.domain.knowledge.models import Verdict

Way = Literal["extractive", "model"]
Notice = Literal["", "nothing", "login", "one-page"]
MOST_PROPOSALS = 10
KEY_PREFIX = "site-"  # of the scripts that were accepted


@dataclass(frozen=True, slots=True)
class SitePassage:
    """A chunk of a page, with the address and the title of the page."""

    id: int
    address: str
    title: str
    heading: str
    text: str

    @property
    def subject(self) -> str:
        """Return the innermost heading it stands under."""
        return self.heading.rsplit(" / ", 1)[-1].strip()


@dataclass(frozen=True, slots=True)
class Looked:
    """What the search of the new knowledge base said to one question of the catalogue."""

    verdict: Verdict
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A script that could be: what customers say, the answer, and the page it was taken from.

    `id` is a topic of the catalogue, or names a question found on the site itself.
    """

    id: str
    name: str
    phrases: tuple[str, ...]
    answer: str
    source: str


@dataclass(frozen=True, slots=True)
class Near:
    """A page that may have to do with a question."""

    title: str
    address: str


@dataclass(frozen=True, slots=True)
class Open:
    """A question of the catalogue that the site does not answer surely. An answer of the owner's makes it a script.

    `hint` is what may be the answer: sentences of a page that `near` names first.
    """

    id: str
    name: str
    question: str
    phrases: tuple[str, ...]
    near: tuple[Near, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Proposals:
    """All that was found. `why` says why no model wrote them, where one was asked."""

    way: Way
    language: str
    name: str
    pages: int
    passages: int
    notice: Notice
    proposals: tuple[Proposal, ...]
    open: tuple[Open, ...]
    why: str = ""

    @property
    def ids(self) -> frozenset[str]:
        """Return the ids of all that may become a script."""
        return frozenset({one.id for one in self.proposals} | {one.id for one in self.open})


def read_proposals(raw: Mapping[str, Any]) -> Proposals:
    """Return proposals as they were stored by `dataclasses.asdict`."""
    proposals = tuple([Proposal(**{**one, "phrases": tuple(one["phrases"])}) for one in raw["proposals"]])
    left = tuple([_open(one) for one in raw["open"]])
    return Proposals(**{**raw, "proposals": proposals, "open": left})


def _open(raw: Mapping[str, Any]) -> Open:
    return Open(**{**raw, "phrases": tuple(raw["phrases"]), "near": tuple([Near(**near) for near in raw["near"]])})
