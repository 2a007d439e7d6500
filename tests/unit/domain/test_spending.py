"""Prices: by the longest name, rounded up, estimated rather too high."""

import pytest

from actors.domain.agent.spending import Price, Spent, price_of, spent, together, tokens

PRICES = {"gpt-4.1": Price(2, 8), "gpt-4.1-mini": Price(0.4, 1.6)}


@pytest.mark.parametrize(
    ("model", "prompt_price"), [("gpt-4.1-mini-2025-04-14", 0.4), ("gpt-4.1-2025-04-14", 2), ("gpt-4.1", 2), ("other", None)]
)
def test_the_longest_name_that_begins_the_models_counts(model: str, prompt_price: float | None) -> None:
    price = price_of(PRICES, model)
    assert (price and price.prompt) == prompt_price


def test_the_rest_may_have_a_price() -> None:
    assert price_of({**PRICES, "*": Price(1, 1)}, "other") == Price(1, 1)
    assert price_of({**PRICES, "*": Price(1, 1)}, "gpt-4.1") == Price(2, 8)


def test_a_price_is_rounded_up_to_a_millionth_of_a_dollar() -> None:
    assert spent(PRICES, "gpt-4.1-mini", 21, 4, estimated=False) == Spent(21, 4, 15)  # 14.8
    assert spent(PRICES, "other", 21, 4, estimated=True) == Spent(21, 4, None, estimated=True)


def test_a_sum_knows_what_is_known() -> None:
    known, unknown = Spent(1, 1, 5), Spent(1, 1, None, estimated=True)
    assert together(known, unknown) == together(unknown, known) == Spent(2, 2, 5, estimated=True)
    assert together(unknown, unknown).micros is None


def test_tokens_are_rather_too_many() -> None:
    assert (tokens(""), tokens("four"), tokens("Сто рублей")) == (0, 1, 5)
