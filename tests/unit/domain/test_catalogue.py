"""Definitions: what is read, and what is refused with its place."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from actors.domain.catalogue import catalogue, read_definition
from actors.domain.errors import InvalidDefinition, Problem
from actors.domain.ids import AgentId

AGENT = AgentId(UUID(int=7))
GOOD_SCRIPT = {"id": "d", "keywords": ["доставка"], "answer": {"ru": "Доставим"}}


def problems(definition: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidDefinition) as caught:
        read_definition(definition)
    return [str(problem) for problem in caught.value.problems]


def test_an_empty_definition_is_a_usable_agent() -> None:
    made = catalogue(AGENT, 3, {})
    assert (made.agent_id, made.version) == (AGENT, 3)
    assert made.persona.languages == ("ru", "en")
    assert made.persona.debounce_s == 0.3
    assert made.persona.handoff_text["en"]


def test_a_persona_keeps_what_it_says_and_defaults_the_rest() -> None:
    persona = read_definition({"persona": {"name": "Вера", "responder": "chain", "debounce_s": 1, "greeting": {"ru": "Привет"}}}).persona
    assert (persona.name, persona.responder, persona.debounce_s) == ("Вера", "chain", 1.0)
    assert persona.greeting == {"ru": "Привет"}
    assert persona.answer_deadline_s == 30


def test_scripts_and_passages_are_read() -> None:
    read = read_definition({"scripts": [GOOD_SCRIPT], "passages": [{"id": "p", "title": "Т", "text": "Текст", "language": "ru"}]})
    assert (read.scripts[0].name, read.scripts[0].priority) == ("d", 0)
    assert read.passages[0].title == "Т"


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        ({"persona": 5}, "persona: must be an object"),
        ({"persona": {"name": " "}}, "persona.name: must not be empty"),
        ({"persona": {"debounce_s": float("nan")}}, "persona.debounce_s: must be a number from 0 to 60"),
        ({"persona": {"debounce_s": True}}, "persona.debounce_s: must be a number from 0 to 60"),
        ({"persona": {"responder": "magic"}}, "persona.responder: must be one of: agent, chain"),
        ({"persona": {"greeting": "hi"}}, 'persona.greeting: must be an object of texts by language, e.g. {"ru": "...", "en": "..."}'),
        ({"persona": {"greeting": {"ru": 5}}}, "persona.greeting.ru: must be a text of at most 16384 characters"),
        ({"persona": {"languages": ["Russian"]}}, "persona.languages[0]: 'Russian' is not a language code such as \"ru\""),
        ({"scripts": {}}, "scripts: must be a list"),
        ({"scripts": [GOOD_SCRIPT, 7]}, "scripts[1]: must be an object"),
        ({"scripts": [GOOD_SCRIPT, GOOD_SCRIPT]}, "scripts[1].id: another script has the id d"),
        ({"scripts": [{**GOOD_SCRIPT, "phrases": ["да", ""]}]}, "scripts[0].phrases[1]: must be a text, not empty"),
        ({"scripts": [{**GOOD_SCRIPT, "phrases": ["?!"]}]}, "scripts[0].phrases[0]: contains no word"),
        ({"scripts": [{**GOOD_SCRIPT, "keywords": []}]}, "scripts[0]: needs a phrase, a keyword or a sentence, else it never answers"),
        ({"scripts": [{**GOOD_SCRIPT, "answer": {}}]}, "scripts[0].answer: needs a text in at least one language"),
        ({"scripts": [{**GOOD_SCRIPT, "languages": ["en"]}]}, "scripts[0].answer: has no text in en, one of the script's languages"),
        ({"scripts": [{**GOOD_SCRIPT, "priority": 1.5}]}, "scripts[0].priority: must be a whole number from -1000 to 1000"),
        ({"scripts": [{**GOOD_SCRIPT, "enabled": "yes"}]}, "scripts[0].enabled: must be true or false"),
        ({"passages": [{"id": "p", "title": "t"}]}, "passages[0].text: must not be empty"),
        ({"passages": [{"id": "p", "title": "t", "text": "x" * 3501}]}, "passages[0].text: is longer than 3500 characters"),
        ({"passages": [{"id": "p", "title": "t", "text": "x"}] * 2}, "passages[1].id: another passage has the id p"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(definition: dict[str, Any], problem: str) -> None:
    assert problem in problems(definition)


def test_all_problems_are_told_at_once() -> None:
    told = problems({"persona": {"temperature": 9}, "scripts": [{}]})
    assert [text.partition(":")[0] for text in told] == ["persona.temperature", "scripts[0].id", "scripts[0]", "scripts[0].answer"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "ru", "phrases", "answer", "name"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["persona", "scripts", "passages"]), JSON))
def test_any_json_is_read_or_refused_with_a_place(definition: dict[str, Any]) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        catalogue(AGENT, 1, definition)
    except InvalidDefinition as error:
        problems = error.problems
        event("refused")
    assert all(problem.place and problem.reason for problem in problems)
