"""Conditions against a plain reference, over everything that may be saved."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.rules.conditions import compiled, questions_of
from actors.domain.rules.facts import Facts, OutOfBudget
from actors.domain.rules.models import Condition, Group, Test, read_condition
from actors.domain.text import fold

NOW = datetime(2026, 3, 1, 20, 30, tzinfo=UTC)  # a Sunday
TEXTS = st.sampled_from(["", "ok", "Доставка", "доставка завтра", "Ёлка", "цена 100"])
NUMBERS = st.integers(-3, 3) | st.sampled_from([0.5, 2.5])
TAGS = st.lists(st.sampled_from(["vip", "new", "old"]), max_size=3, unique=True)
CLOCKS = st.sampled_from(["00:00", "09:30", "20:30", "22:00", "23:59"])


def _test(fact: str, op: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[Condition]:
    return value.map(lambda given: Test(fact, op, given))


LEAVES: st.SearchStrategy[Condition] = st.one_of(
    *[_test("message.text", op, TEXTS) for op in ("is", "is_not", "contains", "not_contains", "starts_with")],
    *[_test("variable.city", op, st.lists(TEXTS, min_size=1, max_size=3).map(tuple)) for op in ("one_of", "none_of")],
    *[_test("lead.price", op, NUMBERS) for op in ("is", "is_not", "less", "at_most", "more", "at_least")],
    _test("lead.price", "between", st.tuples(NUMBERS, NUMBERS)),
    _test("contact.blocked", "is", st.booleans()),
    *[_test("conversation.tags", op, st.sampled_from(["vip", "new"])) for op in ("has", "has_not")],
    _test("conversation.tags", "has_any", TAGS.filter(bool).map(tuple)),
    *[_test("time.clock", op, CLOCKS) for op in ("before", "after")],
    _test("time.clock", "between", st.tuples(CLOCKS, CLOCKS)),
    *[_test(fact, op, st.none()) for fact in ("message.text", "lead.price") for op in ("known", "unknown")],
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Group, st.just("all"), st.lists(inner, max_size=4).map(tuple)),
        st.builds(Group, st.just("any"), st.lists(inner, min_size=1, max_size=4).map(tuple)),
        st.builds(Group, st.just("not"), st.tuples(inner)),
    ),
    max_leaves=12,
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "message.text": TEXTS,
        "variable.city": TEXTS,
        "lead.price": NUMBERS,
        "contact.blocked": st.booleans(),
        "conversation.tags": TAGS,
    },
)


def reference(condition: Condition, values: dict[str, Any]) -> bool | None:
    """Say what a condition means, in the plainest words; None: unknown."""
    if isinstance(condition, Group):
        found = [reference(item, values) for item in condition.items]
        if condition.of == "not":
            return None if found[0] is None else not found[0]
        deciding = condition.of == "any"
        if deciding in found:
            return deciding
        return None if None in found else not deciding
    here = {**values, "time.clock": "20:30"}
    if condition.op in ("known", "unknown"):
        return (condition.fact in here) is (condition.op == "known")
    return None if condition.fact not in here else _asked(condition.op, here[condition.fact], condition.value)


def _asked(op: str, value: Any, wanted: Any) -> bool:
    if isinstance(value, str):
        value = fold(value)
        wanted = tuple(fold(item) for item in wanted) if isinstance(wanted, tuple) else fold(wanted)
    if op == "between" and isinstance(wanted[0], str):
        low, high = wanted
        return bool(low <= value < high if low <= high else value >= low or value < high)
    table: dict[str, Any] = {
        "is": lambda: value == wanted,
        "is_not": lambda: value != wanted,
        "contains": lambda: wanted in value,
        "not_contains": lambda: wanted not in value,
        "starts_with": lambda: value.startswith(wanted),
        "one_of": lambda: value in wanted,
        "none_of": lambda: value not in wanted,
        "less": lambda: value < wanted,
        "at_most": lambda: value <= wanted,
        "more": lambda: value > wanted,
        "at_least": lambda: value >= wanted,
        "between": lambda: wanted[0] <= value <= wanted[1],
        "has": lambda: wanted in value,
        "has_not": lambda: wanted not in value,
        "has_any": lambda: any(item in value for item in wanted),
        "before": lambda: value < wanted,
        "after": lambda: value >= wanted,
    }
    return bool(table[op]())


@given(CONDITIONS, VALUES)
def test_a_condition_means_what_the_reference_says(condition: Condition, values: dict[str, Any]) -> None:
    value, number = compiled(condition, "UTC")(Facts(values, NOW))
    assert value is reference(condition, values)
    assert -1 <= number < len(questions_of(condition))


def as_json(condition: Condition) -> dict[str, Any]:
    if isinstance(condition, Test):
        value = list(condition.value) if isinstance(condition.value, tuple) else condition.value
        return {"fact": condition.fact, "op": condition.op, "value": value}
    if condition.of == "not":
        return {"not": as_json(condition.items[0])}
    return {condition.of: [as_json(item) for item in condition.items]}


@given(CONDITIONS)
def test_what_is_stored_is_read_as_it_was_written(condition: Condition) -> None:
    problems: list[Any] = []
    found = read_condition(as_json(condition), "when", problems)
    if not problems:  # groups nested too deep
        assert found == condition


def test_a_missing_fact_is_neither_true_nor_false() -> None:
    more = Test("lead.price", "more", 10)
    for condition in (more, Group("not", (more,)), Group("all", (more, Test("message.text", "known")))):
        assert compiled(condition, "UTC")(Facts({"message.text": "x"}, NOW))[0] is None


def test_times_are_those_of_the_rules_zone() -> None:
    night = Test("time.clock", "between", ("22:00", "08:00"))
    facts = Facts({}, NOW)
    assert compiled(night, "UTC")(facts)[0] is False
    assert compiled(night, "Europe/Moscow")(facts)[0] is True  # 23:30
    assert compiled(Test("time.weekday", "is", "mon"), "Asia/Tokyo")(facts)[0] is True
    summer = Facts({}, NOW + timedelta(days=120))
    assert compiled(Test("time.hour", "is", 22), "Europe/Berlin")(summer)[0] is True


def test_expressions_ignore_case_and_what_is_written_over_letters() -> None:
    for text in ("Доставка завтра", "ДОСТАВКА  ЗАВТРА"):
        assert compiled(Test("message.text", "matches", r"достав\S+\s+завтра"), "UTC")(Facts({"message.text": text}, NOW))[0]
    assert compiled(Test("message.text", "matches", "ёлк[аи]"), "UTC")(Facts({"message.text": "Елка"}, NOW))[0]


def test_no_expression_takes_long() -> None:
    evil = Test("message.text", "matches", "(a*)*b|(a|aa)+$")
    assert compiled(evil, "UTC")(Facts({"message.text": "a" * 100_000 + "c"}, NOW))[0] is True  # of 2,000 letters


def test_an_evaluation_has_a_budget() -> None:
    condition = Group("all", (Test("message.text", "known"),) * 11)
    with pytest.raises(OutOfBudget):
        compiled(condition, "UTC")(Facts({"message.text": "x"}, NOW, budget=10))
