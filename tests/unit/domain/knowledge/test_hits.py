"""What people are shown of a place in a document."""

import pytest

from actors.domain.knowledge.hybrid import Hit


@pytest.mark.parametrize(
    ("title", "heading", "shown"),
    [
        ("Terms", "", "Terms"),
        ("Terms", "Terms", "Terms"),
        ("Terms", "Delivery / Regions", "Terms: Delivery / Regions"),
        ("Частые вопросы", "Частые вопросы / Можно ли вернуть чай?", "Частые вопросы: Можно ли вернуть чай?"),
        ("Частые вопросы — Листок", "Частые вопросы / Можно ли вернуть чай?", "Частые вопросы — Листок: Можно ли вернуть чай?"),
        ("Оплата | Листок", "Оплата", "Оплата | Листок"),
        ("Terms of use", "Terms / Delivery", "Terms of use: Terms / Delivery"),
        ("Terms", "Terms of use", "Terms: Terms of use"),
        ("Termsheet", "Terms", "Termsheet: Terms"),
    ],
)
def test_a_title_is_shown_once(title: str, heading: str, shown: str) -> None:
    assert Hit(1, "d", title, heading, "text", 0.5, 0.5, 1.0).shown_title == shown
