"""Dialogues in turns: they get the message first, let rules and other scripts in, and leave no trace in a conversation they ended in."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from actors.domain.agent.models import AgentOutcome, AgentRequest
from actors.domain.catalogue import Catalogue, catalogue
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import LogActivity, SendMessage, SetControl
from actors.domain.ids import AgentId, InboxId
from actors.domain.messages import InboundMessage, Input
from actors.domain.rules.models import TRIGGERS
from actors.domain.rules.past import PastTurn, events_of
from actors.domain.rules.running import MOST_VARIABLES
from actors.domain.scripts.dialogue import MOST_TURNS
from actors.domain.trace import from_bytes
from actors.domain.turn import conclude, decide

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDER: dict[str, Any] = {
    "id": "order",
    "name": "An order",
    "phrases": ["order", "заказ"],
    "answer": {"en": "Gladly.", "ru": "Охотно."},
    "finish": {"en": "Noted: {variable.count} for {variable.name}.", "ru": "Записала: {variable.count}, {variable.name}."},
    "steps": [
        {"id": "count", "ask": {"en": "How many?", "ru": "Сколько?"}, "expects": "number", "remember": "count"},
        {"id": "name", "ask": {"en": "Your name?", "ru": "Как вас зовут?"}, "remember": "name"},
    ],
}
SHOP: dict[str, Any] = {
    "persona": {
        "languages": ["en", "ru"],
        "greeting": {"en": "Hello!"},
        "handoff_text": {"en": "Calling a colleague"},
        "fallback_text": {"en": "Pardon?"},
    },
    "scripts": [
        ORDER,
        {"id": "delivery", "keywords": ["delivery"], "answer": {"en": "Tomorrow."}},
        {"id": "human", "phrases": ["call a human"], "answer": {}, "handoff": True},
    ],
}


def shop(*rules: dict[str, Any], **order: Any) -> Catalogue:
    scripts = [{**ORDER, **order}, *SHOP["scripts"][1:]]
    return catalogue(AgentId(UUID(int=1)), 5, {**SHOP, "scripts": scripts, "rules": list(rules)})


def test_days_are_those_where_the_agent_is() -> None:
    step = {"id": "day", "ask": {"en": "Which day?"}, "expects": "date", "remember": "day"}
    order = {**ORDER, "steps": [step], "finish": {"en": "{variable.day}"}}
    persona = {**SHOP["persona"], "timezone": "Asia/Vladivostok"}  # ten hours ahead
    using = catalogue(AgentId(UUID(int=1)), 5, {**SHOP, "persona": persona, "scripts": [order]})
    late = NOW.replace(hour=20)
    state = ConversationState(dialogue={"script": "order", "step": "day", "asked_at": int(late.timestamp())}, language="en")
    decided = decide(ConversationView(state, Control.BOT, "telegram", "once"), says("tomorrow"), using, late)
    assert isinstance(decided, Decision)
    assert decided.state.variables == {"day": "2026-03-03"}


def says(*texts: str, **more: Any) -> list[Input]:
    return [InboundMessage(InboxId(number), NOW, text, **more) for number, text in enumerate(texts, start=1)]


def turn(
    inputs: list[Input],
    state: ConversationState | None = None,
    *,
    using: Catalogue | None = None,
    control: Control = Control.BOT,
    now: datetime = NOW,
) -> Decision:
    seen = ConversationView(state or ConversationState(), control, "telegram", "once")
    found = decide(seen, inputs, using or shop(), now)
    if isinstance(found, AgentRequest):
        return conclude(seen, found, AgentOutcome(found.index.search_words(found.words, 5, found.language)), now)
    return found


def spoken(decision: Decision) -> list[str]:
    return [effect.text for effect in decision.effects if isinstance(effect, SendMessage)]


def buttons(decision: Decision) -> list[str]:
    return [button.text for effect in decision.effects if isinstance(effect, SendMessage) for button in effect.buttons]


def told(decision: Decision) -> Mapping[str, Any]:
    found: Mapping[str, Any] = from_bytes(decision.trace.to_bytes()).get("dialogue", {})
    return found


BEGUN = turn(says("I want to order")).state
NAMED = turn(says("3"), BEGUN).state


def test_it_is_begun_by_the_script_and_ends_with_its_last_words() -> None:
    begun = turn(says("I want to order"))
    assert spoken(begun) == ["Gladly.\n\nHow many?"]
    assert (begun.trace.mode, begun.trace.reason) == ("script", "a dialogue begins")
    assert told(begun) == {"script": "order", "name": "An order", "goto": "count"}
    asked = turn(says("3"), begun.state)
    assert spoken(asked) == ["Your name?"]
    assert asked.effects[-1] == LogActivity("turn.answered", {"mode": "script", "script": "order"})
    assert told(asked) == {"script": "order", "name": "An order", "step": "count", "understood": "3", "remembered": "count", "goto": "name"}
    end = turn(says("Olga"), asked.state)
    assert spoken(end) == ["Noted: 3 for Olga."]
    assert (end.state.dialogue, end.state.variables, end.trace.reason) == ({}, {"count": "3", "name": "Olga"}, "the dialogue is finished")
    assert spoken(turn(says("Olga"), end.state)) == ["Calling a colleague"]


def test_questions_with_few_answers_have_buttons() -> None:
    size = {
        "id": "size",
        "ask": {"en": "Which size?"},
        "expects": "choice",
        "options": [{"value": "S", "label": {"en": "Small"}}, {"value": "L"}],
    }
    sure = {"id": "sure", "ask": {"en": "Sure?", "ru": "Точно?"}, "expects": "yes_no"}
    using = shop(steps=[size, sure], finish={"en": "Noted.", "ru": "Записала."})
    begun = turn(says("I want to order"), using=using)
    assert buttons(begun) == ["Small", "L"]
    assert buttons(turn(says("what?"), begun.state, using=using)) == ["Small", "L"]
    assert buttons(turn(says("how much is delivery?"), begun.state, using=using)) == ["Small", "L"]
    pressed = turn(says("Small", spoken=False, press="q1"), begun.state, using=using)
    assert (told(pressed)["understood"], buttons(pressed)) == ("S", ["Yes", "No"])
    assert buttons(turn(says("Yes", spoken=False, press="q2"), pressed.state, using=using)) == []


def test_the_state_survives_being_stored() -> None:
    assert ConversationState.from_json(NAMED.to_json()) == NAMED


def test_an_answer_to_the_question_is_nothing_else_meanwhile() -> None:
    """A name may read like a script's keyword, and its letters say nothing of the customer's language."""
    begun = turn(says("хочу сделать заказ"))
    named = turn(says("2"), begun.state)
    end = turn(says("Delivery Smith"), named.state)
    assert (spoken(end), end.state.language) == (["Записала: 2, Delivery Smith."], "ru")


def test_what_is_no_answer_may_be_another_scripts_question() -> None:
    aside = turn(says("how much is delivery?"), BEGUN)
    assert spoken(aside) == ["Tomorrow.\n\nHow many?"]
    assert (aside.state.dialogue, aside.trace.reason) == ({**BEGUN.dialogue, "turns": 1}, "another script answered")
    assert aside.trace.scripts.winner
    assert told(aside) == {"script": "order", "name": "An order", "step": "count", "why": "another script answered", "aside": True}
    assert spoken(turn(says("3"), aside.state)) == ["Your name?"]


def test_a_robot_that_asks_something_else_is_not_answered_for_ever() -> None:
    state, turns = BEGUN, 0
    while state.dialogue and turns < 2 * MOST_TURNS:
        state, turns = turn(says("how much is delivery?"), state).state, turns + 1
    assert turns == MOST_TURNS + 1


def test_a_script_that_hands_over_or_asks_itself_ends_it() -> None:
    passed = turn(says("call a human"), BEGUN)
    assert (spoken(passed), passed.state.dialogue) == (["Calling a colleague"], {})
    other = {**ORDER, "id": "swap", "phrases": ["swap"], "answer": {}}
    using = catalogue(AgentId(UUID(int=1)), 5, {**SHOP, "scripts": [ORDER, other]})
    begun = turn(says("a swap"), BEGUN, using=using)
    assert (begun.state.dialogue["script"], told(begun)["left"], spoken(begun)) == ("swap", "order", ["How many?"])


def test_its_own_phrase_is_no_answer_to_its_question() -> None:
    again = turn(says("order"), BEGUN)
    assert (again.trace.reason, again.state.dialogue["failed"]) == ("the answer was not understood", 1)
    assert told(again)["why"] == "it is no number"


@pytest.mark.parametrize("message", [says("[photo]", media="photo", spoken=False), says("")])
def test_a_file_is_no_answer_but_a_button_is(message: list[Input]) -> None:
    assert turn(message, BEGUN).state.dialogue["failed"] == 1
    assert spoken(turn(says("3", spoken=False, press="p"), BEGUN)) == ["Your name?"]


def test_several_messages_are_one_answer() -> None:
    assert turn(says("Olga", "Smith"), NAMED).state.variables["name"] == "Olga\nSmith"


def test_it_is_left() -> None:
    left = turn(says("Stop"), BEGUN)
    assert (spoken(left), left.state.dialogue, left.trace.reason) == (["All right, let us leave it at that."], {}, "the dialogue was left")
    begun_anew = turn(says("/start"), BEGUN)
    assert (spoken(begun_anew), begun_anew.state.dialogue) == (["Hello!"], {})


def test_too_many_answers_that_do_not_fit_pass_it_over() -> None:
    state = BEGUN
    for _ in range(2):
        state = turn(says("some"), state).state
    passed = turn(says("some"), state)
    assert (spoken(passed), passed.state.dialogue) == (["Calling a colleague"], {})
    assert SetControl(Control.WAITING) in passed.effects
    assert (told(passed)["failed"], told(passed)["goto"]) == (3, "hand_off")


def test_who_is_asked_thrice_says_yes_thrice_and_is_no_robot() -> None:
    """Neither while the dialogue lasts nor after it, however many questions it had."""
    asked = [{"id": f"s{number}", "ask": {"en": "Is that right?"}, "expects": "yes_no"} for number in range(25)]
    using = shop(steps=asked, finish={"en": "Noted."})
    state = turn(says("order"), using=using).state
    for _ in asked:
        said = turn(says("yes"), state, using=using)
        state = said.state
    assert spoken(said) == ["Noted."]
    assert spoken(turn(says("delivery?"), state, using=using)) == ["Tomorrow."]
    for _ in range(2):
        state = turn(says("yes"), state, using=using).state
    assert "a robot" in turn(says("yes"), state, using=using).trace.reason


def test_nobody_answers_in_time() -> None:
    late = turn(says("3"), BEGUN, now=NOW + timedelta(days=1))
    assert (spoken(late), late.state.dialogue, late.state.variables) == (["Calling a colleague"], {}, {})
    assert told(late) == {"script": "order", "step": "count", "why": "nobody answered in time"}
    assert spoken(turn(says("3"), BEGUN, now=NOW + timedelta(hours=23))) == ["Your name?"]


def test_a_version_without_the_step_takes_the_message_as_any_other() -> None:
    fewer = turn(says("delivery?"), NAMED, using=shop(steps=ORDER["steps"][:1], finish={"en": "Noted."}))
    assert (spoken(fewer), fewer.state.dialogue, told(fewer)["why"]) == (["Tomorrow."], {}, "its step is gone")
    gone = catalogue(AgentId(UUID(int=1)), 6, {**SHOP, "scripts": SHOP["scripts"][1:]})
    assert told(turn(says("delivery?"), NAMED, using=gone))["why"] == "its script is gone"
    changed = shop(steps=[*ORDER["steps"], {"id": "city", "ask": {"en": "Which city?"}}])
    assert spoken(turn(says("Olga"), NAMED, using=changed)) == ["Which city?"]


def test_people_end_it() -> None:
    assert turn(says("3"), BEGUN, control=Control.HUMAN).state.dialogue == {}
    rule = {"id": "r", "trigger": {"on": "message_received"}, "actions": [{"do": "hand_off"}]}
    passed = turn(says("3"), BEGUN, using=shop(rule))
    assert (passed.state.dialogue, passed.state.variables) == ({}, {})


def test_a_rule_that_answers_leaves_the_question_standing() -> None:
    rule = {"id": "r", "trigger": {"on": "message_received"}, "actions": [{"do": "send", "text": {"en": "A moment."}}]}
    when = {"all": [{"fact": "message.text", "op": "contains", "value": "wait"}]}
    using = shop({**rule, "when": when}, {**rule, "id": "s", "when": {"not": when}, "actions": [{"do": "add_tag", "tag": "heard"}]})
    waits = turn(says("wait, 3"), BEGUN, using=using)
    assert (spoken(waits), waits.state.dialogue) == (["A moment."], BEGUN.dialogue)
    goes_on = turn(says("3"), waits.state, using=using)
    assert (spoken(goes_on), goes_on.state.tags) == (["Your name?"], ("heard",))
    stop = turn(says("3"), BEGUN, using=shop({**rule, "actions": [{"do": "stop"}]}))
    assert (spoken(stop), stop.state.dialogue) == ([], BEGUN.dialogue)


def test_rules_hear_of_its_beginning_and_of_its_end() -> None:
    tags = [
        {"id": on, "trigger": {"on": on, "of": of}, "actions": [{"do": "add_tag", "tag": f"{on} {of}"}]}
        for on, of in (("script_matched", "order"), ("script_finished", "order"))
    ]
    note = {"id": "n", "trigger": {"on": "script_finished"}, "actions": [{"do": "notify", "text": "for {variable.name}"}]}
    using = shop(*tags, note)
    begun = turn(says("order"), using=using)
    named = turn(says("3"), begun.state, using=using)
    assert begun.state.tags == named.state.tags == ("script_matched order",)
    end = turn(says("Olga"), named.state, using=using)
    assert end.state.tags == ("script_matched order", "script_finished order")
    assert [effect.data["text"] for effect in end.effects if isinstance(effect, LogActivity) and effect.kind == "operator.notice"] == [
        "for Olga"
    ]
    plain = turn(says("delivery"), using=using)
    assert plain.trace.rules["fired"][0]["on"] == "script_finished"
    aside = turn(says("delivery"), begun.state, using=using)
    assert [entry["rule"] for entry in aside.trace.rules["fired"]] == ["n"]
    assert "fired" not in turn(says("stop"), begun.state, using=using).trace.rules


def test_a_back_test_knows_the_end_of_a_dialogue_where_there_were_no_rules() -> None:
    def events(decision: Decision) -> list[tuple[str, str]]:
        past = PastTurn(1, UUID(int=1), NOW, from_bytes(decision.trace.to_bytes()))
        return [(event.wake.on, event.wake.of) for event in events_of(past, TRIGGERS)]

    assert events(turn(says("order"))) == [("script_matched", "order")]
    assert events(turn(says("3"), BEGUN)) == []
    assert events(turn(says("Olga"), NAMED)) == [("script_finished", "order")]
    assert events(turn(says("delivery"), BEGUN)) == [("script_matched", "delivery"), ("script_finished", "delivery")]


def test_it_passes_the_conversation_over_at_its_end() -> None:
    using = shop(handoff=True)
    assert spoken(turn(says("order"), using=using)) == ["Gladly.\n\nHow many?"]
    end = turn(says("Olga"), NAMED, using=using)
    assert (spoken(end), SetControl(Control.WAITING) in end.effects) == (["Noted: 3 for Olga."], True)
    assert spoken(turn(says("Olga"), NAMED, using=shop(handoff=True, finish={}))) == ["Calling a colleague"]
    # Who waits already is not passed over again, but hears what the dialogue says.
    waits = turn(says("Olga"), NAMED, using=using, control=Control.WAITING)
    assert (spoken(waits), SetControl(Control.WAITING) in waits.effects) == (["Noted: 3 for Olga."], False)


def test_too_many_variables_are_not_kept_and_that_is_told() -> None:
    crowded = replace(BEGUN, variables={f"v{number}": "x" for number in range(MOST_VARIABLES)})
    full = turn(says("3"), crowded)
    assert (full.state.variables, told(full)["full"]) == (crowded.variables, True)
    known = replace(crowded, variables={**list_less(crowded.variables), "count": "1"})
    assert turn(says("3"), known).state.variables["count"] == "3"


def list_less(variables: Mapping[str, str]) -> dict[str, str]:
    """Return all but one."""
    return dict(list(variables.items())[1:])
