"""A model's Markdown, buttons and media as Bot API calls; what the strict fake would refuse is refused here, too."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.errors import TerminalError
from integrations.telegram.entities import LIMIT, split_formatted
from integrations.telegram.markdown import formatted
from integrations.telegram.outgoing import calls_of
from tests.fakes.telegram_messages import file_message, text_message

PHOTO = {"kind": "photo", "file_id": "AgAC"}


def shown(markdown: str) -> tuple[str, list[tuple[str, str]]]:
    piece = formatted(markdown)
    return piece.text, [(e.kind, piece.text[e.start : e.end]) for e in piece.entities]


@pytest.mark.parametrize(
    ("markdown", "text", "entities"),
    [
        ("plain text", "plain text", []),
        ("2 * 3 = 6, a_b_c", "2 * 3 = 6, a_b_c", []),
        ("**b *i***", "b i", [("bold", "b i"), ("italic", "i")]),
        ("~~old~~ `x`", "old x", [("strikethrough", "old"), ("code", "x")]),
        ("# Prices\nfrom 5", "Prices\n\nfrom 5", [("bold", "Prices")]),
        ("[shop](https://a.b/c_d)", "shop", [("text_link", "shop")]),
        ("[`code`](https://a.b)", "code", [("text_link", "code")]),
        ("[here](/prices)", "here (/prices)", []),
        ("We have:\n* one\n* two\n  1. deep", "We have:\n• one\n• two\n  1. deep", []),
        ("3. three\n4. four", "3. three\n4. four", []),
        ("> said **so**\n\nyes", "said so\n\nyes", [("blockquote", "said so"), ("bold", "so")]),
        ("```py\nx = 1\n```", "x = 1", [("pre", "x = 1")]),
        ("**a `c` b**", "a c b", [("bold", "a "), ("code", "c"), ("bold", " b")]),
        ("| a | b |\n|--|--|\n| 1 | 2 |", "a | b\n1 | 2", []),
        ("<b>tag</b> **&amp;**", "<b>tag</b> &", [("bold", "&")]),
        ("**never closed", "**never closed", []),
    ],
)
def test_markdown_is_shown_as_meant(markdown: str, text: str, entities: list[tuple[str, str]]) -> None:
    assert shown(markdown) == (text, entities)


@given(st.text(alphabet=st.sampled_from("ab*_`~[]()#>|-1.\n &<😀"), max_size=200), st.integers(5, 60))
def test_whatever_a_model_writes_the_server_takes(markdown: str, limit: int) -> None:
    for piece in split_formatted(formatted(markdown), limit):
        assert text_message(piece.payload())["text"] == piece.text


def test_only_what_a_model_wrote_is_formatted() -> None:
    [operator] = calls_of({"text": "5 **stars**"})
    [model] = calls_of({"text": "5 **stars**", "format": "markdown"})
    assert operator.payload == {"text": "5 **stars**"}
    assert model.payload == {"text": "5 stars", "entities": [{"type": "bold", "offset": 2, "length": 5}]}
    assert model.plain.payload == {"text": "5 stars"}
    assert (model.formatted, operator.formatted) == (True, False)


def test_buttons_are_below_the_last_piece() -> None:
    buttons = [[{"text": "Yes", "data": "yes"}], [{"text": "Shop", "url": "https://a.b"}]]
    first, last = calls_of({"text": "a" * (LIMIT + 1), "buttons": buttons})
    assert "reply_markup" not in first.payload
    assert text_message(last.payload)["inline_keyboard"] == [
        [{"text": "Yes", "callback_data": "yes"}],
        [{"text": "Shop", "url": "https://a.b"}],
    ]


@pytest.mark.parametrize("buttons", [5, ["x"], [[{"text": "a"}]], [[{"text": "", "data": "a"}]], [[{"text": "a", "data": "я" * 33}]]])
def test_buttons_that_telegram_refuses_are_refused_before_anything_is_sent(buttons: Any) -> None:
    with pytest.raises(TerminalError, match="button"):
        calls_of({"text": "hi", "buttons": buttons})


def test_media_takes_the_text_as_its_caption_if_that_fits() -> None:
    [call] = calls_of({"text": "**b**", "format": "markdown", "media": PHOTO, "buttons": [[{"text": "a", "data": "b"}]]})
    assert call.method == "sendPhoto"
    assert file_message("photo", call.payload)["caption_entities"] == [{"type": "bold", "offset": 0, "length": 1}]
    [bare] = calls_of({"media": {"kind": "document", "url": "https://a.b/c.pdf"}})
    assert (bare.method, dict(bare.payload)) == ("sendDocument", {"document": "https://a.b/c.pdf"})
    assert [c.method for c in calls_of({"text": "a" * 1024, "media": PHOTO})] == ["sendPhoto"]
    photo, text = calls_of({"text": "a" * 1025, "media": PHOTO})
    assert (dict(photo.payload), text.payload["text"]) == ({"photo": "AgAC"}, "a" * 1025)


@pytest.mark.parametrize("media", [{"kind": "video", "file_id": "x"}, {"kind": "photo"}, "x", {"kind": "photo", "url": 5}])
def test_media_of_another_kind_is_refused(media: Any) -> None:
    with pytest.raises(TerminalError, match="media"):
        calls_of({"text": "hi", "media": media})
