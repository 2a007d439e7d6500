"""What answers of models cost. Money is counted in millionths of a dollar, so that a price per million tokens is one per token."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

_BYTES_PER_TOKEN = 4  # of a server that does not say what it used: English has about 4, Russian 6, so this is rather too much
ANY = "*"  # in a price list: models without a price of their own


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens."""

    prompt: float
    completion: float


PriceList = Mapping[str, Price]


@dataclass(frozen=True, slots=True)
class Spent:
    """What a turn used. `micros` is None if the model has no price; `refused`: the company's money for the day was gone."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    micros: int | None = None
    estimated: bool = False  # the server did not say what it used
    refused: bool = False


def price_of(prices: PriceList, model: str) -> Price | None:
    """Return the price of a model; providers add dates to names, so the longest name that begins it counts."""
    known = [name for name in prices if name != ANY and model.startswith(name)]
    return prices[max(known, key=len)] if known else prices.get(ANY)


def tokens(text: str) -> int:
    """Return about how many tokens a text has, rather too many than too few."""
    return ceil(len(text.encode("utf-8", "replace")) / _BYTES_PER_TOKEN)


def spent(prices: PriceList, model: str, prompt_tokens: int, completion_tokens: int, *, estimated: bool) -> Spent:
    """Return what one answer cost, rounded up."""
    price = price_of(prices, model)
    micros = None if price is None else ceil(prompt_tokens * price.prompt + completion_tokens * price.completion)
    return Spent(prompt_tokens, completion_tokens, micros, estimated)


def together(one: Spent, other: Spent) -> Spent:
    """Return the sum."""
    micros = one.micros if other.micros is None else other.micros + (one.micros or 0)
    return Spent(
        one.prompt_tokens + other.prompt_tokens,
        one.completion_tokens + other.completion_tokens,
        micros,
        one.estimated or other.estimated,
        one.refused or other.refused,
    )
