"""Words of a text in a form that compares: folded case and accents, stems, the language of its letters."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from snowballstemmer.english_stemmer import EnglishStemmer
from snowballstemmer.russian_stemmer import RussianStemmer

MATCHED_CHARACTERS = 2_000  # of a message; a question is far shorter, and every word never seen before costs 15 microseconds
_LONGEST_STEMMED = 40  # characters; longer "words" are noise, and caching them would fill memory
_CACHED_STEMS = 32_768  # about 5 MiB when full
_CYRILLIC_SHARE = 0.25  # customers who write in Cyrillic name brands in Latin; the reverse does not happen
_SAYS_NOTHING = 3  # Latin letters; "ok", "no", "etc" are written in every language

_PLAIN = re.compile(r"[\x00-\x7fа-яА-ЯёЁ«»—–…№]*\Z")
_LATIN_MARKS = re.compile("([a-z])[\u0300-\u036f]+")
_CYRILLIC_STRESS = re.compile("[\u0300\u0301]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_WORD = re.compile(r"[^\W_]+")
_CYRILLIC_LANGUAGES = frozenset({"ru", "uk", "be", "bg", "sr", "mk", "kk", "ky", "tg", "mn"})


def fold(text: str) -> str:
    """Return `text` with case, accents, apostrophes and invisible characters folded away; ё becomes е, й stays."""
    folded = text.casefold() if _PLAIN.match(text) else _fold_unusual(text)
    return folded.replace("ё", "е").replace("'", "")


def _fold_unusual(text: str) -> str:
    apart = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text.replace("№", " ")).casefold())
    bare = _LATIN_MARKS.sub(r"\1", _CYRILLIC_STRESS.sub("", _INVISIBLE.sub("", apart)))
    return unicodedata.normalize("NFC", bare).replace("’", "").replace("ʼ", "")


@lru_cache(maxsize=_CACHED_STEMS)
def _stem(word: str) -> str:
    # A new stemmer each time: the stemmers keep the word they work on, and indexes may be built in other threads.
    stemmer = RussianStemmer() if "а" <= word[0] <= "я" else EnglishStemmer()
    return str(stemmer.stemWord(word))


def stem(word: str) -> str:
    """Return the stem of a folded word: Russian for Cyrillic words, English for others."""
    return _stem(word) if len(word) <= _LONGEST_STEMMED else word[:_LONGEST_STEMMED]


@dataclass(frozen=True, slots=True)
class Words:
    """The folded words of a text and their stems, position by position."""

    folded: tuple[str, ...]
    stems: tuple[str, ...]


def words(text: str, limit: int = MATCHED_CHARACTERS) -> Words:
    """Return the words of the first `limit` characters of `text`; never raises, whatever the text is."""
    folded = tuple(_WORD.findall(fold(text[:limit])))
    return Words(folded, tuple([stem(word) for word in folded]))


def language_of(folded: Sequence[str], known: str, offered: Sequence[str]) -> str:
    """Return the language of `offered` that the letters of the words point to, else the `known` one, else the first offered.

    Letters tell an alphabet, not a language: `known` decides among several languages of one alphabet, and when the words are too short
    to tell ("ok", "42").
    """
    fallback = known if known in offered else next(iter(offered), known)
    letters = [word for word in folded if not word.isdecimal()]
    cyrillic = sum(len(word) for word in letters if "\u0400" <= word[0] <= "\u052f")
    total = sum(len(word) for word in letters)
    if not total or (known and not cyrillic and total <= _SAYS_NOTHING):
        return fallback
    is_cyrillic = cyrillic >= total * _CYRILLIC_SHARE
    fitting = [language for language in offered if (language in _CYRILLIC_LANGUAGES) == is_cyrillic]
    return fallback if fallback in fitting or not fitting else fitting[0]
