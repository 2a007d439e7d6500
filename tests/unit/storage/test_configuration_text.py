"""The file of a configuration says what was written, whatever people wrote; what could mean something else is refused with its line."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actors.domain.configuration.forms import plain
from actors.domain.configuration.models import labels
from actors.domain.errors import InvalidInput
from actors.domain.messages import clean_text
from storage.configuration.text import MOST_VALUES, parse, write

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
LINES = st.lists(st.one_of(TEXTS, st.sampled_from(["", " ", "  x", "x ", "- a", "# no", "key: value", "no", "1", "\t"])), max_size=6)
TRICKY = st.sampled_from(
    ["", "no", "yes", "~", "null", "1", "01", "1.5", "1e5", ".5", "0x1f", "1:30", "2026-01-01", "<<", "=", "&a", "*a", "!t", "😀"]
)
STRINGS = st.one_of(TEXTS, TRICKY, LINES.map("\n".join))
NUMBERS = st.one_of(st.integers(-(10**15), 10**15), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    st.one_of(STRINGS, st.booleans(), st.none(), NUMBERS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(STRINGS, inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(STRINGS, VALUES, min_size=1, max_size=4))
@example({"a": "\n  x\n\n y\n"})
@example({"a": "x\n"})
@example({"a": "x\n\n", "b": "\n"})
@example({"a": "é\u2028x\u0085y\ufeff"})
def test_what_is_written_is_read_as_the_same(document: dict[str, Any]) -> None:
    text = write(plain(document))
    read = parse(text).value
    assert read == plain(document)
    assert write(read) == text


def test_texts_of_several_lines_stand_as_they_are() -> None:
    assert write({"text": "Hello!\n\n- one\n- two: ок\n"}) == "text: |\n  Hello!\n\n  - one\n  - two: ок\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: &x [1]\nc: *x\n", "line 2: references"),
        ("a: *x\n", "line 1: "),
        ("a:\n- !!python/object/apply:os.system [true]\n", "line 2: tags"),
        ("a: 1\na: 2\n", "line 2: a occurs twice"),
        ("a: 1\n---\nb: 2\n", "line 2: only one document"),
        ("a: [1\n", "this is not YAML"),
        ("a:\n  b: 1\n c: 2\n", "line 3: this is not YAML"),
        ("? [1]\n: 2\n", "line 1: the name of a value"),
        ("a: 1.0e+999\n", "out of range"),
        ("[" * 60, "nested deeper"),
        ("[" * 100_000, "this is not YAML"),
        ("a: [" + "1," * (MOST_VALUES + 1) + "]", "too many values"),
        ("a: \x01\n", "this is not YAML"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        parse(text)


def test_lines_of_places() -> None:
    parsed = parse("agents:\n- agent: Anna\n  scripts:\n  - key: a\n    answer:\n      ru: x\n")
    assert [parsed.line(place) for place in ("agents[0].scripts[0].answer.ru", "agents[0].scripts[0].phrases", "agents[7]", "x")] == [
        6,
        4,
        1,
        1,
    ]


def test_no_text_is_anything_else_than_text() -> None:
    assert parse(r'a: "\0x"').value == {"a": clean_text("\0x")}
    assert parse("a: yes\nb: 2026-01-01\nc: 010\nd:\n").value == {"a": "yes", "b": "2026-01-01", "c": "010", "d": None}


def test_every_name_has_a_key_of_its_own() -> None:
    assert labels(["Anna", "Boris", "Anna", "Anna #2", "Anna"]) == ["Anna", "Boris", "Anna #2", "Anna #2 #2", "Anna #3"]
