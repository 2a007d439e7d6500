"""Which passage answers: BM25 over stems, and a verdict from thresholds that were measured.

Measured on 15 small businesses, 150 passages a language (tests/data/retrieval, asserted by test_calibration.py), both languages together:

- 78 questions as customers ask: 63 answered (sure), 62 of them rightly; 11 offered a choice, 10 of which hold the right passage; 4 neither.
- 116 questions in words the passages do not use: 2 answered, both rightly; 3 offered a choice. Word forms cannot do more; a person answers.
- 40 questions that no passage answers: none answered, 11 offered a choice.

The thresholds were set with these questions, so expect somewhat less elsewhere.
"""

from collections.abc import Iterable, Sequence
from heapq import nlargest

from actors.domain.knowledge.bm25 import Bm25
from actors.domain.knowledge.models import NOTHING_FOUND, Findings, Found, Passage, Verdict
from actors.domain.stopwords import STOP_STEMS
from actors.domain.text import Words, words

SURE_COVERAGE = 0.5  # half of what the question says, weighed by rarity
SURE_STEMS = 2  # one common word proves nothing: "are you a robot?" finds the robot vacuum cleaner
CLEAR_LEAD = 0.9  # a second passage within 10 % of the first: the customer chooses
MAYBE_COVERAGE = 0.4
TITLE_WEIGHT = 2  # a word of the title counts as if it were twice in the text
_QUESTION_STEMS = 32  # distinct stems of a question that are looked up


class _Postings:
    """BM25 of the passages of one language."""

    __slots__ = ("_bm25", "_passages")

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._bm25 = Bm25([stems_of(passage) for passage in passages])

    def search(self, asked: Sequence[str], limit: int) -> Findings:
        """Return the best passages for the distinct stems `asked`."""
        best = nlargest(limit, self._bm25.scores(asked).items(), key=lambda item: (item[1], -item[0]))
        found = tuple([self._found(number, score, asked) for number, score in best])
        return Findings(verdict_by_words(found, asked), found)

    def _found(self, number: int, score: float, asked: Sequence[str]) -> Found:
        coverage, matched = self._bm25.coverage(number, asked)
        return Found(self._passages[number], round(score, 3), round(coverage, 3), matched)


def stems_of(passage: Passage) -> list[str]:
    """Return the stems a passage is found by."""
    whole = " ".join([passage.title] * TITLE_WEIGHT + [*passage.questions, passage.text])
    return [stem for stem in words(whole, len(whole)).stems if stem not in STOP_STEMS]


def asked_stems(question: Words) -> list[str]:
    """Return the distinct stems of a question that say what it is about."""
    return [stem for stem in dict.fromkeys(question.stems) if stem not in STOP_STEMS][:_QUESTION_STEMS]


def verdict_by_words(found: Sequence[Found], asked: Sequence[str]) -> Verdict:
    """Return whether the best passage answers, judged by the words it shares with the question."""
    if not found:
        return "no"
    best = found[0]
    clear = len(found) < 2 or found[1].score <= best.score * CLEAR_LEAD
    if best.matched >= SURE_STEMS and best.coverage >= SURE_COVERAGE and clear:
        return "sure"
    for name in (best.passage.title, *best.passage.questions):
        stems = set(words(name).stems) - STOP_STEMS
        if stems.issuperset(asked) and (clear or stems.issubset(asked)):
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
        asked = asked_stems(question)
        if not asked:
            return NOTHING_FOUND
        return self._by_language.get(language, self._any_language).search(asked, limit)

    def get(self, passage_id: str) -> Passage | None:
        """Return the passage with this id."""
        return next((passage for passage in self.passages if passage.id == passage_id), None)
