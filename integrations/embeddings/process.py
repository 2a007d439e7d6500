"""An embedder in a process of its own.

Loading torch holds the interpreter for seconds, and whoever answers questions must not stand still meanwhile.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from actors.domain.errors import TransientError
from actors.domain.knowledge.hybrid import Thresholds
from actors.domain.knowledge.likeness import Levels
from integrations.embeddings.choose import Choice, chosen

if TYPE_CHECKING:
    from actors.ports.embedding import Embedder, Manner, Vectors

LOAD_S = 300.0  # making and loading both models takes 15 s on an idle machine
COMPUTE_S = 60.0
T = TypeVar("T")
_made: "list[Embedder]" = []  # in the child: the one it has


class EmbedderProcess:
    """Has the same methods as the embedder in the child. A child that died is replaced at the next call."""

    def __init__(self, choice: Choice, model: str, data_dir: Path) -> None:
        """Start the child and wait until it has loaded.

        Raises:
            TransientError: it did not come up.
        """
        self._arguments = (choice, model, data_dir)
        self._pool = self._start()
        self.id: str
        self.dimension: int
        self.thresholds: Thresholds
        self.levels: Levels
        self.manner: Manner
        self.id, self.dimension, self.thresholds, self.levels, self.manner = self._call(_about, LOAD_S)

    def passages(self, texts: Sequence[str]) -> "Vectors":
        """Return a row for each text to be found."""
        return self._call(_passages, COMPUTE_S, list(texts))

    def queries(self, texts: Sequence[str]) -> "Vectors":
        """Return a row for each question."""
        return self._call(_queries, COMPUTE_S, list(texts))

    def _start(self) -> ProcessPoolExecutor:
        spawn = multiprocessing.get_context("spawn")  # a fork would copy connections and locks of the parent
        return ProcessPoolExecutor(1, spawn, _load, self._arguments)

    def _call(self, function: Callable[..., T], timeout_s: float, *arguments: object) -> T:
        try:
            return self._pool.submit(function, *arguments).result(timeout_s)
        except (BrokenProcessPool, TimeoutError) as error:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = self._start()
            raise TransientError(f"the embedder's process did not answer: {error or type(error).__name__}") from error


def _load(choice: Choice, model: str, data_dir: Path) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _made.append(chosen(choice, model, data_dir)())


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(0)


def _about() -> "tuple[str, int, Thresholds, Levels, Manner]":
    made = _made[0]
    return made.id, made.dimension, made.thresholds, made.levels, made.manner


def _passages(texts: list[str]) -> "Vectors":
    return _made[0].passages(texts)


def _queries(texts: list[str]) -> "Vectors":
    return _made[0].queries(texts)
