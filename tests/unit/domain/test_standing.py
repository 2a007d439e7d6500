"""What nobody answered stands open, and is answered once when people ask for it."""

from zlib import crc32

import pytest

from actors.domain import standing
from actors.domain.conversation import Control, ConversationState
from actors.domain.effects import LogActivity, SetControl
from actors.domain.ids import InboxId
from actors.domain.intake import LATE_S
from actors.domain.messages import TimerFired
from actors.domain.robots import Talk
from tests.unit.domain.test_inbound import NOW, controls, made, message, said, turn


def test_what_is_left_unanswered_stands_open_until_something_is_said() -> None:
    late = turn(message(1, "delivery?", age_s=LATE_S + 1))
    assert late.state.open == {"inbox": 1, "why": "late"}
    kommo = turn(message(1, "delivery?", age_s=1_000.0, answer_within_s=900.0), channel="kommo")
    assert (said(kommo), kommo.state.open) == ([], {"inbox": 1, "why": "late"})
    more = turn(message(2, "are you there? abc"), state=late.state, control=Control.WAITING)
    assert more.state.open == {"inbox": 2, "why": "late"}  # still nobody was asked
    assert turn(message(3, "delivery?"), state=more.state, control=Control.WAITING).state.open == {}
    assert turn(message(4, "who?"), control=Control.WAITING).state.open == {"inbox": 4, "why": "people"}
    assert turn(message(5, "who?"), control=Control.HUMAN).state.open == {}
    stopped = turn(message(6, "delivery?"), state=ConversationState(silent=True))
    assert (stopped.state.open, said(stopped)) == ({"inbox": 6, "why": "stopped"}, [])


def asked(inbox: int, *texts: str) -> TimerFired:
    return TimerFired(InboxId(90), NOW, standing.ANSWER, {"inbox": inbox, "by": "ann", "texts": list(texts)})


def test_what_stands_open_is_answered_when_people_ask_for_it_and_by_no_rule() -> None:
    state = ConversationState(open={"inbox": 7, "why": "late"}, talk=Talk(last=crc32(b"delivery?"), times=2, heard=int(NOW.timestamp())))
    rule = {"id": "r", "name": "R", "trigger": {"on": "message_received"}, "actions": [{"do": "add_tag", "tag": "t"}]}
    decision = turn(asked(7, "hello", "delivery?"), state=state, control=Control.WAITING, using=made(rule))
    told = {"by": "ann", "messages": 2, "why": "late"}
    assert decision.effects[:2] == (SetControl(Control.BOT), LogActivity("conversation.reopened", told))
    assert said(decision) == ["Tomorrow"]
    assert (decision.state.open, decision.state.tags, decision.state.talk.times) == ({}, (), 2)
    with_more = turn(asked(7, "hello"), message(91, "delivery today?"), state=state, control=Control.WAITING)
    assert said(with_more) == ["Tomorrow"]
    silence = {**rule, "actions": [{"do": "stop"}]}
    kept_quiet = turn(asked(7, "hello"), message(91, "delivery today?"), state=state, control=Control.WAITING, using=made(silence))
    assert (said(kept_quiet), kept_quiet.state.open) == ([], state.open)
    closed = {"hours": {"from": "01:00", "to": "02:00"}}
    assert said(turn(asked(7, "delivery?"), state=state, control=Control.WAITING, using=made(**closed))) == ["Tomorrow"]
    assert said(turn(message(92, "delivery?"), using=made(**closed))) != ["Tomorrow"]
    nobody_knows = turn(asked(7, "abc?"), state=state, control=Control.WAITING)
    assert said(nobody_knows) == ["Wait"]
    assert controls(nobody_knows) == [SetControl(Control.BOT), SetControl(Control.WAITING)]


@pytest.mark.parametrize(
    ("state", "control"),
    [
        (ConversationState(), Control.BOT),
        (ConversationState(open={"inbox": 8, "why": "late"}), Control.WAITING),
        (ConversationState(open={"inbox": 7, "why": "late"}), Control.HUMAN),
        (ConversationState(open={"inbox": 7, "why": "late"}, blocked=True), Control.BOT),
        (ConversationState(open={"inbox": 7, "why": "late"}, silent=True), Control.BOT),
        (ConversationState(open={"inbox": 7, "why": "late"}, talk=Talk(silenced=True)), Control.WAITING),
    ],
)
def test_what_is_not_open_any_more_or_heard_by_nobody_is_not_answered(state: ConversationState, control: Control) -> None:
    decision = turn(asked(7, "delivery?"), state=state, control=control)
    assert (decision.effects, decision.state.open) == ((), state.open)
