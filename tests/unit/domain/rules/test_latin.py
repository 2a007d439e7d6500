"""Which expressions RE2 can never match, because its words are of Latin letters."""

import pytest

from actors.domain.rules.conditions import folded_pattern
from actors.domain.rules.latin import latin_only


@pytest.mark.parametrize(
    ("expression", "sign"),
    [
        (r"церемони(я|ю)\b", r"\b"),
        (r"\bчай", r"\b"),
        (r"(?i)\bчай", r"\b"),
        (r"ча\Bй", r"\B"),
        (r"чай \w+", r"\w"),
        (r"чай\W", r"\W"),
        (r"(?:чай|кофе)\b", r"\b"),
        (r"(?P<what>чай)\b", r"\b"),
        (r"((чай)|tea)(\b|$)", r"\b"),
        (r"[а-я]+\b", r"\b"),
        (r"[]а]\b", r"\b"),
        (r"чай[\W]", r"\W"),
        (r"чай[^\w]", r"\w"),
        (r"\\\bчай", r"\b"),
        (r"\Qчай\E\b", r"\b"),
        (r"thé\b", r"\b"),
        (r"tea|\bчай", r"\b"),
    ],
)
def test_signs_beside_letters_they_do_not_know(expression: str, sign: str) -> None:
    folded_pattern(expression)
    assert latin_only(expression) == sign


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "чай",
        r"\btea\b",
        r"\w+@\w+",
        r"чай\\b",  # a backslash, and a b
        r"чай\\\\w",
        r"\pLчай\d",
        r"(?:^|[^\p{L}])чай(?:$|[^\p{L}])",
        r"[\p{L}\d_]+ чай",
        r"[\wа-яё]+",  # both alphabets
        r"чай [\w\p{Cyrillic}]+",
        r"\Qчай\b\E",
        r"\btea\b|чай",
        r"(\btea\b|чай|кофе)",
        r"\p{L}+\b",
        r"№ \w+",  # no letter
        r"чай[[:digit:]]\d\s\.",
    ],
)
def test_what_can_match(expression: str) -> None:
    folded_pattern(expression)
    assert latin_only(expression) == ""


def test_re2_knows_no_other_words_indeed() -> None:
    assert folded_pattern(r"церемони(я|ю)\b").search("на церемонию") is None
    assert folded_pattern(r"церемони(я|ю)(?:$|[^\p{L}])").search("на церемонию") is not None
