"""Comparing messages with sentences in meaning: each sentence is embedded when it is first asked for, and kept while there is room."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from actors.domain.knowledge.likeness import Compared
from actors.ports.embedding import Embedder
from actors.services.embedding import Embedding

if TYPE_CHECKING:
    from actors.ports.embedding import Vectors

AT_ONCE = 4  # sentences embedded at once: a question waits for no more
PATIENCE_S = 0.2  # for sentences nobody asked for yet: whoever asks waits half a second for everything
MOST = 20_000  # vectors kept: about 70 MB of the widest embedder
_DIGITS = 4  # of a cosine: what is decided is what a trace keeps

NOT_READ = "the sentences of scripts are still being read"


class Comparing:
    """Owns the vectors of sentences, by embedder and text."""

    def __init__(self, embedding: Embedding, most: int = MOST) -> None:
        self._embedding = embedding
        self._most = most
        self._known: OrderedDict[tuple[str, str], Vectors] = OrderedDict()  # least recently used first
        self._reading: dict[str, asyncio.Task[None]] = {}  # by sentence

    async def compare(self, sentences: Sequence[str], vector: "Vectors", embedder: Embedder) -> Compared:
        """Return the cosines of a message with sentences; what was never embedded is not waited for beyond PATIENCE_S.

        Args:
            sentences: the same texts again cost nothing.
            vector: one row, the message.
            embedder: whose vector that is.
        """
        unknown = [sentence for sentence in sentences if (embedder.id, sentence) not in self._known]
        if unknown:
            await asyncio.wait(self._read(unknown, embedder.id), timeout=PATIENCE_S)
        vectors = [self._known.get((embedder.id, sentence)) for sentence in sentences]
        cosines = tuple([round(float(known @ vector), _DIGITS) for known in vectors if known is not None])
        if len(cosines) < len(sentences):
            return Compared(why=NOT_READ)
        self._use(sentences, embedder.id)
        return Compared(cosines, embedder.levels, embedder.id)

    async def close(self) -> None:
        """Read no more."""
        for task in self._reading.values():
            task.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)

    def _read(self, unknown: Sequence[str], embedder: str) -> set[asyncio.Task[None]]:
        fresh = [sentence for sentence in unknown if sentence not in self._reading]
        if fresh:
            task = asyncio.create_task(self._embed(fresh, embedder), name="embed sentences of scripts")
            self._reading |= dict.fromkeys(fresh, task)
            task.add_done_callback(lambda done: self._forget(fresh, done))
        return {self._reading[sentence] for sentence in unknown}

    async def _embed(self, sentences: Sequence[str], embedder: str) -> None:
        for start in range(0, len(sentences), AT_ONCE):
            group = sentences[start : start + AT_ONCE]
            for sentence, vector in zip(group, await self._embedding.sentences(group), strict=True):
                self._known[embedder, sentence] = vector

    def _forget(self, sentences: Sequence[str], task: asyncio.Task[None]) -> None:
        for sentence in sentences:
            self._reading.pop(sentence, None)
        if not task.cancelled():
            task.exception()  # whoever waited finds its sentences missing

    def _use(self, sentences: Sequence[str], embedder: str) -> None:
        for sentence in sentences:
            self._known.move_to_end((embedder, sentence))
        while len(self._known) > self._most:
            self._known.popitem(last=False)
