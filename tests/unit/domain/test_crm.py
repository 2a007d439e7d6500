"""What channels with a CRM bring: messages in any order, answers that are too late, what the company wrote, events."""

from dataclasses import replace

from actors.domain.conversation import Control, ConversationState
from actors.domain.effects import LogActivity
from actors.domain.ids import InboxId
from actors.domain.intake import gathered
from actors.domain.messages import CompanySpoke, CrmEvent, InboundMessage, Input, TimerFired
from tests.unit.domain.test_inbound import NOW, controls, logged, message, said, turn

AT = NOW.timestamp()
TALK = {"talk_id": "100", "contact_id": "5"}


def written(inbox_id: int, text: str, at: float, age_s: float = 0.0) -> InboundMessage:
    return message(inbox_id, text, said_at=at, age_s=age_s, answer_within_s=900.0, reply_to=TALK)


def spoke(inbox_id: int, by: str = "person") -> CompanySpoke:
    return CompanySpoke(InboxId(inbox_id), NOW, "m1", "hello", "person" if by == "person" else "bot")


def test_messages_are_in_the_order_they_were_written_then_arrived() -> None:
    timer = TimerFired(InboxId(9), NOW, "give_back")
    inputs: list[Input] = [written(1, "c", AT + 1), timer, written(2, "a", AT), written(3, "b", AT)]
    assert [item.inbox_id for item in gathered(inputs)] == [2, 9, 3, 1]
    first, second = message(1, "x"), message(2, "y")  # channels with an order of their own
    assert gathered([first, second]) == (first, second)


def test_the_newest_message_says_where_answers_go() -> None:
    newer = replace(written(1, "delivery?", AT + 1), reply_to={"talk_id": "101"})
    decision = turn(newer, written(2, "hello", AT))
    assert decision.state.reply_to == {"talk_id": "101"}
    assert ConversationState.from_json(decision.state.to_json()) == decision.state


def test_an_answer_that_would_come_too_late_is_left_to_people_without_a_word() -> None:
    decision = turn(written(1, "delivery?", AT - 901, 901.0))
    assert said(decision) == []
    assert logged(decision) == ["conversation.late", "turn.handed_off"]
    assert controls(decision)
    assert not decision.state.apologised
    assert said(turn(written(1, "delivery?", AT - 899, 899.0))) == ["Tomorrow"]


def test_what_the_company_wrote_is_not_answered_and_forgets_no_choices() -> None:
    state = ConversationState(choices=("a", "b"))
    decision = turn(spoke(1), spoke(2, "bot"), state=state)
    assert (said(decision), controls(decision), decision.state.choices) == ([], [], ("a", "b"))
    assert turn(spoke(1), message(2, "hm"), state=state).state.choices == ()


def test_events_are_told_to_people_whoever_has_the_conversation() -> None:
    moved = CrmEvent(InboxId(1), NOW, "lead.moved", {"status_id": "5"})
    for control in Control:
        decision = turn(moved, control=control)
        assert decision.effects == (LogActivity("lead.moved", {"status_id": "5"}),)
