"""What differs between two versions is said item by item, and what is only written otherwise is no difference."""

from typing import Any

import pytest

from actors.domain.configuration.history import Difference, Field, differences

PERSONA = {"name": "Anna", "greeting": {"en": "Hi"}}
DELIVERY = {"id": "delivery", "name": "Delivery", "phrases": ["delivery"], "answer": {"en": "300", "ru": "350"}}
SIZES = {"id": "sizes", "name": "Sizes", "phrases": ["size"], "answer": {"en": "From 36"}}
WOOL = {"id": "wool", "title": "Wool", "text": "Wash it cold."}
NIGHT = {"id": "night", "name": "Night", "trigger": {"on": "message_received"}, "actions": [{"do": "hand_off"}]}
REMIND = {"id": "remind", "name": "Remind", "steps": [{"do": "send", "text": {"en": "Still there?"}}]}


def said(before: Any, after: Any) -> list[Difference]:
    return differences(before, after, {"b-1": "Shop"})


def fates(found: list[Difference]) -> list[tuple[str, str, str]]:
    return [(one.kind, one.key, one.fate) for one in found]


def scripts(*keys: str) -> dict[str, Any]:
    return {"persona": PERSONA, "scripts": [{**DELIVERY, "id": key} for key in keys]}


def test_nothing_published_makes_everything_new() -> None:
    whole = {
        "persona": PERSONA,
        "passages": [WOOL],
        "scripts": [DELIVERY],
        "rules": [NIGHT],
        "sequences": [REMIND],
        "knowledge": ["b-1"],
    }
    found = said({}, whole)
    assert [(one.kind, one.name, one.fate, one.fields) for one in found] == [
        ("persona", "Anna", "added", ()),
        ("passage", "Wool", "added", ()),
        ("script", "Delivery", "added", ()),
        ("rule", "Night", "added", ()),
        ("sequence", "Remind", "added", ()),
        ("knowledge", "Shop", "added", ()),
    ]
    assert {one.fate for one in said(whole, {})} == {"deleted"}
    assert said({}, {}) == said(whole, whole) == []


def test_a_changed_field_is_shown_before_and_after() -> None:
    dearer = {**DELIVERY, "answer": {"ru": "350", "en": "500"}, "alone": True}
    assert said({"persona": PERSONA, "scripts": [DELIVERY]}, {"persona": {**PERSONA, "strict": True}, "scripts": [dearer]}) == [
        Difference("persona", "", "Anna", "changed", (Field("strict", False, True),)),
        Difference(
            "script",
            "delivery",
            "Delivery",
            "changed",
            (Field("answer", {"en": "300", "ru": "350"}, {"en": "500", "ru": "350"}), Field("alone", False, True)),
        ),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"scripts": [DELIVERY]}, {"scripts": [{**DELIVERY, "answer": {"ru": "350", "en": "300"}, "priority": 0.0, "keywords": []}]}),
        ({"rules": [NIGHT]}, {"rules": [{**NIGHT, "trigger": {"of": "", "after_s": 0, "on": "message_received"}, "limit": "always"}]}),
        ({"sequences": [REMIND]}, {"sequences": [{**REMIND, "hours": {"from": "", "to": "", "weekdays": []}}]}),
        ({"passages": [WOOL]}, {"passages": [{**WOOL, "questions": [], "language": ""}]}),
        (
            {"persona": {"name": "Anna"}},
            {"persona": {"name": "Anna", "temperature": 0.2, "hours": {"from": ""}, "greeting": {}, "tools": []}},
        ),
        ({"sequences": [REMIND, {**REMIND, "id": "b"}]}, {"sequences": [{**REMIND, "id": "b"}, REMIND]}),
        ({"knowledge": ["a", "b"]}, {"knowledge": ["b", "a"]}),
    ],
)
def test_what_is_only_written_otherwise_is_no_difference(before: Any, after: Any) -> None:
    assert said(before, after) == said(after, before) == []


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ("abcd", "dabc", "d"),
        ("abcd", "bcda", "a"),
        ("abcd", "abxcd", ""),
        ("abcd", "acd", ""),
        ("abcd", "dxab", "d"),
        ("ab", "ba", "b"),
    ],
)
def test_as_few_as_can_be_have_moved(before: str, after: str, moved: str) -> None:
    found = fates(said(scripts(*before), scripts(*after)))
    assert "".join(key for _, key, fate in found if fate == "moved") == moved


def test_what_moved_and_changed_is_told_of_both() -> None:
    longer = {**SIZES, "answer": {"en": "From 35"}}
    found = said({"scripts": [DELIVERY, SIZES]}, {"scripts": [longer, DELIVERY]})
    assert fates(found) == [("script", "sizes", "changed"), ("script", "sizes", "moved")]


def test_faults_of_a_draft_are_compared_like_anything_else() -> None:
    broken = {"id": "delivery", "phrases": 5, "answer": None, "when": "always"}
    [one] = said({"scripts": [{**DELIVERY, "phrases": ["a"]}]}, {"scripts": [broken], "persona": {}})
    assert (one.fate, one.name, one.fields[-1]) == ("changed", "delivery", Field("answer", DELIVERY["answer"], {}))
    assert [one.name for one in said({}, {"persona": {"temperature": "hot"}, "knowledge": ["gone"]})] == ["Callboard", ""]
