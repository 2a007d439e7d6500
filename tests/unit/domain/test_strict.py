"""A strict agent says no figure and no address that it was not given."""

import pytest

from actors.domain.agent.strict import unfounded

GIVEN = "Delivery costs 1 500 roubles, 350 in town, from 10:00 to 20:00. Discount 7.5 %. Write to help@shop.example or https://shop.example/terms."


@pytest.mark.parametrize(
    "said",
    [
        "We deliver every day.",
        "It costs 1500 roubles, or 1\u00a0500, or 1,500; 350 in town.",
        "From 10:00 to 20:00, with 7.5 % off.",
        "1. Write to help@shop.example.\n2. Read https://shop.example/terms.",
        "Доставка стоит 350 рублей.",
    ],
)
def test_what_was_given_may_be_said(said: str) -> None:
    assert unfounded(said, GIVEN) == ""


@pytest.mark.parametrize(
    ("said", "invented"),
    [
        ("Delivery costs 300 roubles.", "300"),
        ("Only 15 roubles!", "15"),
        ("It costs 2 500 roubles.", "2500"),
        ("Write to sales@shop.example.", "sales@shop.example"),
        ("See https://eve.example/terms!", "https://eve.example/terms"),
        ("Open until 23:00", "23"),
    ],
)
def test_what_was_not_given_is_named(said: str, invented: str) -> None:
    assert unfounded(said, GIVEN).startswith(f"strict: nothing it was given says {invented}")
