"""BM25 over stems, compact: 12 bytes for each distinct word of each text.

Every weight is computed once, because none depends on the question.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from math import log

K1, B = 1.2, 0.75  # the usual constants of BM25
_NOTHING = (array("I"), array("d"))


class Bm25:
    """The postings of numbered texts; immutable after construction."""

    __slots__ = ("_idf", "_postings", "_unseen", "size")

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        counts = [Counter(stems) for stems in texts]
        frequency = Counter(chain.from_iterable(counts))
        average = sum(count.total() for count in counts) / max(len(counts), 1) or 1.0
        self.size = len(counts)
        self._idf = {stem: _idf(len(counts), df) for stem, df in frequency.items()}
        self._unseen = _idf(len(counts), 1)  # a word no text has weighs like the rarest one, however few texts there are
        self._postings: dict[str, tuple[array[int], array[float]]] = {}
        for number, count in enumerate(counts):
            norm = K1 * (1 - B + B * count.total() / average)
            for stem, times in count.items():
                numbers, weights = self._postings.setdefault(stem, (array("I"), array("d")))
                numbers.append(number)
                weights.append(self._idf[stem] * times * (K1 + 1) / (times + norm))

    def postings(self, stem: str) -> "tuple[array[int], array[float]]":
        """Return the numbers of the texts that have the stem, rising, and what it adds to the score of each."""
        return self._postings.get(stem, _NOTHING)

    def scores(self, asked: Sequence[str]) -> dict[int, float]:
        """Return the score of every text that shares one of the distinct stems `asked`."""
        scores: dict[int, float] = {}
        for stem in asked:
            for number, weight in zip(*self.postings(stem), strict=True):
                scores[number] = scores.get(number, 0.0) + weight
        return scores

    def coverage(self, number: int, asked: Sequence[str]) -> tuple[float, int]:
        """Return which part of the distinct stems `asked` a text holds, weighed by rarity (0..1), and how many."""
        shared = [stem for stem in asked if self._holds(number, stem)]
        whole = sum(self._idf.get(stem, self._unseen) for stem in asked)
        return (sum(self._idf[stem] for stem in shared) / whole if whole else 0.0), len(shared)

    @property
    def bytes(self) -> int:
        """Return about how much memory it takes."""
        entries = sum(len(numbers) for numbers, _ in self._postings.values())
        return entries * 12 + len(self._postings) * 400  # two arrays, a tuple, two dictionary entries, the word

    def _holds(self, number: int, stem: str) -> bool:
        numbers, _ = self.postings(stem)
        place = bisect_left(numbers, number)
        return place < len(numbers) and numbers[place] == number


def _idf(texts: int, frequency: int) -> float:
    return log(1 + (texts - frequency + 0.5) / (frequency + 0.5))
