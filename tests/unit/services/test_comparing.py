"""Sentences are embedded once for each embedder, kept while there is room, and whoever cannot have them in time is told so."""

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from actors.domain.knowledge.hybrid import Thresholds
from actors.domain.knowledge.likeness import Levels
from actors.runtime.clock import SystemClock
from actors.services import comparing
from actors.services.comparing import NOT_READ, Comparing
from actors.services.embedding import Embedding
from integrations.embeddings.manner import CommonManner


class Letters:
    """As alike as the first letters are."""

    thresholds = Thresholds(0.3, 0.6)
    levels = Levels(loose=0.4, normal=0.6, strict=0.8)
    dimension = 128
    manner = CommonManner.none(128)

    def __init__(self, name: str = "letters") -> None:
        self.id = name
        self.asked: list[str] = []

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return np.eye(self.dimension, dtype=np.float32)[[ord(text[0]) for text in texts]]

    passages = queries


async def loaded(embedder: Letters) -> Embedding:
    embedding = Embedding(lambda: embedder, SystemClock())
    async with asyncio.timeout(5):
        while embedding.embedder is None:
            await asyncio.sleep(0.01)
    return embedding


async def test_a_sentence_is_embedded_once_for_each_embedder() -> None:
    first, second = Letters(), Letters("others")
    embedding = await loaded(first)
    own, sentences = Comparing(embedding), [f"{letter} sentence" for letter in "abcdefg"]
    vector = await embedding.query("a message")
    for _ in range(2):
        compared = await own.compare(sentences, vector, first)
        assert (compared.cosines, compared.embedder, compared.levels) == ((1.0, *[0.0] * 6), "letters", Letters.levels)
    assert first.asked == ["a message", *sentences]
    assert (await own.compare(sentences[:1], vector, second)).embedder == "others"
    assert first.asked[-1] == sentences[0]  # what one embedder made is nothing to another
    await own.close()
    await embedding.close()


async def test_what_was_not_asked_for_longest_leaves() -> None:
    embedder = Letters()
    embedding = await loaded(embedder)
    own, vector = Comparing(embedding, most=2), await embedding.query("a")
    for asked in (["a1", "b1"], ["a1"], ["c1"], ["a1"]):
        await own.compare(asked, vector, embedder)
    assert embedder.asked == ["a", "a1", "b1", "c1"]
    await own.compare(["b1"], vector, embedder)
    assert embedder.asked[-1] == "b1"
    await own.close()
    await embedding.close()


async def test_an_embedder_that_fails_is_asked_again_at_the_next_question() -> None:
    embedder = Letters()
    embedding = await loaded(embedder)
    own, vector, read = Comparing(embedding), await embedding.query("a"), embedding.sentences

    async def broken(texts: Sequence[str]) -> NDArray[np.float32]:
        raise OSError(f"the process is gone: {texts}")

    embedding.sentences = broken  # type: ignore[method-assign]
    assert (await own.compare(["a1"], vector, embedder)).why == NOT_READ
    embedding.sentences = read  # type: ignore[method-assign]
    assert (await own.compare(["a1"], vector, embedder)).cosines == (1.0,)
    assert comparing.PATIENCE_S < 0.5  # of which whoever asks waits for everything
    await own.close()
    await embedding.close()
