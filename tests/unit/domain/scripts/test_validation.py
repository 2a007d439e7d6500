"""What may not be saved as one script, persona or list of passages: places are within it."""

from typing import Any

import pytest

from actors.domain.agent.validation import check_persona
from actors.domain.catalogue import read_definition
from actors.domain.errors import InvalidDefinition
from actors.domain.knowledge.validation import check_passages
from actors.domain.scripts.validation import check_script, check_scripts

SCRIPT: dict[str, Any] = {"id": "a", "phrases": ["hello"], "answer": {"en": "Hi"}}


def places(error: InvalidDefinition) -> list[str]:
    return [problem.place for problem in error.problems]


def test_a_good_script_is_read() -> None:
    assert check_script(SCRIPT).phrases == ("hello",)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"phrases": []}, [""]),
        ({"phrases": ["hello", "?"]}, ["phrases[1]"]),
        ({"answer": {}}, ["answer"]),
        ({"phrases": [], "expressions": ["order \\d+", "(open"]}, ["expressions[1]"]),
        ({"phrases": [], "expressions": ["\\border\\b", r"церемони(я|ю)\b"]}, ["expressions[1]"]),
        ({"expressions": [r"чай\b("]}, ["expressions[0]"]),
        ({"when": {"any": [{"fact": "message.text", "op": "matches", "value": r"\w+ ссср"}]}}, ["when.any[0].value"]),
        ({"when": {"not": {"fact": "message.text", "op": "matches", "value": r"\bчай"}}}, ["when.not.value"]),
        ({"steps": [{"id": "a", "ask": {"en": "?"}, "pattern": r"ул\.\b"}], "finish": {"en": "!"}}, ["steps[0].pattern"]),
        ({"when": {"fact": "lead.price", "op": "more", "value": 5}}, ["when.fact"]),
        ({"when": {"all": [{"fact": "message.text", "op": "sings", "value": "la"}]}}, ["when.all[0].op"]),
        ({"buttons": [{"label": {"en": "Shop"}, "url": "http://shop.example"}, {"label": {}}]}, ["buttons[0].url", "buttons[1].label"]),
        ({"buttons": [{"label": {"en": "x" * 61}}]}, ["buttons[0].label.en"]),
        ({"attachment": {"kind": "photo", "url": "https://user@shop.example/a.jpg"}}, ["attachment.url"]),
        ({"attachment": {"kind": "song", "url": "https://shop.example/a.mp3"}}, ["attachment.kind"]),
        ({"answer": {"en": "Hi {contact.nme} of {variable.town}"}}, ["answer.en"]),
        ({"answer": {"en": ""}, "priority": "high"}, ["priority", "answer.en"]),
    ],
)
def test_places_of_a_script_are_within_it(change: dict[str, Any], expected: list[str]) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        check_script({**SCRIPT, **change})
    assert places(refused.value) == expected


def test_what_is_refused_of_late_goes_on_where_it_is_stored() -> None:
    stored = {**SCRIPT, "expressions": [r"церемони(я|ю)\b"]}
    assert check_script(stored, written=False).expressions == (r"церемони(я|ю)\b",)
    assert len(read_definition({"scripts": [stored]}).scripts) == 1
    with pytest.raises(InvalidDefinition) as refused:
        check_scripts([SCRIPT, {**stored, "id": "b"}])
    assert places(refused.value) == ["scripts[1].expressions[0]"]
    assert r"\b knows Latin letters only" in refused.value.problems[0].reason
    assert r"write (?:^|[^\p{L}]) or" in refused.value.problems[0].reason


def test_places_of_persona_and_passages() -> None:
    assert check_persona({"name": "Anna"}).name == "Anna"
    with pytest.raises(InvalidDefinition) as refused:
        check_persona({"languages": ["en", "English"], "temperature": 9})
    assert places(refused.value) == ["persona.temperature", "persona.languages[1]"]
    passage = {"id": "a", "title": "A", "text": "a"}
    assert [item.id for item in check_passages([passage])] == ["a"]
    with pytest.raises(InvalidDefinition) as refused:
        check_passages([passage, {**passage, "title": ""}])
    assert places(refused.value) == ["passages[1].title", "passages[1].id"]
