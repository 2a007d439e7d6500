"""Which script wins, and why the others do not."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.rules.facts import Facts
from actors.domain.rules.models import Test
from actors.domain.scripts.engine import LISTED_LOSERS, ScriptIndex
from actors.domain.scripts.models import Script, ScriptMatch

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def script(name: str, *, phrases: str = "", keywords: str = "", **more: object) -> Script:
    split = [tuple(part.strip() for part in text.split("|") if part.strip()) for text in (phrases, keywords)]
    return Script(name, name, phrases=split[0], keywords=split[1], answer={"ru": "да"}, **more)  # type: ignore[arg-type]


def winner(match: ScriptMatch) -> str:
    return match.winner.script.id if match.winner else ""


def reasons(match: ScriptMatch) -> dict[str, str]:
    return {loser.script_id: loser.reason for loser in match.losers}


@pytest.mark.parametrize("text", ["Сколько СТОИТ доставка?", "а сколько стоила доставка", "сколько, стоит... доставка"])
def test_a_phrase_matches_by_word_forms_in_any_case(text: str) -> None:
    assert winner(ScriptIndex([script("delivery", phrases="сколько стоит доставка")]).match(text, "ru")) == "delivery"


@pytest.mark.parametrize("text", ["сколько доставка стоит", "сколько стоит быстрая доставка", "недоставка", ""])
def test_a_phrase_is_a_sequence_of_whole_words(text: str) -> None:
    assert winner(ScriptIndex([script("delivery", phrases="сколько стоит доставка")]).match(text, "ru")) == ""


def test_a_keyword_matches_anywhere_and_its_words_in_any_order() -> None:
    index = ScriptIndex([script("weekend", keywords="работаете выходные")])
    assert winner(index.match("а в выходные вы работаете?", "ru")) == "weekend"
    assert winner(index.match("вы работаете?", "ru")) == ""


def test_priority_goes_before_score_and_score_before_place() -> None:
    index = ScriptIndex(
        [
            script("first", keywords="доставка"),
            script("exact", phrases="стоит доставка"),
            script("low", phrases="сколько стоит доставка", priority=-1),
            script("second", keywords="доставка"),
            script("nothing", keywords="возврат"),
        ]
    )
    match = index.match("сколько стоит доставка", "ru")
    assert winner(match) == "exact"
    assert reasons(match) == {
        "first": "score 1 is below 3 of exact",
        "second": "score 1 is below 3 of exact",
        "low": "priority -1 is below 0 of exact",
        "nothing": "no phrase or keyword matches",
    }


def test_equal_scripts_are_decided_by_their_place() -> None:
    match = ScriptIndex([script("b", keywords="доставка"), script("a", keywords="доставка")]).match("доставка", "ru")
    assert winner(match) == "b"
    assert reasons(match) == {"a": "same priority and score as b, which comes first"}


def test_the_first_failing_reason_is_given_before_any_match_is_tried() -> None:
    match = ScriptIndex(
        [script("off", keywords="доставка", enabled=False, languages=("en",)), script("english", keywords="доставка", languages=("en",))]
    ).match("доставка", "ru")
    assert winner(match) == ""
    assert reasons(match) == {"off": "disabled", "english": "not for this language"}


def test_small_talk_answers_only_what_says_nothing_else() -> None:
    index = ScriptIndex([script("hello", keywords="привет", alone=True), script("thanks", keywords="спасибо", alone=True)])
    assert winner(index.match("Привет!", "ru")) == "hello"
    assert winner(index.match("ну привет вам и спасибо", "ru")) == "hello"
    match = index.match("привет, как стирать плед?", "ru")
    assert winner(match) == ""
    assert reasons(match)["hello"] == "small talk, and the message says more"


def test_what_matched_is_told() -> None:
    match = ScriptIndex([script("d", phrases="стоит доставка|сколько стоит доставка", keywords="доставка|курьер")]).match(
        "сколько стоит доставка курьером, доставка домой", "ru"
    )
    assert match.winner
    assert match.winner.matched == ("сколько стоит доставка", "доставка", "курьер")
    assert match.winner.score == 6


def test_a_trace_of_ten_thousand_scripts_stays_small() -> None:
    index = ScriptIndex([script(f"s{number}", keywords=f"слово{number}") for number in range(10_000)])
    match = index.match("слово7777 и что-то ещё", "ru")
    assert winner(match) == "s7777"
    assert len(match.losers) == LISTED_LOSERS
    assert match.unlisted == 10_000 - LISTED_LOSERS - 1


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=100), st.sampled_from(["ru", "en", ""]))
def test_every_script_is_accounted_for_whatever_the_text(text: str, language: str) -> None:
    index = ScriptIndex([script("a", phrases="да|ок", keywords="нет", alone=True), script("b", keywords="0|1|a", languages=("en",))])
    match = index.match(text, language)
    assert (match.winner is not None) + len(match.losers) + match.unlisted == 2
    assert index.match(text, language) == match


def test_as_many_losers_are_listed_as_asked_for() -> None:
    index = ScriptIndex([Script(str(n), "x", phrases=("wool",)) for n in range(60)])
    for text, losers in (("wool", 59), ("silk", 60)):
        assert (len(index.match(text, "en").losers), index.match(text, "en").unlisted) == (50, losers - 50)
        assert (len(index.match(text, "en", listed=60).losers), index.match(text, "en", listed=60).unlisted) == (losers, 0)


def test_an_expression_is_found_anywhere_and_counts_as_a_phrase() -> None:
    order = Script("order", "x", expressions=(r"заказ\w*\s*№?\s*\d{4,}", r"\+7\s?\d{3}"))
    index = ScriptIndex([script("word", keywords="заказ"), order])
    won = index.match("Где мой ЗАКАЗ № 12345?", "ru").winner
    assert won is not None
    assert (won.script.id, won.score, won.matched) == ("order", 3, (r"заказ\w*\s*№?\s*\d{4,}",))
    assert winner(index.match("мой заказ", "ru")) == "word"
    assert winner(index.match("звоните +7 916", "ru")) == "order"
    assert winner(ScriptIndex([replace(order, enabled=False)]).match("заказ 12345", "ru")) == ""
    assert winner(ScriptIndex([replace(order, languages=("en",))]).match("заказ 12345", "ru")) == ""


def test_small_talk_by_an_expression_answers_only_what_it_covers() -> None:
    index = ScriptIndex([Script("hi", "x", expressions=(r"^при+ве+т",), alone=True)])
    assert winner(index.match("Приивеет!", "ru")) == "hi"
    assert winner(index.match("Приивеет, сколько стоит доставка?", "ru")) == ""


@pytest.mark.parametrize(
    ("facts", "answers"),
    [
        ({"conversation.channel": "telegram"}, "in telegram"),
        ({"conversation.channel": "kommo"}, "anywhere"),
        ({}, "anywhere"),
    ],
)
def test_a_condition_must_hold_where_words_match(facts: dict[str, Any], answers: str) -> None:
    when = Test("conversation.channel", "is", "telegram")
    index = ScriptIndex([Script("in telegram", "x", keywords=("цена",), priority=5, when=when), script("anywhere", keywords="цена")])
    match = index.match("цена?", "ru", Facts(facts, NOW))
    assert winner(match) == answers
    assert [loser.reason for loser in match.losers if loser.script_id == "in telegram"] == (
        ["its condition is not met"] if answers == "anywhere" else []
    )
    assert winner(index.match("цена?", "ru")) == "in telegram"  # whoever tries a phrase has no conversation


def test_times_of_conditions_are_those_of_the_agents_zone() -> None:
    night = Script("night", "x", keywords=("цена",), when=Test("time.clock", "between", ("22:00", "08:00")))
    assert winner(ScriptIndex([night], "Asia/Tokyo").match("цена", "ru", Facts({}, NOW.replace(hour=14)))) == "night"  # 23:00
    assert winner(ScriptIndex([night]).match("цена", "ru", Facts({}, NOW.replace(hour=14)))) == ""


def test_a_condition_that_asks_too_much_does_not_hold() -> None:
    when = Test("conversation.channel", "is", "telegram")
    index = ScriptIndex([Script("a", "x", keywords=("цена",), when=when)])
    assert winner(index.match("цена", "ru", Facts({"conversation.channel": "telegram"}, NOW, budget=0))) == ""
