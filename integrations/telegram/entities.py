"""Formatted text: characters and the entities over them, cut into pieces that Telegram takes.

Offsets count Python characters here; only `Piece.payload` counts UTF-16 units, as core.telegram.org/bots/api#messageentity asks.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

LIMIT = 4096
CAPTION_LIMIT = 1024
MOST_ENTITIES = 100  # of a message; the server ignores what comes after them
_BORDERS = ("\n\n", "\n", " ")  # the best place to cut first


@dataclass(frozen=True, slots=True)
class Entity:
    """A kind of formatting from `start` up to `end`."""

    kind: str
    start: int
    end: int
    url: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """One message's text with its entities."""

    text: str
    entities: tuple[Entity, ...] = ()

    def payload(self, text: str = "text", entities: str = "entities") -> dict[str, Any]:
        """Return the members of a Bot API call under these names."""
        if not self.entities:
            return {text: self.text}
        at = list(accumulate((2 if ord(c) > 0xFFFF else 1 for c in self.text), initial=0))
        return {text: self.text, entities: [_payload(entity, at) for entity in self.entities[:MOST_ENTITIES]]}


def split_formatted(whole: Piece, limit: int = LIMIT) -> list[Piece]:
    """Return `whole` in pieces of at most `limit` UTF-16 units.

    Cut at lines or words and between entities; an entity that is longer than a piece goes on in the next one.
    """
    if len(whole.text) * 2 <= limit:
        return [whole] if whole.text else []
    pieces, start = [], 0
    while start < len(whole.text):
        end = _fitting(whole.text, start, limit)
        if end < len(whole.text):
            end = _border(whole, start, end)
        piece = cut(whole, start, end)
        if piece.text:
            pieces.append(piece)
        start = end
    return pieces


def cut(whole: Piece, start: int, end: int) -> Piece:
    """Return a part without blanks around it; the server would trim them and the offsets would be wrong."""
    while start < end and whole.text[start].isspace():
        start += 1
    while end > start and whole.text[end - 1].isspace():
        end -= 1
    return Piece(whole.text[start:end], tuple(_within(whole.entities, start, end)))


def _within(entities: Iterable[Entity], start: int, end: int) -> Iterator[Entity]:
    for entity in entities:
        first, last = max(entity.start, start), min(entity.end, end)
        if first < last:
            yield replace(entity, start=first - start, end=last - start)


def _fitting(text: str, start: int, limit: int) -> int:
    """The end of the longest part from `start` of at most `limit` units; whole characters, so never half a surrogate pair."""
    while start < len(text) and text[start].isspace():  # blanks in front are not sent
        start += 1
    units = 0
    for at in range(start, min(len(text), start + limit)):
        units += 2 if ord(text[at]) > 0xFFFF else 1
        if units > limit:
            return at
    return min(len(text), start + limit)


def _border(whole: Piece, start: int, end: int) -> int:
    """Where to cut: the last good border in the second half, else one before the entity in the way, else inside it."""
    middle = (start + end) // 2
    return _outside(whole, middle, end) or _outside(whole, start, middle) or _inside(whole.text, middle, end)


def _outside(whole: Piece, low: int, high: int) -> int:
    """The best border after `low` that no entity spans; 0 if there is none."""
    for border in _BORDERS:
        for at in _borders(whole.text, border, low, high):
            if not _spanned(whole.entities, at):
                return at
    return 0


def _inside(text: str, low: int, high: int) -> int:
    """The best border anywhere, else the end of what fits."""
    return next((at for border in _BORDERS for at in _borders(text, border, low, high)), high)


def _borders(text: str, border: str, low: int, high: int) -> Iterator[int]:
    """Ends of `border`, last first; one that begins exactly at `high` counts: what follows it is trimmed."""
    if text.startswith(border, high):
        yield high
    at = text.rfind(border, low, high)
    while at > low:
        yield at + len(border)
        at = text.rfind(border, low, at)


def _spanned(entities: Sequence[Entity], at: int) -> bool:
    return any(entity.start < at < entity.end for entity in entities)


def _payload(entity: Entity, at: Sequence[int]) -> dict[str, Any]:
    offset = at[entity.start]
    body: dict[str, Any] = {"type": entity.kind, "offset": offset, "length": at[entity.end] - offset}
    return body | ({"url": entity.url} if entity.url else {}) | ({"language": entity.language} if entity.language else {})
