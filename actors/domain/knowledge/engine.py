"""Which passage answers: BM25 over stems, and a verdict from thresholds that were measured.

Measured on 15 small businesses, 150 passages a language (tests/data/retrieval, asserted by test_calibration.py), both languages together:

- 78 questions as customers ask: 63 answered (sure), 62 of them rightly; 11 offered a choice, 10 of which hold the right passage; 4 neither.
- 116 questions in words the passages do not use: 2 answered, both rightly; 3 offered a choice. Word forms cannot do more; a person answers.
- 40 questions that no passage answers: none answered, 11 offered a choice.

The thresholds were set with these questions, so expect somewhat less elsewhere.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import nlargest
from itertools import chain
from math import log

from actors.domain.knowledge.models import NOTHING_FOUND, Findings, Found, Passage, Verdict
from actors.domain.stopwords import STOP_STEMS
from actors.domain.text import Words, words

K1, B = 1.2, 0.75  # the usual constants of BM25
SURE_COVERAGE = 0.5  # half of what the question says, weighed by rarity
SURE_STEMS = 2  # one common word proves nothing: "are you a robot?" finds the robot vacuum cleaner
CLEAR_LEAD = 0.9  # a second passage within 10 % of the first: the customer chooses
MAYBE_COVERAGE = 0.4
TITLE_WEIGHT = 2  # a word of the title counts as if it were twice in the text
_QUESTION_STEMS = 32  # distinct stems of a question that are looked up


class _Postings:
    """BM25 of the passages of one language; every weight is computed once, because none depends on the question."""

    __slots__ = ("_idf", "_owned", "_passages", "_postings", "_unseen")

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        counts = [Counter(_stems_of(passage)) for passage in passages]
        frequency = Counter(chain.from_iterable(counts))
        average = sum(count.total() for count in counts) / max(len(counts), 1) or 1.0
        self._owned = [frozenset(count) for count in counts]
        self._idf = {stem: _idf(len(passages), df) for stem, df in frequency.items()}
        self._unseen = _idf(len(passages), 1)  # a word no passage has weighs like the rarest one, however few passages there are
        self._postings: dict[str, list[tuple[int, float]]] = {}
        for number, count in enumerate(counts):
            norm = K1 * (1 - B + B * count.total() / average)
            for stem, times in count.items():
                weight = self._idf[stem] * times * (K1 + 1) / (times + norm)
                self._postings.setdefault(stem, []).append((number, weight))

    def search(self, asked: Sequence[str], limit: int) -> Findings:
        """Return the best passages for the distinct stems `asked`."""
        scores: dict[int, float] = {}
        for stem in asked:
            for number, weight in self._postings.get(stem, ()):
                scores[number] = scores.get(number, 0.0) + weight
        best = nlargest(limit, scores.items(), key=lambda item: (item[1], -item[0]))
        whole = sum(self._idf.get(stem, self._unseen) for stem in asked)
        found = tuple([self._found(number, score, asked, whole) for number, score in best])
        return Findings(_verdict(found, asked), found)

    def _found(self, number: int, score: float, asked: Sequence[str], whole: float) -> Found:
        shared = [stem for stem in asked if stem in self._owned[number]]
        coverage = sum(self._idf[stem] for stem in shared) / whole
        return Found(self._passages[number], round(score, 3), round(coverage, 3), len(shared))


def _idf(passages: int, frequency: int) -> float:
    return log(1 + (passages - frequency + 0.5) / (frequency + 0.5))


def _stems_of(passage: Passage) -> list[str]:
    whole = " ".join([passage.title] * TITLE_WEIGHT + [passage.text])
    return [stem for stem in words(whole, len(whole)).stems if stem not in STOP_STEMS]


def _verdict(found: Sequence[Found], asked: Sequence[str]) -> Verdict:
    if not found:
        return "no"
    best = found[0]
    clear = len(found) < 2 or found[1].score <= best.score * CLEAR_LEAD
    if best.matched >= SURE_STEMS and best.coverage >= SURE_COVERAGE and clear:
        return "sure"
    title = set(words(best.passage.title).stems) - STOP_STEMS
    if title.issuperset(asked) and (clear or title.issubset(asked)):
        return "sure"  # the customer named the passage, and only it
    return "maybe" if best.coverage >= MAYBE_COVERAGE else "no"


class PassageIndex:
    """All passages of an agent version; immutable after construction.

    Each language is indexed by itself, so that a word's rarity does not depend on how much is written in other languages.
    """

    __slots__ = ("_any_language", "_by_language", "passages")

    def __init__(self, passages: Iterable[Passage] = ()) -> None:
        self.passages = tuple(passages)
        languages = {passage.language for passage in self.passages} - {""}
        self._any_language = _Postings(self.passages)
        self._by_language = {
            language: _Postings([passage for passage in self.passages if passage.language in (language, "")]) for language in languages
        }

    def search(self, text: str, limit: int = 5, language: str = "") -> Findings:
        """Return at most `limit` passages for the question, best first, in `language` if there are any in it."""
        return self.search_words(words(text), limit, language)

    def search_words(self, question: Words, limit: int = 5, language: str = "") -> Findings:
        """Do what `search` does for a text whose words are known already."""
        asked = [stem for stem in dict.fromkeys(question.stems) if stem not in STOP_STEMS][:_QUESTION_STEMS]
        if not asked:
            return NOTHING_FOUND
        return self._by_language.get(language, self._any_language).search(asked, limit)

    def get(self, passage_id: str) -> Passage | None:
        """Return the passage with this id."""
        return next((passage for passage in self.passages if passage.id == passage_id), None)
