"""What may not be saved as a dialogue, and where the fault is."""

from typing import Any

import pytest

from actors.domain.catalogue import read_definition
from actors.domain.errors import InvalidDefinition
from actors.domain.scripts.dialogue_validation import MOST_STEPS
from actors.domain.scripts.validation import check_script


def step(name: str, *branches: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "ask": {"en": f"{name}?"}, "next": list(branches), **more}


def to(goto: str, **when: Any) -> dict[str, Any]:
    return {"goto": goto, **({"when": when} if when else {})}


def choice(*options: Any) -> dict[str, Any]:
    return {"expects": "choice", "options": [{"value": option} if isinstance(option, str) else option for option in options]}


YES = {"fact": "answer.text", "op": "is", "value": "yes"}
END = {"en": "Thank you"}


def places(*steps: dict[str, Any], **more: Any) -> list[str]:
    try:
        check_script({"id": "a", "phrases": ["hello"], "finish": END, "steps": list(steps), **more})
    except InvalidDefinition as error:
        return [problem.place for problem in error.problems]
    return []


def reasons(*steps: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(InvalidDefinition) as refused:
        check_script({"id": "a", "phrases": ["hello"], "finish": END, "steps": list(steps), **more})
    return [problem.reason for problem in refused.value.problems]


def test_good_dialogues_are_read() -> None:
    assert places(step("a")) == []
    assert places(step("a", to("c", **YES)), step("b", to("leave")), step("c", to("a", **YES))) == []
    assert places(step("a", otherwise="b"), step("b", to("hand_off"), **choice("x", {"value": "y", "label": {"en": "Why"}}))) == []
    assert check_script({"id": "a", "phrases": ["x"], "answer": {"en": "Hi"}}).steps == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"id": ""}, ["steps[0].id"]),
        ({"id": "finish"}, ["steps[0].id"]),
        ({"id": "a b"}, ["steps[0].id"]),
        ({"ask": {}}, ["steps[0].ask"]),
        ({"ask": {"en": ""}}, ["steps[0].ask.en"]),
        ({"ask": {"en": "x" * 2_001}}, ["steps[0].ask.en"]),
        ({"expects": "colour"}, ["steps[0].expects"]),
        ({"expects": "choice"}, ["steps[0].options"]),
        ({"options": [{"value": "x"}]}, ["steps[0].options"]),
        (choice("x", "X"), ["steps[0].options[1].value"]),
        (choice("x", {"value": "y", "label": {"en": "x"}}), ["steps[0].options[1].value"]),
        (choice("x", ""), ["steps[0].options[1].value"]),
        (choice("x", {"value": "y", "label": {"en": "?"}}), ["steps[0].options[1].label.en"]),
        (choice(*[f"o{number}" for number in range(21)]), ["steps[0].options"]),
        ({"pattern": "(?=x)"}, ["steps[0].pattern"]),
        ({"pattern": "x", "expects": "number"}, ["steps[0].pattern"]),
        ({"min": 5, "max": 1, "expects": "number"}, ["steps[0].max"]),
        ({"min": 5, "expects": "date"}, ["steps[0].min"]),
        ({"max": "many", "expects": "number"}, ["steps[0].max"]),
        ({"remember": "размер"}, ["steps[0].remember"]),
        ({"attempts": 0}, ["steps[0].attempts"]),
        ({"attempts": 1.5}, ["steps[0].attempts"]),
        ({"otherwise": "b"}, ["steps[0].otherwise"]),
        ({"next": [to("b")]}, ["steps[0].next[0].goto"]),
        ({"next": [to("finish"), to("leave")]}, ["steps[0].next[0].when"]),
        ({"next": [to("finish", fact="answer.colour", op="is", value="x")]}, ["steps[0].next[0].when.fact"]),
        ({"next": [to("finish", fact="answer.number", op="contains", value=1)]}, ["steps[0].next[0].when.op"]),
        ({"next": [to("finish", fact="time.hour", op="is", value=1)]}, ["steps[0].next[0].when.fact"]),
        ({"next": [to("finish", all=[YES, {"not": {"fact": "answer.text", "op": "is"}}])]}, ["steps[0].next[0].when.all[1].not.value"]),
        ({"ask": {"en": "Hello {variable.a}"}}, ["steps[0].ask.en"]),
        ({"ask": {"en": "Hello {contact.name}"}}, []),
        ({"ask": {"en": "Hello {contact.nme}"}}, ["steps[0].ask.en"]),
        ({"ask": {"en": "It is {time.clock}"}}, ["steps[0].ask.en"]),
    ],
)
def test_a_fault_has_its_place(change: dict[str, Any], expected: list[str]) -> None:
    assert places({**step("a"), **change}) == expected


def test_each_step_once_and_not_too_many() -> None:
    assert places(step("a"), step("b"), step("a")) == ["steps[2].id"]
    assert places(*[step(f"s{number}") for number in range(MOST_STEPS + 1)]) == ["steps"]
    assert places(*[step(f"s{number}") for number in range(MOST_STEPS)]) == []


def test_no_step_is_out_of_reach() -> None:
    assert places(step("a", to("finish")), step("b")) == ["steps[1]"]
    assert reasons(step("a", to("finish")), step("b")) == ["no step leads here"]
    assert places(step("a", to("finish"), otherwise="b"), step("b")) == []


def test_ways_in_circles_lead_out_somewhere() -> None:
    round_and_round = (step("a", to("b")), step("b", to("a", **YES), to("a")))
    assert places(*round_and_round, finish={}) == ["steps[0].next", "steps[1].next"]
    assert "never ends" in reasons(*round_and_round)[0]
    assert places(step("a", to("b")), step("b", to("a", **YES), to("leave"))) == []


def test_where_it_can_end_something_is_said() -> None:
    assert places(step("a"), finish={}) == ["finish"]
    assert places(step("a"), finish={}, handoff=True) == places(step("a", to("hand_off")), finish={}) == []


def test_texts_name_what_some_way_to_them_has_set() -> None:
    size, colour = step("size", remember="size"), step("colour", remember="colour", ask={"en": "{variable.size}?"})
    assert places(size, colour, finish={"en": "{variable.size} {variable.colour}"}) == []
    assert places(colour, size) == ["steps[0].ask.en"]
    assert places(step("a", remember="x"), step("b", retry={"en": "{variable.x}{variable.y}"})) == ["steps[1].retry.en"]
    # An answer that does not fit sets nothing.
    assert places(step("a", to("finish"), remember="x", otherwise="b"), step("b", ask={"en": "{variable.x}"})) == ["steps[1].ask.en"]
    assert places(step("a", remember="x"), answer={"en": "{variable.x}"}, leave={"en": "{variable.x}"}) == ["answer.en", "leave.en"]


def blank(*steps: dict[str, Any], **more: Any) -> list[str]:
    """Return what is refused where such a script is written; one that is stored already goes on."""
    script = {"id": "a", "phrases": ["hello"], "finish": END, "steps": list(steps), **more}
    assert check_script(script, written=False).steps
    assert read_definition({"scripts": [script]}).scripts
    with pytest.raises(InvalidDefinition) as refused:
        check_script(script)
    return [f"{problem.place}: {problem.reason.split(':')[0]}" for problem in refused.value.problems]


def test_texts_name_what_every_way_to_them_has_set() -> None:
    size = step("size", to("end", **YES), remember="size")
    phone, end = step("phone", remember="phone"), step("end", ask={"en": "{variable.size}, {variable.phone}?"})
    assert blank(size, phone, end) == ["steps[2].ask.en: phone is blank on the way over the steps 1"]
    assert places({**size, "next": []}, phone, end) == []
    over = {**size, "next": [to("last", **YES)]}
    said = {"en": "{variable.size} people, {variable.phone}."}
    assert blank(over, phone, step("last"), finish=said) == ["finish.en: phone is blank on the way over the steps 1, 3"]
    # Both branches remember it.
    assert places(over, step("phone", to("finish"), remember="phone"), step("last", remember="phone"), finish=said) == []
    # An answer that never fits sets nothing; where it leads on, the text is reached without it.
    asked = step("b", retry={"en": "{variable.x}"})
    assert blank(step("a", remember="x", otherwise="b"), asked) == ["steps[1].retry.en: x is blank on the way over the steps 1"]


def test_what_is_remembered_in_a_circle_is_not_there_at_first() -> None:
    first = step("a", ask={"en": "{variable.x}?"})
    assert blank(first, step("b", to("a", **YES), remember="x")) == ["steps[0].ask.en: x is blank at the beginning"]
    assert places(step("a", remember="x"), step("b", to("a", **YES), ask={"en": "{variable.x}, right?"})) == []


def test_every_language_of_the_script_is_asked_in() -> None:
    assert places(step("a"), languages=["en", "ru"]) == ["steps[0].ask"]
    assert places({**step("a"), "ask": {"en": "?", "ru": "?"}}, languages=["en", "ru"]) == []


def test_what_belongs_to_the_whole_dialogue() -> None:
    assert places(step("a"), expires_s=1) == ["expires_s"]
    assert places(step("a"), finish="Thanks", handoff=True) == ["finish"]


def test_steps_are_a_list_of_objects() -> None:
    with pytest.raises(InvalidDefinition) as refused:
        check_script({"id": "a", "phrases": ["x"], "answer": {"en": "Hi"}, "steps": {"a": 1}})
    assert [problem.place for problem in refused.value.problems] == ["steps"]
    assert places(*["x"]) == ["steps[0]", "steps[0].id", "steps[0].ask"]  # type: ignore[arg-type]
