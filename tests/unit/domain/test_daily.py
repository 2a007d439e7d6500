"""The limit of answers a day: counted exactly, one handoff in words, silence after it, and a new day begins anew."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from actors.domain import standing
from actors.domain.agent.models import AgentOutcome, AgentRequest
from actors.domain.catalogue import catalogue, read_definition
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import LogActivity, SendMessage, SetControl
from actors.domain.errors import InvalidDefinition
from actors.domain.ids import AgentId, InboxId
from actors.domain.messages import InboundMessage, Input, TimerFired
from actors.domain.turn import conclude, decide

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OVER = "the limit of 2 answers a day is reached"
SHOP: dict[str, Any] = {
    "persona": {"languages": ["en"], "handoff_text": {"en": "Calling a colleague"}, "answers_per_day": 2, "timezone": "Europe/Moscow"},
    "scripts": [{"id": "hours", "phrases": ["hours"], "answer": {"en": "From 10 to 19."}}],
    "passages": [{"id": "wool", "title": "Blanket care", "text": "Wash a blanket in cold water.", "language": "en"}],
}


@dataclass
class Chat:
    """A conversation from turn to turn, as storage keeps it."""

    shop: dict[str, Any] = field(default_factory=lambda: SHOP)
    state: ConversationState = field(default_factory=ConversationState)
    control: Control = Control.BOT
    at: datetime = NOON
    number: int = 0

    def says(self, *texts: str) -> Decision:
        inputs: list[Input] = [InboundMessage(InboxId(self.number + n), self.at, text) for n, text in enumerate(texts)]
        return self.turn(*inputs)

    def turn(self, *inputs: Input) -> Decision:
        self.number += len(inputs)
        view = ConversationView(self.state, self.control, "test", "once")
        got = decide(view, inputs, catalogue(AgentId(UUID(int=1)), 1, self.shop), self.at)
        if isinstance(got, AgentRequest):
            got = conclude(view, got, AgentOutcome(got.index.search_words(got.words, 5, "en")), self.at)
        self.state = ConversationState.from_json(got.state.to_json())
        self.control = next((e.control for e in reversed(got.effects) if isinstance(e, SetControl)), self.control)
        self.at += timedelta(minutes=1)
        return got


def said(decided: Decision) -> list[str]:
    return [effect.text for effect in decided.effects if isinstance(effect, SendMessage)]


def test_after_so_many_answers_a_person_is_called_once_and_then_it_is_silent() -> None:
    chat = Chat()
    assert said(chat.says("your hours?")) == ["From 10 to 19."]
    assert said(chat.says("hours, please", "your hours?")) == ["From 10 to 19."]  # two messages, one answer
    over = chat.says("hours?")
    assert (said(over), over.trace.mode, over.trace.reason) == (["Calling a colleague"], "handoff", OVER)
    assert LogActivity("turn.handed_off", {"reason": OVER}) in over.effects
    for _ in range(3):
        silent = chat.says("hours?")
        assert (said(silent), silent.trace.reason) == ([], f"waits for an operator; {OVER}")


def test_who_was_given_back_the_same_day_is_passed_over_without_words() -> None:
    chat = Chat()
    for _ in range(3):
        chat.says("hours?")
    chat.control = Control.BOT
    again = chat.says("hours?")
    assert (said(again), chat.control, again.trace.reason) == ([], Control.WAITING, OVER)
    assert LogActivity("turn.handed_off", {"reason": OVER}) in again.effects


def test_a_day_is_one_of_the_calendar_where_the_agent_is() -> None:
    chat = Chat(at=datetime(2026, 3, 1, 20, 58, tzinfo=UTC))  # 23:58 in Moscow
    chat.says("hours?")
    chat.says("hours?")
    assert said(chat.says("hours?")) == ["From 10 to 19."]  # 00:00
    assert chat.state.answers == {"day": "2026-03-02", "given": 1}


def test_who_waits_for_a_person_already_is_told_nothing_more() -> None:
    chat = Chat()
    chat.says("hours?")
    assert said(chat.says("is the sea blue?")) == ["Calling a colleague"]
    assert said(chat.says("hours?")) == ["From 10 to 19."]  # a handoff is no answer; who waits is answered what is sure
    assert said(chat.says("hours?")) == []


def test_rules_answers_count_and_rules_are_not_woken_beyond_the_limit() -> None:
    rule = {"id": "r", "trigger": {"on": "message_received"}, "actions": [{"do": "send", "text": {"en": "By rule."}}]}
    chat = Chat({**SHOP, "rules": [rule]})
    assert [said(chat.says("anything")) for _ in range(4)] == [["By rule."], ["By rule."], ["Calling a colleague"], []]


def test_what_nobody_wrote_counts_for_nothing() -> None:
    chat = Chat()
    for _ in range(5):
        chat.turn(TimerFired(InboxId(50), NOON, "give_back", {}))
    assert chat.state.answers == {}
    chat.control = Control.HUMAN
    chat.says("hours?")
    assert chat.state.answers == {}


def test_a_person_answers_beyond_it_and_without_a_limit_nothing_is_counted() -> None:
    chat = Chat()
    for _ in range(3):
        chat.says("hours?")
    chat.control = Control.HUMAN
    assert chat.says("hours?").trace.reason == "an operator has the conversation"
    free = Chat({**SHOP, "persona": {**SHOP["persona"], "answers_per_day": 0}})
    assert [said(free.says("hours?")) for _ in range(4)][-1] == ["From 10 to 19."]
    assert "answers" not in free.state.to_json()


def test_what_people_want_answered_is_answered_beyond_it() -> None:
    chat = Chat()
    for _ in range(3):
        chat.says("hours?")
    chat.state = replace(chat.state, open={"inbox": 7, "why": "stopped"})
    asked = TimerFired(InboxId(90), chat.at, standing.ANSWER, {"inbox": 7, "by": "ann", "texts": ["hours?"]})
    assert said(chat.turn(asked)) == ["From 10 to 19."]
    assert chat.state.answers["given"] == 3


def test_a_dialogue_ends_at_the_limit() -> None:
    steps = [{"id": "a", "ask": {"en": "How many?"}, "expects": "number"}, {"id": "b", "ask": {"en": "When?"}}]
    order = {"id": "order", "phrases": ["order"], "steps": steps, "finish": {"en": "Noted."}}
    chat = Chat({**SHOP, "scripts": [order]})
    assert [said(chat.says(text)) for text in ("order", "5", "tomorrow")] == [["How many?"], ["When?"], ["Calling a colleague"]]
    assert chat.state.dialogue == {}


def test_the_same_turn_decided_again_counts_once() -> None:
    chat = Chat()
    before = chat.state
    first = chat.says("hours?").state
    chat.state, chat.at = before, NOON
    assert chat.says("hours?").state.answers == first.answers == {"day": "2026-03-01", "given": 1}
    assert replace(before).answers == {}


@pytest.mark.parametrize("wrong", [-1, 1_001, 1.5, "5", True])
def test_what_is_no_limit_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        read_definition({"persona": {"answers_per_day": wrong}})
    assert [problem.place for problem in refused.value.problems] == ["persona.answers_per_day"]
