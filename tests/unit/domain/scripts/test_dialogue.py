"""Dialogues by themselves: a place, words, and where they lead."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.scripts.dialogue import LEAVE_WORDS, MOST_TURNS, Heard, Position, Said, begin, hear, question, step_of, why_over
from actors.domain.scripts.models import Script, read_script
from actors.domain.scripts.validation import check_script

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDER: dict[str, Any] = {
    "id": "order",
    "name": "An order",
    "phrases": ["order"],
    "answer": {"en": "With pleasure, {contact.name}."},
    "finish": {"en": "{variable.count} x {variable.way}: noted."},
    "leave": {"en": "As you like."},
    "expires_s": 3600,
    "steps": [
        {
            "id": "count",
            "ask": {"en": "How many?", "ru": "Сколько?"},
            "expects": "number",
            "min": 1,
            "remember": "count",
            "retry": {"en": "A number, please."},
            "attempts": 2,
            "otherwise": "leave",
            "next": [{"when": {"fact": "answer.number", "op": "more", "value": 10}, "goto": "hand_off"}],
        },
        {
            "id": "way",
            "ask": {"en": "How do you get your {variable.count}?"},
            "expects": "choice",
            "options": [{"value": "courier", "label": {"en": "By courier"}}, {"value": "pickup", "label": {"en": "I pick it up"}}],
            "remember": "way",
            "otherwise": "address",
            "next": [{"when": {"fact": "answer.text", "op": "is", "value": "pickup"}, "goto": "finish"}],
        },
        {"id": "address", "ask": {"en": "Where to?"}, "remember": "address", "next": [{"goto": "sure"}]},
        {
            "id": "sure",
            "ask": {"en": "To {variable.address}, is that right?"},
            "expects": "yes_no",
            "next": [{"when": {"fact": "answer.text", "op": "is", "value": "no"}, "goto": "address"}],
        },
    ],
}
SCRIPT = check_script(ORDER, written=False)  # "way" is blank where nobody understood the answer


def said(*texts: str, language: str = "en", **variables: str) -> Said:
    facts = {"contact.name": "Olga", **{f"variable.{name}": value for name, value in variables.items()}}
    return Said(texts, language, facts, NOW)


def at(step: str, failed: int = 0, turns: int = 0) -> Position:
    return Position("order", step, int(NOW.timestamp()), failed, turns)


def talk(*answers: str) -> list[Heard]:
    """Let somebody answer one question after another."""
    heard, kept = [begin(SCRIPT, said("order"))], dict[str, str]()
    for answer in answers:
        position = heard[-1].position
        assert position is not None
        heard.append(hear(SCRIPT, position, said(answer, **kept)))
        kept |= heard[-1].remembered
    return heard


def test_it_begins_with_the_answer_and_the_first_question() -> None:
    [beginning] = talk()
    assert beginning == Heard("asked", "With pleasure, Olga.\n\nHow many?", at("count"), {}, {"goto": "count"})
    assert begin(replace(SCRIPT, answer={}), said("заказ", language="ru")).text == "Сколько?"


def test_answers_are_remembered_and_named_in_what_follows() -> None:
    address, sure, end = talk("3", "1", "Lesnaya 18", "yes")[2:]
    assert address.text == "Where to?"
    assert (sure.text, sure.remembered) == ("To Lesnaya 18, is that right?", {"address": "Lesnaya 18"})
    assert end == Heard("finished", "3 x courier: noted.", None, {}, {"step": "sure", "understood": "yes", "goto": "finish"})


def test_options_are_numbered_below_the_question() -> None:
    _, way = talk("3")
    assert way.text == "How do you get your 3?\n1. By courier\n2. I pick it up"
    assert way.told == {"step": "count", "understood": "3", "remembered": "count", "goto": "way"}


def test_the_first_branch_that_is_true_is_taken() -> None:
    assert (talk("3", "2")[-1].outcome, talk("3", "2")[-1].text) == ("finished", "3 x pickup: noted.")
    assert talk("11")[-1] == Heard(
        "handed_off", "", None, {"count": "11"}, {"step": "count", "understood": "11", "remembered": "count", "goto": "hand_off"}
    )
    back = talk("3", "1", "Lesnaya", "no")[-1]
    assert (back.outcome, back.text) == ("asked", "Where to?")


def test_an_answer_that_does_not_fit_is_asked_for_again_until_it_is_enough() -> None:
    _, first, second = talk("some", "many")
    assert (first.outcome, first.text, first.position) == ("repeated", "A number, please.", at("count", failed=1, turns=1))
    assert first.told == {"step": "count", "why": "it is no number", "failed": 1, "goto": "count"}
    assert (second.outcome, second.text, second.told["goto"]) == ("left", "As you like.", "leave")
    elsewhere = hear(SCRIPT, at("way", failed=2), said("by air"))
    assert (elsewhere.text, elsewhere.position) == ("Where to?", at("address", turns=1))


def test_without_words_of_its_own_the_question_is_repeated() -> None:
    heard = hear(SCRIPT, at("way"), said("by air", count="3"))
    assert heard.text == "I could not understand the answer.\n\nHow do you get your 3?\n1. By courier\n2. I pick it up"
    assert question(SCRIPT, at("address"), said()) == "Where to?"


@pytest.mark.parametrize("word", [*sorted(LEAVE_WORDS), "Stop!", "СТОП."])
def test_who_wants_to_leave_may(word: str) -> None:
    heard = hear(SCRIPT, at("address"), said(word))
    assert (heard.outcome, heard.text, heard.position, heard.told["why"]) == ("left", "As you like.", None, "the customer left")
    assert hear(replace(SCRIPT, leave={}), at("address"), said(word, language="ru")).text == "Хорошо, остановимся на этом."


def test_a_word_of_leaving_within_an_answer_or_as_an_option_is_an_answer() -> None:
    assert hear(SCRIPT, at("address"), said("Stop street 5")).outcome == "asked"
    asks = {"id": "a", "ask": {"en": "?"}, "expects": "choice", "options": [{"value": "go"}, {"value": "stop"}]}
    script = check_script({**ORDER, "steps": [asks], "finish": {"en": "End"}})
    assert hear(script, at("a"), said("stop")).told["understood"] == "stop"


def test_several_messages_are_one_answer() -> None:
    assert hear(SCRIPT, at("address"), said("Lesnaya", "18")).remembered == {"address": "Lesnaya\n18"}
    assert hear(SCRIPT, at("count"), said("1", "2")).outcome == "repeated"


def test_it_ends_where_its_script_or_step_is_gone_or_nobody_answers_in_time() -> None:
    late = NOW + timedelta(seconds=3600)
    assert why_over(SCRIPT, at("way"), late - timedelta(seconds=1)) == ""
    assert why_over(SCRIPT, at("way"), late) == "nobody answered in time"
    assert why_over(None, at("way"), NOW) == why_over(replace(SCRIPT, enabled=False), at("way"), NOW) == "its script is gone"
    assert why_over(SCRIPT, at("gone"), NOW) == "its step is gone"


def test_nobody_goes_round_and_round_for_ever() -> None:
    heard = begin(SCRIPT, said())
    for answer in ["1", "1", *["Lesnaya", "no"] * 200]:
        assert heard.position
        if why_over(SCRIPT, heard.position, NOW):
            break
        heard = hear(SCRIPT, heard.position, said(answer))
    assert heard.position
    assert (heard.position.turns, why_over(SCRIPT, heard.position, NOW)) == (MOST_TURNS, "it went round and round")


def test_a_place_is_read_as_it_was_written() -> None:
    assert [Position.from_json(place.to_json()) for place in (at("way"), at("way", 2, 7))] == [at("way"), at("way", 2, 7)]


@st.composite
def dialogues(draw: st.DrawFn) -> Script:
    """Any steps that lead anywhere, whether or not they may be saved."""
    names = [f"s{number}" for number in range(draw(st.integers(1, 5)))]
    targets = st.sampled_from([*names, "finish", "hand_off", "leave", "nowhere"])
    tests = st.sampled_from(
        [
            {"fact": "answer.text", "op": "contains", "value": "1"},
            {"fact": "answer.number", "op": "less", "value": 5},
            {"fact": "variable.v", "op": "known"},
            {"not": {"fact": "answer.text", "op": "matches", "value": "a+b?"}},
            {"all": []},
        ]
    )
    steps = [
        {
            "id": name,
            "ask": {"en": f"{name}? {{variable.v}}"},
            "expects": draw(st.sampled_from(["text", "number", "phone", "email", "date", "choice", "yes_no"])),
            "options": [{"value": "1a"}, {"value": "b", "label": {"en": "no"}}],
            "pattern": draw(st.sampled_from(["", "^a"])),
            "remember": draw(st.sampled_from(["", "v"])),
            "attempts": draw(st.integers(1, 3)),
            "otherwise": draw(targets),
            "next": draw(st.lists(st.builds(lambda when, goto: {"when": when, "goto": goto}, tests, targets), max_size=3)),
        }
        for name in names
    ]
    problems: list[Any] = []
    script = read_script({"id": "order", "phrases": ["x"], "steps": steps}, "", problems)
    assert not problems
    return script


@given(
    dialogues(),
    st.lists(st.one_of(st.text(max_size=20), st.sampled_from(["1", "a", "no", "stop", "1.2", "+7 916 123 45 67"])), max_size=12),
)
def test_whatever_is_said_it_waits_at_one_of_its_steps_or_ends(script: Script, answers: list[str]) -> None:
    heard, kept = begin(script, said()), dict[str, str]()
    for answer in answers:
        if heard.position is None:
            break
        before = heard.position
        heard = hear(script, before, said(answer, **kept))
        kept |= heard.remembered
        assert_sound(script, before, heard)


def assert_sound(script: Script, before: Position, heard: Heard) -> None:
    step = step_of(script, before.step)
    assert step is not None
    assert (heard.position is None) == (heard.outcome in {"finished", "left", "handed_off"})
    assert heard.text or heard.outcome in {"finished", "handed_off"}
    if heard.position is not None:
        assert step_of(script, heard.position.step) is not None
        assert heard.position.failed < step.attempts
    assert set(heard.remembered) <= {step.remember} - {""}
