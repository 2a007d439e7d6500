"""Scripts proposed to the two shops of tests/fakes/shop_sites.py, through the same classes that read and search a real site.

`python -m tests.bench.proposals [--embedder use]` prints one JSON object for each shop: how many scripts of the catalogue were
proposed, how many of them are right, which are wrong or were missed, and which of those have a right hint. With `--by-words` the
search has no embedder.
"""

import argparse
import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args
from uuid import UUID

from actors.domain.ids import TenantId
from actors.domain.proposing.engine import described, extractive, language
from actors.domain.proposing.models import Looked, Proposals, SitePassage
from actors.domain.proposing.topics import TOPICS
from actors.ports.embedding import Embedder
from actors.ports.knowledge import BaseContent, BaseState, Chunk
from actors.services.proposing import looked
from integrations.documents.formats import Form, read
from integrations.embeddings.choose import Choice, chosen
from storage.knowledge.snapshots import FaissSnapshot
from tests.bench.retrieval import KEPT
from tests.fakes.shop_sites import ENGLISH, RIGHT, RUSSIAN

_HITS = 5
SITES: Mapping[str, Mapping[str, str | bytes | int]] = {"ru": RUSSIAN, "en": ENGLISH}


@dataclass(frozen=True)
class Marks:
    """How the scripts of the catalogue fared; questions that stand on the site itself, and were answered there, are only counted."""

    proposed: int
    right: int
    wrong: Sequence[str]
    missed: Sequence[str]
    hinted: Sequence[str]
    asked_by_the_site: int


def passages_of(site: Mapping[str, str | bytes | int]) -> list[SitePassage]:
    """Return what the reader makes of a site."""
    found: list[SitePassage] = []
    for path, html in site.items():
        assert isinstance(html, str)
        reading = read(html.encode(), Form("html", "utf-8", path == "/"), lambda _, __: None)
        for piece in reading.pieces:
            found.append(SitePassage(len(found) + 1, f"https://shop.example{path}", reading.title, piece.heading, piece.text))
    return found


def look(passages: Sequence[SitePassage], embedder: Embedder | None) -> dict[str, Looked]:
    """Return what the search says to the catalogue's questions."""
    base = BaseState(UUID(int=1), TenantId(UUID(int=2)), 1, 1, embedder.id if embedder else "")
    chunks = [Chunk(passage.id, UUID(int=passage.id), passage.title, passage.heading, passage.text) for passage in passages]
    vectors = (
        [row.astype("<f4").tobytes() for row in embedder.passages([c.embedded_text for c in chunks])] if embedder else [None] * len(chunks)
    )
    snapshot = FaissSnapshot(BaseContent(base, chunks, vectors), embedder)

    async def search(question: str) -> Looked:
        hits = tuple(snapshot.search(embedder.queries([question])[0] if embedder else None, question, _HITS))
        return Looked(hits[0].verdict if hits else "no", hits)

    return asyncio.run(looked(search, language(passages)))


def proposed(site: Mapping[str, str | bytes | int], embedder: Embedder | None) -> Proposals:
    """Return what a site offers, without a model."""
    passages = passages_of(site)
    said = look(passages, embedder)
    return described("extractive", passages, extractive(passages, said), said, "shop.example")


def marked(found: Proposals) -> Marks:
    """Compare proposals with what stands on their site."""
    right, topics = RIGHT[found.language], {topic.id for topic in TOPICS}

    def holds(id_: str, answer: str) -> bool:
        return id_ in right and all(part in answer for part in right[id_])

    made = {one.id: one.answer for one in found.proposals if one.id in topics}
    good = {id_ for id_, answer in made.items() if holds(id_, answer)}
    hinted = sorted([one.id for one in found.open if holds(one.id, one.hint)])
    wrong, missed = sorted(made.keys() - good), sorted(right.keys() - good)
    return Marks(len(made), len(good), wrong, missed, hinted, len(found.proposals) - len(made))


def main() -> None:
    """Print the marks of both shops."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--embedder", choices=get_args(Choice), default="use")
    parser.add_argument("--by-words", action="store_true")
    given = parser.parse_args()
    embedder = None if given.by_words else chosen(given.embedder, "", KEPT)()
    for name, site in SITES.items():
        found = proposed(site, embedder)
        told: dict[str, Any] = {"site": name, "embedder": embedder.id if embedder else "words", **vars(marked(found))}
        print(json.dumps(told | {"open": [one.id for one in found.open]}, ensure_ascii=False))


if __name__ == "__main__":
    main()
