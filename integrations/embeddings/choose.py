"""Which embedder an installation uses."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from actors.domain.errors import TerminalError
from actors.domain.knowledge.hybrid import Thresholds
from actors.domain.knowledge.likeness import Levels

if TYPE_CHECKING:
    from actors.ports.embedding import Embedder
    from integrations.embeddings.e5 import E5Embedder
    from integrations.embeddings.use import UseEmbedder

Choice = Literal["auto", "e5+use", "e5", "use"]
E5_WEIGHT, USE_WEIGHT = 4.0, 1.0  # measured best of the mixtures; they complement each other on paraphrases
BOTH = Thresholds(maybe=0.705, sure=0.735)
BOTH_LEVELS = Levels(loose=0.796, normal=0.811, strict=0.825)


def chosen(choice: Choice, model: str, data_dir: Path) -> "Callable[[], Embedder]":
    """Return what makes the embedder; making it imports and loads for seconds, so not in the event loop.

    Args:
        choice: `auto` is both models where torch is installed, USE alone else.
        model: a directory in the format of sentence-transformers or a name at the hub; empty: made of an installed package.
        data_dir: where a made model is kept.
    """
    if choice == "use" or (choice == "auto" and find_spec("torch") is None):
        return _use
    if choice == "e5":
        return lambda: _e5(model, data_dir)
    return lambda: _both(model, data_dir)


def _use() -> "UseEmbedder":
    from integrations.embeddings.use import UseEmbedder  # noqa: PLC0415

    return UseEmbedder()


def _both(model: str, data_dir: Path) -> "Embedder":
    from integrations.embeddings.concat import Concat  # noqa: PLC0415

    return Concat([(_e5(model, data_dir), E5_WEIGHT), (_use(), USE_WEIGHT)], BOTH, BOTH_LEVELS)


def _e5(model: str, data_dir: Path) -> "E5Embedder":
    try:
        from integrations.embeddings.e5 import E5Embedder  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise TerminalError(f"{error.name} is not installed: see docs/knowledge.md, or set CALLBOARD_EMBEDDER=use") from error
    from integrations.embeddings.e5_directory import directory_of  # noqa: PLC0415

    return E5Embedder(directory_of(model, data_dir))
