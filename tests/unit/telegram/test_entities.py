"""Splitting: whole characters, whole words and whole entities where possible, nothing lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.telegram.entities import LIMIT, Entity, Piece, split_formatted

SMILE = "\N{GRINNING FACE}"


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def split_text(text: str, limit: int = LIMIT) -> list[str]:
    return [piece.text for piece in split_formatted(Piece(text.strip()), limit)]


def test_a_short_text_is_one_piece_and_a_blank_one_none() -> None:
    assert split_text("hello") == ["hello"]
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


def test_an_entity_in_the_way_moves_whole_to_the_next_piece() -> None:
    whole = Piece("aaaa bb cc dd ee", (Entity("bold", 5, 13),))
    assert split_formatted(whole, 12) == [Piece("aaaa"), Piece("bb cc dd ee", (Entity("bold", 0, 8),))]


def test_an_entity_longer_than_a_piece_goes_on_in_the_next() -> None:
    whole = Piece("a" * 25, (Entity("pre", 0, 25, language="py"),))
    assert [len(p.text) for p in split_formatted(whole, 10)] == [10, 10, 5]
    assert all(p.entities == (Entity("pre", 0, len(p.text), language="py"),) for p in split_formatted(whole, 10))


def test_offsets_count_utf16_units() -> None:
    piece = Piece(f"{SMILE} bold", (Entity("bold", 2, 6), Entity("text_link", 0, 1, "https://x.y")))
    assert piece.payload()["entities"] == [
        {"type": "bold", "offset": 3, "length": 4},
        {"type": "text_link", "offset": 0, "length": 2, "url": "https://x.y"},
    ]
    assert Piece("plain").payload("caption", "caption_entities") == {"caption": "plain"}


TEXTS = st.text(alphabet=st.sampled_from("ab \n\u0301ё" + SMILE), max_size=300)


@given(TEXTS, st.integers(2, 40))
def test_every_piece_fits_and_every_visible_character_arrives_in_order(text: str, limit: int) -> None:
    pieces = split_text(text, limit)
    assert all(0 < units(piece) <= limit and piece == piece.strip() for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@given(TEXTS, st.lists(st.tuples(st.integers(0, 300), st.integers(1, 30)), max_size=5), st.integers(4, 40))
def test_every_visible_character_keeps_its_formatting(text: str, spans: list[tuple[int, int]], limit: int) -> None:
    text = text.strip()
    entities = tuple(Entity(f"k{n}", at, min(at + length, len(text))) for n, (at, length) in enumerate(spans) if at < len(text))
    assert _looks(Piece(text, entities)) == [seen for piece in split_formatted(Piece(text, entities), limit) for seen in _looks(piece)]


def _looks(piece: Piece) -> list[tuple[str, tuple[str, ...]]]:
    def kinds(at: int) -> tuple[str, ...]:
        return tuple(e.kind for e in piece.entities if e.start <= at < e.end)

    return [(c, kinds(at)) for at, c in enumerate(piece.text) if not c.isspace()]


@pytest.mark.parametrize("n", [5, 9, 30])
def test_a_word_is_never_broken_while_a_border_is_near(n: int) -> None:
    words = [f"word{k}" for k in range(200)]
    assert " ".join(split_text(" ".join(words), 10 * n)).split() == words
