"""Turns: plain data in, a decision out."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actors.domain.agent.models import AgentOutcome, AgentRequest, Said
from actors.domain.catalogue import Catalogue, catalogue
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import LogActivity, SendMessage, SetControl, SetTimer
from actors.domain.ids import AgentId, InboxId
from actors.domain.knowledge.models import Findings
from actors.domain.messages import IgnoredInput, InboundMessage, Input, TimerFired
from actors.domain.trace import from_bytes
from actors.domain.turn import conclude, decide

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AGENT = AgentId(UUID(int=1))
DEFINITION: dict[str, Any] = {
    "persona": {
        "greeting": {"ru": "Здравствуйте!", "en": "Hello!"},
        "fallback_text": {"ru": "Не поняла", "en": "Pardon?"},
        "handoff_text": {"ru": "Зову коллегу", "en": "Calling a colleague"},
        "choices_text": {"ru": "Что именно?", "en": "Which one?"},
    },
    "scripts": [
        {"id": "delivery", "keywords": ["доставка", "delivery"], "answer": {"ru": "Завтра", "en": "Tomorrow"}},
        {"id": "address", "keywords": ["адрес", "address"], "answer": {"ru": "Лесная, 18", "en": "18 Lesnaya"}},
        {"id": "thanks", "keywords": ["спасибо"], "priority": -10, "answer": {"ru": "Пожалуйста"}},
        {"id": "human", "phrases": ["позовите человека"], "answer": {}, "handoff": True},
    ],
    "passages": [
        {"id": "wool", "title": "Уход за пледом", "text": "Плед стирайте вручную.", "language": "ru"},
        {"id": "linen", "title": "Уход за бельём", "text": "Бельё стирайте при 40 градусах.", "language": "ru"},
    ],
}


def made(**persona: Any) -> Catalogue:
    return catalogue(AGENT, 5, {**DEFINITION, "persona": {**DEFINITION["persona"], **persona}})


CATALOGUE = made()


def view(control: Control = Control.BOT, **state: Any) -> ConversationView:
    return ConversationView(ConversationState(**state), control, "telegram", "repeat_once")


def says(*texts: str, language: str | None = None) -> list[Input]:
    return [InboundMessage(InboxId(number), NOW, text, language=language) for number, text in enumerate(texts, start=1)]


def timer(kind: str = "give_back", **payload: Any) -> TimerFired:
    return TimerFired(InboxId(90), NOW, kind, payload)


def turn(inputs: list[Input], seen: ConversationView | None = None, *, using: Catalogue = CATALOGUE, said: str = "") -> Decision:
    """Decide, let an agent without or with a model answer, conclude."""
    seen = seen or view()
    decision = decide(seen, inputs, using, NOW)
    if isinstance(decision, Decision):
        return decision
    findings = decision.index.search_words(decision.words, 5, decision.language)
    return conclude(seen, decision, AgentOutcome(findings, Said(said, "m", 7, 2) if said else None, prompt="p" if said else ""), NOW)


def spoken(decision: Decision) -> list[tuple[str, str]]:
    return [(effect.mode, effect.text) for effect in decision.effects if isinstance(effect, SendMessage)]


@pytest.mark.parametrize(
    "text", ["Здравствуйте!", "Добрый день", "привет 👋", "Hello there", "Добрый вечер! Здравствуйте", "hi, good morning"]
)
def test_who_says_hello_is_greeted(text: str) -> None:
    greeting = DEFINITION["persona"]["greeting"]["en" if text.isascii() else "ru"]
    assert spoken(turn(says(text))) == [("greeting", greeting)]
    assert spoken(turn(says(text), view(Control.WAITING))) == []


@pytest.mark.parametrize("text", ["Здравствуйте, есть вопрос", "hi, is delivery free?", "привет медвед", "good"])
def test_who_says_more_than_hello_is_not(text: str) -> None:
    assert ("greeting", "Здравствуйте!") not in spoken(turn(says(text)))
    assert ("greeting", "Hello!") not in spoken(turn(says(text)))


def test_a_script_answers_in_the_customers_language() -> None:
    assert spoken(turn(says("сколько ждать доставку?"))) == [("script", "Завтра")]
    decision = turn(says("When is delivery?"))
    assert spoken(decision) == [("script", "Tomorrow")]
    assert (decision.state.language, decision.state.turns) == ("en", 1)
    assert decision.effects[-1] == LogActivity("turn.answered", {"mode": "script", "script": "delivery"})


def test_a_sure_passage_is_given_verbatim_with_its_source() -> None:
    decision = turn(says("как стирать плед?"))
    assert spoken(decision) == [("extractive", "Плед стирайте вручную.")]
    assert [source.id for effect in decision.effects if isinstance(effect, SendMessage) for source in effect.sources] == ["wool"]


def test_passages_alike_are_offered_and_chosen_by_number() -> None:
    decision = turn(says("уход"))
    assert spoken(decision) == [("choices", "Что именно?\n1. Уход за пледом\n2. Уход за бельём")]
    assert decision.state.choices == ("wool", "linen")
    again = turn(says("2."), ConversationView(decision.state, Control.BOT, "telegram", "once"))
    assert spoken(again) == [("extractive", "Бельё стирайте при 40 градусах.")]
    assert again.state.choices == ()


@pytest.mark.parametrize("text", ["3", "0", "²", "99999", "-1"])
def test_a_number_that_was_not_offered_chooses_nothing(text: str) -> None:
    assert spoken(turn(says(text), view(choices=("wool",))))[0][0] == "handoff"


def test_scripts_ask_what_is_known_and_name_it() -> None:
    """The first message of a customer is met with turns = 0."""
    welcome: dict[str, Any] = {
        "id": "new",
        "keywords": ["доставка"],
        "priority": 5,
        "when": {"fact": "conversation.turns", "op": "is", "value": 0},
    }
    welcome["answer"] = {"ru": "Рады знакомству!"}
    named = {"id": "vip", "keywords": ["скидка"], "answer": {"ru": "{contact.name}, ваша скидка {variable.discount}%"}}
    using = catalogue(AGENT, 5, {**DEFINITION, "scripts": [welcome, named, *DEFINITION["scripts"]]})
    assert spoken(turn(says("доставка"), using=using)) == [("script", "Рады знакомству!")]
    assert spoken(turn(says("доставка"), view(turns=3), using=using)) == [("script", "Завтра")]
    known = view(name="Анна", variables={"discount": "7"})
    assert spoken(turn(says("скидка есть?"), known, using=using)) == [("script", "Анна, ваша скидка 7%")]


def test_a_long_answer_of_a_script_is_said_whole() -> None:
    long = {"id": "long", "keywords": ["условия"], "answer": {"ru": "Условие. " * 1_000}}
    using = catalogue(AGENT, 5, {**DEFINITION, "scripts": [long]})
    assert len(spoken(turn(says("условия"), using=using))[0][1]) >= 8_999


def test_nothing_found_is_handed_off_and_the_bot_waits() -> None:
    decision = turn(says("вы чините часы?"))
    assert decision.effects == (
        SendMessage("Зову коллегу", "handoff"),
        SetControl(Control.WAITING),
        LogActivity("turn.handed_off", {"reason": "no passage covers the question"}),
    )


def test_a_handoff_that_nobody_takes_ends_if_the_persona_says_so() -> None:
    decision = turn(says("вы чините часы?"), using=made(waiting_s=600))
    assert decision.effects[-1] == SetTimer("give_back", 600, {"from": "waiting"})


def test_asking_for_a_person_hands_off() -> None:
    assert spoken(turn(says("позовите человека"))) == [("handoff", "Зову коллегу")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("доставка", [("script", "Завтра")]),
        ("как стирать плед?", [("extractive", "Плед стирайте вручную.")]),
        ("/start", [("greeting", "Здравствуйте!")]),
        ("уход", []),
        ("вы чините часы?", []),
        ("позовите человека", []),
        ("👍", []),
        ("", []),
    ],
)
def test_who_waits_gets_only_what_is_sure_and_never_the_handoff_again(text: str, expected: list[tuple[str, str]]) -> None:
    decision = turn(says(text), view(Control.WAITING))
    assert spoken(decision) == expected
    assert not [effect for effect in decision.effects if isinstance(effect, SetControl)]
    assert expected or "waits for an operator" in decision.trace.reason


NIGHT = {"hours": {"from": "18:00", "to": "09:00"}, "timezone": "Europe/Moscow", "outside_text": {"ru": "Утром ответим"}}


@pytest.mark.parametrize(
    ("hour", "said"), [(5, "Завтра"), (6, "Утром ответим"), (12, "Утром ответим"), (14, "Утром ответим"), (15, "Завтра"), (23, "Завтра")]
)
def test_outside_of_its_hours_messages_go_to_people(hour: int, said: str) -> None:
    """The hours are those of Moscow, three hours ahead."""
    decision = decide(view(), says("доставка"), made(**NIGHT), NOW.replace(hour=hour))
    assert isinstance(decision, Decision)
    assert [text for _, text in spoken(decision)] == [said]
    assert (SetControl(Control.WAITING) in decision.effects) == (said == "Утром ответим")
    assert decision.trace.reason == ("outside its working hours" if said == "Утром ответим" else "")


def test_outside_of_its_hours_a_chat_is_greeted_and_who_waits_is_not_told_again() -> None:
    assert spoken(turn(says("/start"), using=made(**NIGHT))) == [("greeting", "Здравствуйте!")]
    assert spoken(turn(says("доставка"), view(Control.WAITING), using=made(**NIGHT))) == []


def test_the_bot_is_silent_while_a_person_has_the_conversation() -> None:
    decision = turn(says("доставка", "/start"), view(Control.HUMAN, language="ru", turns=4))
    assert decision.effects == ()
    assert decision.trace.reason == "an operator has the conversation"
    assert decision.state == ConversationState(language="ru", turns=5)


def test_a_person_who_takes_over_while_the_agent_works_silences_it() -> None:
    request = decide(view(), says("как стирать плед?"), CATALOGUE, NOW)
    assert isinstance(request, AgentRequest)
    decision = conclude(view(Control.HUMAN), request, AgentOutcome(request.index.search(request.text)), NOW)
    assert decision.effects == ()


def test_a_timer_gives_back_and_only_what_came_after_it_is_answered() -> None:
    back = (SetControl(Control.BOT), LogActivity("conversation.given_back", {"by": "timer"}))
    assert turn([timer()], view(Control.HUMAN)).effects == back
    decision = turn([*says("доставка"), timer(), *says("адрес")], view(Control.HUMAN))
    assert decision.effects[:2] == back
    assert spoken(decision) == [("script", "Лесная, 18")]


def test_give_back_survives_the_way_through_the_agent() -> None:
    decision = turn([timer(), *says("как стирать плед?")], view(Control.HUMAN))
    assert decision.effects[0] == SetControl(Control.BOT)
    assert spoken(decision) == [("extractive", "Плед стирайте вручную.")]


def test_a_timer_of_a_handoff_does_not_take_the_conversation_from_a_person() -> None:
    late = timer(**{"from": "waiting"})
    assert turn([late], view(Control.HUMAN)).effects == ()
    assert turn([late], view(Control.WAITING)).effects[0] == SetControl(Control.BOT)
    assert turn([late], view(Control.BOT)).effects == ()


def test_other_timers_and_ignored_inputs_change_nothing() -> None:
    decision = turn([timer("tea"), IgnoredInput(InboxId(3), NOW, "event")])
    assert decision.effects == ()
    assert decision.trace.reason == "nothing to answer"
    assert decision.trace.inputs == (90, 3)


@pytest.mark.parametrize("text", ["/start", "/start ref_42", "/start@shop_bot", "", "  \n"])
def test_opening_the_chat_and_saying_nothing_is_greeted(text: str) -> None:
    assert spoken(turn(says(text, language="en-US"))) == [("greeting", "Hello!")]


def test_start_and_a_question_answer_the_question() -> None:
    assert spoken(turn(says("/start", "доставка"))) == [("script", "Завтра")]


def test_a_message_without_words_gets_the_fallback() -> None:
    assert spoken(turn(says("?!… 👍"))) == [("fallback", "Не поняла")]


def test_several_messages_are_answered_once_the_last_one_first() -> None:
    assert spoken(turn(says("какой у вас адрес?", "а доставка?"))) == [("script", "Завтра")]
    assert spoken(turn(says("а доставка", "сколько?"))) == [("script", "Завтра")]


def test_thanks_do_not_hide_the_question_before_them() -> None:
    assert spoken(turn(says("какой у вас адрес?", "спасибо"))) == [("script", "Лесная, 18")]


def test_words_split_over_messages_are_one_question() -> None:
    assert spoken(turn(says("позовите", "человека"))) == [("handoff", "Зову коллегу")]


def test_the_last_of_many_long_messages_still_counts() -> None:
    assert spoken(turn(says("а" * 60_000, "б" * 60_000, "доставка"))) == [("script", "Завтра")]


def test_the_models_answer_is_sent_with_what_it_was_shown() -> None:
    decision = turn(says("как стирать плед?"), said="Вручную, тёплой водой.")
    assert spoken(decision) == [("model", "Вручную, тёплой водой.")]
    assert decision.trace.prompt is not None
    assert (decision.trace.prompt.model, decision.trace.prompt.prompt_tokens) == ("m", 7)


def test_a_model_that_asks_for_a_person_hands_off() -> None:
    assert spoken(turn(says("как стирать плед?"), said="[[handoff]]")) == [("handoff", "Зову коллегу")]


def test_a_failed_model_leaves_the_passage() -> None:
    request = decide(view(), says("как стирать плед?"), CATALOGUE, NOW)
    assert isinstance(request, AgentRequest)
    outcome = AgentOutcome(request.index.search(request.text, language="ru"), failure="TransientError: away", prompt="answer/1:x")
    decision = conclude(view(), request, outcome, NOW)
    assert spoken(decision) == [("extractive", "Плед стирайте вручную.")]
    assert decision.trace.prompt is not None
    assert decision.trace.prompt.failure == "TransientError: away"


def test_the_chain_proves_every_text_of_every_turn() -> None:
    using = made(responder="chain")
    first = turn(says("раз", "два"), using=using)
    proof = sha256((sha256("раз".encode()).hexdigest() + "два").encode()).hexdigest()
    assert spoken(first) == [("diagnostic", json.dumps({"chain": proof, "n": 1, "texts": ["раз", "два"]}, ensure_ascii=False))]
    silent = turn(says("три"), ConversationView(first.state, Control.HUMAN, "telegram", "once"), using=using)
    assert silent.effects == ()
    assert silent.state.chain == sha256((proof + "три").encode()).hexdigest()
    assert (
        turn([timer("tea")], ConversationView(silent.state, Control.BOT, "telegram", "once"), using=using).state.chain == silent.state.chain
    )


def test_the_trace_names_the_winner_the_losers_and_the_versions() -> None:
    trace = from_bytes(turn(says("доставка, спасибо")).trace.to_bytes())
    assert trace["agent_id"] == str(AGENT)
    assert trace["version"] == 5
    assert trace["inputs"] == [1]
    assert (trace["mode"], trace["language"], trace["control"]) == ("script", "ru", "bot")
    assert trace["scripts"]["winner"] == ["delivery", "delivery", 1, ["доставка"]]
    assert trace["scripts"]["losers"] == {
        "priority -10 is below 0 of delivery": [["thanks", 1]],
        "no phrase or keyword matches": ["address", "human"],
    }


def test_the_trace_holds_passages_with_scores() -> None:
    trace = from_bytes(turn(says("как стирать плед?")).trace.to_bytes())
    assert trace["verdict"] == "sure"
    assert trace["passages"][0][0] == "wool"
    assert trace["passages"][0][1] > 0


@given(
    st.lists(st.text(alphabet=st.characters(exclude_categories=()), max_size=50), max_size=4),
    st.sampled_from(list(Control)),
    st.sampled_from(["agent", "chain"]),
)
@example(["\ud800", "\x00"], Control.BOT, "chain")
@example(["\u202eשלום", "👩‍👩‍👧‍👦"], Control.WAITING, "agent")
def test_any_texts_give_a_decision_and_a_readable_trace(texts: list[str], control: Control, responder: str) -> None:
    decision = turn(says(*texts), view(control), using=CHAIN if responder == "chain" else CATALOGUE)
    assert from_bytes(decision.trace.to_bytes())["inputs" if texts else "format"]
    assert control is not Control.HUMAN or decision.effects == ()
    assert len(spoken(decision)) <= 1
    assert decision == turn(says(*texts), view(control), using=CHAIN if responder == "chain" else CATALOGUE)


CHAIN = made(responder="chain")


@pytest.mark.parametrize("piece", ["a", "я ", "\u0300", "ﷺ", "👍", "\x00", "/start", "доставка "])
def test_a_megabyte_is_decided_like_any_text(piece: str) -> None:
    decision = turn(says(piece * (1_000_000 // len(piece))))
    assert len(spoken(decision)) == 1
    assert all(len(text) < 10_000 for _, text in spoken(decision))


def test_an_answer_of_a_megabyte_is_cut() -> None:
    assert len(spoken(turn(says("как стирать плед?"), said="ж" * 1_000_000))[0][1]) == 8_000


def test_findings_of_nothing_are_no() -> None:
    assert Findings().verdict == "no"
