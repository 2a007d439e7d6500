"""What a turn's facts say for the counters."""

from dataclasses import replace
from datetime import timedelta

from actors.domain.agent.spending import Spent
from actors.domain.conversation import ConversationState
from actors.domain.decision import Decision
from actors.domain.ids import AgentId, InboxId
from actors.domain.messages import InboundMessage
from actors.domain.trace import Trace
from actors.ports.turns import ActivityRow
from actors.services.tally import counted
from tests.unit.domain.test_rollups import AGENT, AT

ME = AgentId(AGENT)
DECISION = Decision(ConversationState(), (), Trace(str(ME), 1, AT.isoformat(), (), "bot", "en", "", "an operator has the conversation"))


def message(seconds: float) -> InboundMessage:
    return InboundMessage(InboxId(1), AT - timedelta(seconds=seconds), "hello")


def test_the_first_fact_of_how_it_ended_has_the_numbers() -> None:
    late, handed, answered = (ActivityRow(kind, ME, {"k": 1}) for kind in ("conversation.late", "turn.handed_off", "turn.answered"))
    facts = counted([late, handed, answered], [message(2.5), message(4.0)], DECISION, ME, Spent(10, 4, 7))
    assert facts == (late, replace(handed, data={"k": 1, "messages": 2, "seconds": 4.0, "micros": 7}), answered)


def test_silence_is_a_fact_of_its_own() -> None:
    (silent,) = counted([], [message(1.0)], DECISION, ME)
    assert silent == ActivityRow("turn.silent", ME, {"reason": "an operator has the conversation", "messages": 1})
    assert counted([], [], DECISION, ME) == ()


def test_what_a_model_cost_counts_whoever_spoke() -> None:
    answered = ActivityRow("turn.answered", ME, {})
    assert counted([answered], [], DECISION, ME, Spent(10, 4, 7)) == (replace(answered, data={"micros": 7}),)
    (silent,) = counted([], [message(1.0)], DECISION, ME, Spent(10, 4, 7))
    assert (silent.kind, silent.data["messages"], silent.data["micros"]) == ("turn.silent", 1, 7)


def test_a_clock_that_is_behind_makes_no_answer_faster_than_at_once() -> None:
    (answered,) = counted([ActivityRow("turn.answered", ME, {})], [message(-3.0)], DECISION, ME)
    assert answered.data["seconds"] == 0.0
