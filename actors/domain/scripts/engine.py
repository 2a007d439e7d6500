"""Which script answers: an inverted index over stems, so that the cost follows the message, not the number of scripts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from actors.domain.rules.conditions import BadPattern, Check, compiled, folded_pattern
from actors.domain.rules.facts import Facts, OutOfBudget
from actors.domain.rules.models import EVERYTHING
from actors.domain.scripts.models import Loser, Script, ScriptMatch, Winner
from actors.domain.stopwords import STOP_STEMS
from actors.domain.text import MATCHED_CHARACTERS, Words, fold, words

LISTED_LOSERS = 50  # kept in a trace; beyond, only their number

_DISABLED = "disabled"
_LANGUAGE = "not for this language"
_SAYS_MORE = "small talk, and the message says more"
_NOTHING_MATCHES = "no phrase or keyword matches"
_NO_EXPRESSION = "no phrase, keyword or expression matches"  # the same of a script that has expressions
_UNMATCHED = frozenset({_NOTHING_MATCHES, _NO_EXPRESSION})
CONDITION = "its condition is not met"


class _Hit:
    """What matched of one script: its longest phrase, and each of its keywords once."""

    __slots__ = ("covered", "keywords", "phrase", "phrase_length")

    def __init__(self) -> None:
        self.phrase = ""
        self.phrase_length = 0
        self.keywords: dict[str, int] = {}
        self.covered: set[str] = set()

    def add_phrase(self, text: str, stems: Sequence[str]) -> None:
        self.covered.update(stems)
        if len(stems) > self.phrase_length:
            self.phrase, self.phrase_length = text, len(stems)

    def add_keyword(self, text: str, stems: Collection[str]) -> None:
        self.covered.update(stems)
        self.keywords[text] = len(stems)

    @property
    def score(self) -> int:
        """A phrase counts its words and one more, a keyword its words."""
        return sum(self.keywords.values()) + (self.phrase_length + 1 if self.phrase_length else 0)

    @property
    def matched(self) -> tuple[str, ...]:
        return ((self.phrase,) if self.phrase else ()) + tuple(self.keywords)


class ScriptIndex:
    """All scripts of an agent version; immutable after construction.

    The winner is the matching script with the highest priority, then the highest score, then the first in the list. Times in conditions
    are those of the time zone.
    """

    __slots__ = ("_any_language", "_by_id", "_checks", "_expressions", "_keywords", "_meant", "_phrases", "_untried", "scripts")

    def __init__(self, scripts: Iterable[Script] = (), timezone: str = "UTC") -> None:
        self.scripts = tuple(scripts)
        self._by_id = {script.id: script for script in self.scripts}
        self._phrases: dict[str, list[tuple[tuple[str, ...], int, str]]] = {}
        self._keywords: dict[str, list[tuple[frozenset[str], int, str]]] = {}
        self._expressions: list[tuple[Any, int, str]] = []
        for number, script in enumerate(self.scripts):
            self._add(number, script)
        self._checks = {n: compiled(s.when, timezone) for n, s in enumerate(self.scripts) if s.when != EVERYTHING}
        self._meant = tuple([number for number, script in enumerate(self.scripts) if script.meanings])
        named = {language for script in self.scripts for language in script.languages}
        self._untried = {language: self._losers_for(language) for language in named}
        self._any_language = self._losers_for("")

    def _add(self, number: int, script: Script) -> None:
        for phrase in script.phrases:
            if stems := words(phrase).stems:
                self._phrases.setdefault(stems[0], []).append((stems, number, phrase))
        for keyword in script.keywords:
            if stems := words(keyword).stems:
                self._keywords.setdefault(stems[0], []).append((frozenset(stems), number, keyword))
        self._expressions += [(found, number, text) for text in script.expressions if (found := _expression(text)) is not None]

    def _losers_for(self, language: str) -> tuple[Loser, ...]:
        """Return, per script, how it loses when nothing of it matches; made once, because most scripts lose so every time."""
        return tuple([Loser(script.id, _without_match(script, language)) for script in self.scripts])

    def find(self, script_id: str) -> Script | None:
        """Return a script by its id."""
        return self._by_id.get(script_id)

    def match(self, text: str, language: str, facts: Facts | None = None, listed: int = LISTED_LOSERS) -> ScriptMatch:
        """Return the script that answers `text`, and why the others do not; `listed` losers by name, the rest counted.

        Without `facts` conditions are taken for fulfilled.
        """
        return self.match_words(words(text), text, language, facts, listed)

    def match_words(self, message: Words, text: str, language: str, facts: Facts | None, listed: int = LISTED_LOSERS) -> ScriptMatch:
        """Do what `match` does for a text whose words are known already."""
        untried = self._untried.get(language, self._any_language)
        hits = self._hits(message.stems, untried)
        if self._expressions:
            self._add_expressions(text, untried, hits)
        if not hits:
            return ScriptMatch(None, untried[:listed], max(0, len(untried) - listed))
        failing = {number for number in hits.keys() & self._checks.keys() if not _holds(self._checks[number], facts)}
        open_hits = {number: hit for number, hit in hits.items() if number not in failing} if failing else hits
        drowned = self._drowned(message.stems, open_hits)
        ranked = sorted(open_hits.keys() - drowned, key=lambda number: (-self.scripts[number].priority, -hits[number].score, number))
        losers = [self._beaten(number, ranked[0], hits) for number in ranked[1:]]
        losers += [Loser(self.scripts[number].id, _SAYS_MORE, hits[number].score) for number in sorted(drowned)]
        losers += [Loser(self.scripts[number].id, CONDITION, hits[number].score) for number in sorted(failing)]
        losers += [loser for number, loser in enumerate(untried) if number not in hits]
        winner = self._winner(ranked[0], hits) if ranked else None
        return ScriptMatch(winner, tuple(losers[:listed]), max(0, len(losers) - listed))

    def with_meanings(self, language: str, facts: Facts | None) -> tuple[tuple[Script, ...], frozenset[str]]:
        """Return the scripts for this language that have sentences, and the ids of those whose condition is not met."""
        untried = self._untried.get(language, self._any_language)
        found = [number for number in self._meant if untried[number].reason in _UNMATCHED]
        shut = [number for number in found if number in self._checks and not _holds(self._checks[number], facts)]
        return tuple([self.scripts[number] for number in found]), frozenset([self.scripts[number].id for number in shut])

    def _hits(self, stems: tuple[str, ...], untried: Sequence[Loser]) -> dict[int, _Hit]:
        hits: dict[int, _Hit] = {}
        for place, stem in enumerate(stems):
            for phrase, number, text in self._phrases.get(stem, ()):
                if stems[place : place + len(phrase)] == phrase and untried[number].reason in _UNMATCHED:
                    hits.setdefault(number, _Hit()).add_phrase(text, phrase)
            for needed, number, text in self._keywords.get(stem, ()):
                if (len(needed) == 1 or needed.issubset(stems)) and untried[number].reason in _UNMATCHED:
                    hits.setdefault(number, _Hit()).add_keyword(text, needed)
        return hits

    def _add_expressions(self, text: str, untried: Sequence[Loser], hits: dict[int, _Hit]) -> None:
        """Add what expressions find: it counts as a phrase of the words it is."""
        folded = fold(text[:MATCHED_CHARACTERS])
        for expression, number, written in self._expressions:
            if untried[number].reason in _UNMATCHED and (found := expression.search(folded)) is not None:
                hits.setdefault(number, _Hit()).add_phrase(written, words(found.group()).stems or ("",))

    def _drowned(self, stems: Sequence[str], hits: Mapping[int, _Hit]) -> set[int]:
        """Return the small talk among the hits if the message says anything besides small talk."""
        alone = {number for number in hits if self.scripts[number].alone}
        if not alone:
            return alone
        covered = set[str]().union(*[hits[number].covered for number in alone])
        return alone if any(stem not in covered and stem not in STOP_STEMS for stem in stems) else set()

    def _winner(self, number: int, hits: Mapping[int, _Hit]) -> Winner:
        return Winner(self.scripts[number], hits[number].score, hits[number].matched)

    def _beaten(self, number: int, best: int, hits: Mapping[int, _Hit]) -> Loser:
        script, winner = self.scripts[number], self.scripts[best]
        score, top = hits[number].score, hits[best].score
        if script.priority < winner.priority:
            return Loser(script.id, f"priority {script.priority} is below {winner.priority} of {winner.id}", score)
        if score < top:
            return Loser(script.id, f"score {score} is below {top} of {winner.id}", score)
        return Loser(script.id, f"same priority and score as {winner.id}, which comes first", score)


def _expression(text: str) -> Any:
    """Return a compiled expression; None for one that was stored before it was refused."""
    try:
        return folded_pattern(text)
    except BadPattern:
        return None


def _holds(check: Check, facts: Facts | None) -> bool:
    try:
        return facts is None or check(facts)[0] is True
    except OutOfBudget:
        return False


def _without_match(script: Script, language: str) -> str:
    if not script.enabled:
        return _DISABLED
    if script.languages and language not in script.languages:
        return _LANGUAGE
    return _NO_EXPRESSION if script.expressions else _NOTHING_MATCHES
