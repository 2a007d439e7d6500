"""Splitting: whole characters, whole words where possible, nothing lost."""

from hypothesis import given
from hypothesis import strategies as st

from integrations.telegram.text import LIMIT, split_text, utf16_units

SMILE = "\N{GRINNING FACE}"


def test_a_short_text_is_one_piece() -> None:
    assert split_text("hello") == ["hello"]


def test_blank_text_is_no_piece() -> None:
    assert split_text(" \n\t ") == []


def test_exactly_the_limit_is_one_piece_and_one_more_is_two() -> None:
    assert [len(p) for p in split_text("a" * LIMIT)] == [LIMIT]
    assert [len(p) for p in split_text("a" * (LIMIT + 1))] == [LIMIT, 1]


def test_characters_beyond_the_basic_plane_count_twice() -> None:
    assert [len(p) for p in split_text(SMILE * 2048)] == [2048]
    assert [len(p) for p in split_text(SMILE * 2049)] == [2048, 1]
    assert [len(p) for p in split_text("a" + SMILE * 2048)] == [2048, 1]  # 4095 units, then one more does not fit


def test_cuts_at_a_paragraph_then_a_line_then_a_word() -> None:
    assert split_text("aaaa bbb\n\ncc dd ee", 16) == ["aaaa bbb", "cc dd ee"]
    assert split_text("aaaa bbbb\ncc dd ee", 14) == ["aaaa bbbb", "cc dd ee"]
    assert split_text("aaaa bbbb cccc", 12) == ["aaaa bbbb", "cccc"]


def test_a_word_that_just_fits_is_kept() -> None:
    assert split_text("aaaa bbbb cccc", 9) == ["aaaa bbbb", "cccc"]


@given(st.text(alphabet=st.sampled_from("ab \n\u0301ё" + SMILE), max_size=300), st.integers(2, 40))
def test_every_piece_fits_and_every_visible_character_arrives_in_order(text: str, limit: int) -> None:
    pieces = split_text(text, limit)
    assert all(0 < utf16_units(piece) <= limit and piece == piece.strip() for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
