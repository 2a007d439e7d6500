"""The thresholds of the verdict as regression figures: what share of questions is answered, and rightly."""

import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from actors.domain.knowledge.engine import PassageIndex
from actors.domain.knowledge.models import Findings, Passage

DATA = Path(__file__).parents[3] / "data" / "retrieval"


def _lines(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


@cache
def _index(language: str) -> PassageIndex:
    return PassageIndex(Passage(str(row["id"]), "", str(row["text"]), language) for row in _lines(f"kb_{language}"))


def _measure(kind: str, language: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in _lines(f"{kind}_{language}"):
        findings = _index(language).search(str(row["q"]), 3, language)
        gold = row.get("gold", [])
        assert isinstance(gold, list)
        counts.update([findings.verdict, *_right(findings, gold)])
    return counts


def _right(findings: Findings, gold: list[str]) -> list[str]:
    ids = [item.passage.id for item in findings.found]
    if findings.verdict == "sure":
        return ["right"] if ids[0] in gold else ["wrong"]
    return ["offered"] if findings.verdict == "maybe" and set(ids) & set(gold) else []


@pytest.mark.parametrize(
    ("kind", "language", "expected"),
    [
        ("natural", "ru", {"sure": 28, "right": 27, "wrong": 1, "maybe": 7, "offered": 6, "no": 4}),
        ("natural", "en", {"sure": 35, "right": 35, "maybe": 4, "offered": 4}),
        ("hard", "ru", {"maybe": 1, "no": 57}),
        ("hard", "en", {"sure": 2, "right": 2, "maybe": 2, "offered": 1, "no": 54}),
        ("out_of_scope", "ru", {"maybe": 4, "no": 16}),
        ("out_of_scope", "en", {"maybe": 7, "no": 13}),
    ],
)
def test_verdicts_on_the_questions_they_were_set_with(kind: str, language: str, expected: dict[str, int]) -> None:
    assert _measure(kind, language) == Counter(expected)


def test_questions_nobody_wrote_an_answer_for_get_none() -> None:
    total = _measure("out_of_scope", "ru") + _measure("out_of_scope", "en")
    asked = total["sure"] + total["maybe"] + total["no"]
    assert asked == 40
    assert total["sure"] <= 0.05 * asked


def test_natural_questions_are_mostly_answered_and_rightly() -> None:
    total = _measure("natural", "ru") + _measure("natural", "en")
    asked = total["sure"] + total["maybe"] + total["no"]
    assert total["sure"] >= 0.8 * asked
    assert total["right"] >= 0.95 * total["sure"]
