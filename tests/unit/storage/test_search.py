"""Scripts are found whatever the case, the accents and the ё; a query is text, never a pattern."""

import pytest

from storage.authoring.search import like, search_text

SCRIPT = {"id": "x", "name": "Счёт", "phrases": ["Как ОПЛАТИТЬ"], "keywords": ["café"], "answer": {"ru": "100%_скидка", "en": "No"}}


def found(query: str) -> bool:
    inner = like(query).removeprefix("%").removesuffix("%")
    return inner.replace(r"\%", "%").replace(r"\_", "_").replace("\\\\", "\\") in search_text(SCRIPT)


@pytest.mark.parametrize("query", ["счет", "СЧЁТ", "оплат", "cafe", "CAFÉ", "%_ск", "no"])
def test_it_is_found(query: str) -> None:
    assert found(query)


@pytest.mark.parametrize("query", ["ru", "x", "phrases", "оплатить как"])
def test_it_is_not_found(query: str) -> None:
    assert not found(query)


def test_signs_of_patterns_are_text() -> None:
    assert like("50%_\\") == r"%50\%\_\\%"
