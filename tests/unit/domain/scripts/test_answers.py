"""What people write when they are asked for something, and what is understood of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.scripts.answers import LONGEST_ANSWER, understood
from actors.domain.scripts.steps import EXPECTS, read_step

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WAYS = [
    {"value": "courier", "label": {"ru": "Курьером", "en": "By courier"}},
    {"value": "pickup", "label": {"ru": "Самовывоз", "en": "I pick it up"}},
]


def answer(expects: str, text: str, **more: Any) -> str:
    options = WAYS if expects == "choice" else []
    step = read_step({"id": "s", "ask": {"en": "?"}, "expects": expects, "options": options, **more}, "", [])
    value, why = understood(step, text, NOW)
    assert bool(value) != bool(why)
    return value


@pytest.mark.parametrize(
    ("expects", "text", "value"),
    [
        ("text", "  Anna \n Smith ", "Anna \n Smith"),
        ("text", "x" * 600, "x" * LONGEST_ANSWER),
        ("text", " \n", ""),
        ("number", "5", "5"),
        ("number", "примерно 1 200,50 рублей", "1200.5"),
        ("number", "minus -3", "-3"),
        ("number", "two", ""),
        ("number", "5-10", ""),
        ("number", "5 or 6", ""),
        ("phone", "мой номер +7 (916) 123-45-67, звоните", "+79161234567"),
        ("phone", "8 916 123 45 67", "89161234567"),
        ("phone", "12345", ""),
        ("phone", "1234567890123456", ""),
        ("email", "it is anna@shop.example.", "anna@shop.example"),
        ("email", "anna at shop", ""),
        ("email", "a@shop.example or b@shop.example", ""),
        ("date", "31.12.2026", "2026-12-31"),
        ("date", "на 5/3", "2026-03-05"),
        ("date", "28.02", "2027-02-28"),  # this year's is over
        ("date", "29.02", "2028-02-29"),
        ("date", "2026-04-07", "2026-04-07"),
        ("date", "31.02.2026", ""),
        ("date", "tomorrow", "2026-03-02"),
        ("date", "Сегодня, пожалуйста", "2026-03-01"),  # a Sunday
        ("date", "давайте завтра", "2026-03-02"),
        ("date", "послезавтра", "2026-03-03"),
        ("date", "the day after tomorrow", "2026-03-03"),
        ("date", "в среду", "2026-03-04"),
        ("date", "на субботу", "2026-03-07"),
        ("date", "в воскресенье", "2026-03-08"),  # who means today says so
        ("date", "Friday at six", "2026-03-06"),
        ("date", "пт", "2026-03-06"),
        ("date", "tomorrow, Monday", "2026-03-02"),
        ("date", "в пятницу, 6.03", "2026-03-06"),
        ("date", "в пятницу, 7.03", ""),
        ("date", "сегодня или завтра", ""),
        ("date", "next Friday", ""),
        ("date", "в следующую пятницу", ""),
        ("date", "не завтра", ""),
        ("date", "as soon as possible", ""),
        ("choice", "2", "pickup"),
        ("choice", "1.", "courier"),
        ("choice", "3", ""),
        ("choice", "0", ""),
        ("choice", "КУРЬЕРОМ", "courier"),
        ("choice", "самовывоз, пожалуйста", "pickup"),
        ("choice", "by courier or pickup", ""),
        ("choice", "by air", ""),
        ("yes_no", "Да, конечно", "yes"),
        ("yes_no", "нет, не надо", "no"),
        ("yes_no", "yes and no", ""),
        ("yes_no", "not sure", ""),
        ("yes_no", "maybe", ""),
    ],
)
def test_what_is_understood(expects: str, text: str, value: str) -> None:
    assert answer(expects, text) == value


def test_a_number_is_within_its_bounds() -> None:
    assert [answer("number", text, min=1, max=10) for text in ("0,5", "1", "10", "11")] == ["", "1", "10", ""]


def test_a_text_matches_its_expression() -> None:
    assert [answer("text", text, pattern=r"^[a-z]{2}-\d+$") for text in ("AB-17", "17", "ab-17 please")] == ["AB-17", "", ""]


@given(st.sampled_from(EXPECTS), st.text(max_size=300))
def test_any_text_is_an_answer_or_is_told_why_not(expects: str, text: str) -> None:
    assert len(answer(expects, text)) <= LONGEST_ANSWER
