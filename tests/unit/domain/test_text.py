"""Words: what folds together, what stays apart, which language."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actors.domain.text import MATCHED_CHARACTERS, fold, language_of, stem, words

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=200)  # lone surrogates too
HOSTILE = ["\x00", "\ud800", "\u202eמה שלום", "👩‍👩‍👧‍👦", "\u0300" * 50, "ﷺ" * 50, "İ" * 20, "ß", "\ufeffпривет", "١٢٣"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ЁЛКА", "елка"),
        ("Café", "CAFE"),
        ("ударе\u0301ние", "ударение"),
        ("ｆｕｌｌ", "full"),
        ("don’t", "dont"),
        ("WHAT'S", "whats"),
        ("до\u00adставка", "доставка"),
    ],
)
def test_texts_that_read_the_same_fold_to_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_short_i_is_not_an_accented_letter() -> None:
    assert fold("Йод") == "йод"
    assert fold("и\u0306од") == "йод"


@pytest.mark.parametrize(
    ("forms", "common"),
    [
        ("доставка доставки доставкой", "доставк"),
        ("delivery deliveries", "deliveri"),
        ("гарантия гарантии", "гарант"),
        ("blanket blankets", "blanket"),
    ],
)
def test_forms_of_a_word_have_one_stem(forms: str, common: str) -> None:
    assert {stem(form) for form in forms.split()} == {common}


def test_endless_words_are_cut_instead_of_stemmed() -> None:
    assert len(stem("а" * 3_000)) == 40


def test_only_the_beginning_of_a_huge_text_is_read() -> None:
    assert len(words("да " * 500_000).stems) <= MATCHED_CHARACTERS


@given(ANY_TEXT)
@example("\ud83d")
def test_no_text_raises(text: str) -> None:
    got = words(text)
    assert len(got.folded) == len(got.stems)
    assert all(got.stems)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_do_not_raise(text: str) -> None:
    assert words(text * 20) == words(text * 20)


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        ("Сколько стоит?", "", "ru"),
        ("How much?", "ru", "en"),
        ("iPhone 15 Pro Max есть?", "", "ru"),
        ("ok", "ru", "ru"),
        ("ok", "", "en"),
        ("12345", "en", "en"),
        ("👍", "en", "en"),
        ("", "", "ru"),
        ("שלום", "ru", "en"),
    ],
)
def test_letters_tell_the_language_and_the_known_one_fills_in(text: str, known: str, expected: str) -> None:
    assert language_of(words(text).folded, known, ("ru", "en")) == expected


def test_several_languages_of_one_alphabet_are_told_apart_by_what_is_known() -> None:
    folded = words("Салем, бағасы қанша?").folded
    assert language_of(folded, "kk", ("ru", "kk", "en")) == "kk"
    assert language_of(folded, "", ("ru", "kk", "en")) == "ru"


def test_a_language_nobody_offers_becomes_the_first_offered() -> None:
    assert language_of(words("Сколько стоит?").folded, "", ("en",)) == "en"
