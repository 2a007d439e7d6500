"""The embedder off the event loop: loaded when it is first needed, one thread, questions in small batches."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from actors.ports.embedding import Embedder
from actors.ports.time import Clock

if TYPE_CHECKING:
    from actors.ports.embedding import Vectors

log = logging.getLogger(__name__)

AT_ONCE = 16  # questions of one batch; more make the first one wait longer than they save
RETRY_S = 60.0  # after an embedder could not be loaded


class Embedding:
    """Owns the embedder of a process."""

    def __init__(self, make: Callable[[], Embedder], clock: Clock) -> None:
        self._make = make
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "embedder")
        self._embedder: Embedder | None = None
        self._loading: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._waiting: deque[tuple[str, asyncio.Future[Vectors]]] = deque()
        self._answering: asyncio.Task[None] | None = None
        self.why = "the embedder is not loaded yet"
        self.embedded = 0

    @property
    def embedder(self) -> Embedder | None:
        """Return the embedder once it is loaded; the first look begins to load it."""
        if self._embedder is None:
            self._load()
        return self._embedder

    async def query(self, text: str) -> "Vectors":
        """Return the vector of a question, embedded together with others that wait; only with an embedder."""
        future: asyncio.Future[Vectors] = asyncio.get_running_loop().create_future()
        self._waiting.append((text, future))
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._answer(), name="embed questions")
        return await future

    async def sentences(self, texts: Sequence[str]) -> "Vectors":
        """Return the vectors of sentences that questions are compared with: they are embedded as questions are. Only with an embedder."""
        assert self._embedder is not None
        vectors = await asyncio.get_running_loop().run_in_executor(self._thread, self._embedder.queries, texts)
        self.embedded += len(texts)
        return vectors

    async def passages(self, texts: Sequence[str]) -> "Vectors":
        """Return the vectors of texts to be found; a question waits at most for one such call. Only with an embedder."""
        assert self._embedder is not None
        vectors = await asyncio.get_running_loop().run_in_executor(self._thread, self._embedder.passages, texts)
        self.embedded += len(texts)
        return vectors

    async def close(self) -> None:
        """Take nothing new; what a model computes just now ends by itself."""
        tasks = [task for task in (self._loading, self._answering) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _load(self) -> None:
        if self._loading is None and self._clock.monotonic() >= self._not_before:
            self._loading = asyncio.create_task(self._loaded(), name="load the embedder")

    async def _loaded(self) -> None:
        try:
            self.why = "the embedder is being loaded"
            self._embedder = await asyncio.get_running_loop().run_in_executor(self._thread, self._make)
            self.why = ""
        except Exception as error:  # a library or a file that is broken in whatever way: searching by words goes on
            log.exception("the embedder cannot be loaded")
            self.why = f"the embedder cannot be loaded: {error}"
            self._not_before = self._clock.monotonic() + RETRY_S
        finally:
            self._loading = None

    async def _answer(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            batch = [(text, future) for text, future in batch if not future.done()]
            if batch:
                await self._answer_batch(batch)

    async def _answer_batch(self, batch: "Sequence[tuple[str, asyncio.Future[Vectors]]]") -> None:
        assert self._embedder is not None
        texts = [text for text, _ in batch]
        try:
            vectors = await asyncio.get_running_loop().run_in_executor(self._thread, self._embedder.queries, texts)
        except Exception as error:  # whoever asked learns it; the next batch is tried all the same
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), vector in zip(batch, vectors, strict=True):
            if not future.done():
                future.set_result(vector)
