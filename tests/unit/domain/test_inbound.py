"""What inputs besides plain messages do to a turn: edits, albums, buttons, links, blocks, lateness, robots."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from actors.domain.agent.engine import build_prompt
from actors.domain.agent.models import AgentOutcome, AgentRequest
from actors.domain.catalogue import Catalogue, catalogue
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import AcknowledgePress, Effect, LogActivity, SendMessage, SetControl, SetTimer, StopSending
from actors.domain.ids import AgentId, InboxId
from actors.domain.intake import GIVE_BACK, LATE_S, gathered
from actors.domain.knowledge.models import NOTHING_FOUND
from actors.domain.messages import ContactBlocked, InboundMessage, Input, MessageEdited, TimerFired
from actors.domain.turn import conclude, decide

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def made(*rules: dict[str, Any], **persona: Any) -> Catalogue:
    definition = {
        "persona": {"languages": ["en", "ru"], "late_text": {"en": "Sorry!", "ru": "Простите!"}, "handoff_text": {"en": "Wait"}, **persona},
        "scripts": [{"id": "delivery", "keywords": ["delivery", "доставка"], "answer": {"en": "Tomorrow", "ru": "Завтра"}}],
        "passages": [],
        "rules": list(rules),
    }
    return catalogue(AgentId(UUID(int=1)), 1, definition)


CATALOGUE = made()


def message(inbox_id: int, text: str, **more: Any) -> InboundMessage:
    return InboundMessage(InboxId(inbox_id), NOW, text, external_id=str(inbox_id), **more)


def part(inbox_id: int, caption: str = "") -> InboundMessage:
    data = {"media": [{"kind": "photo", "file_id": f"f{inbox_id}"}], "album": "77"}
    return message(inbox_id, caption or "[photo]", spoken=bool(caption), album="77", data=data)


def turn(*inputs: Input, **more: Any) -> Decision:
    return at(NOW, *inputs, **more)


def at(
    now: datetime,
    *inputs: Input,
    state: ConversationState | None = None,
    control: Control = Control.BOT,
    channel: str = "telegram",
    using: Catalogue = CATALOGUE,
) -> Decision:
    view = ConversationView(state or ConversationState(), control, channel, "repeat_once")
    decision = decide(view, gathered(inputs), using, now)
    return conclude(view, decision, AgentOutcome(NOTHING_FOUND), now) if isinstance(decision, AgentRequest) else decision


def said(decision: Decision) -> list[str]:
    return [effect.text for effect in decision.effects if isinstance(effect, SendMessage)]


def logged(decision: Decision) -> list[str]:
    return [effect.kind for effect in decision.effects if isinstance(effect, LogActivity)]


def controls(decision: Decision) -> list[Effect]:
    return [effect for effect in decision.effects if isinstance(effect, SetControl)]


def test_an_edit_that_arrives_before_the_turn_is_what_was_said() -> None:
    edit = MessageEdited(InboxId(2), NOW, "1", "delivery?")
    (merged,) = gathered([message(1, "delivry?"), edit])
    assert isinstance(merged, InboundMessage)
    assert (merged.text, merged.data) == ("delivery?", {"edited": ["delivry?"]})
    assert said(turn(message(1, "delivry?"), edit)) == ["Tomorrow"]


def test_an_edit_of_an_earlier_message_gets_no_answer() -> None:
    assert turn(MessageEdited(InboxId(2), NOW, "1", "delivery?")).effects == ()
    assert said(turn(message(3, "delivery"), MessageEdited(InboxId(2), NOW, "1", "hm"))) == ["Tomorrow"]


def test_an_album_is_one_message() -> None:
    (merged,) = gathered([part(1), part(2, "delivery of these?"), part(3)])
    assert isinstance(merged, InboundMessage)
    assert (merged.text, merged.external_id, merged.spoken) == ("delivery of these?", "2", True)
    assert merged.data is not None
    assert [item["file_id"] for item in merged.data["media"]] == ["f1", "f2", "f3"]
    assert merged.data["parts"] == ["1", "2", "3"]
    assert said(turn(part(1), part(2, "delivery of these?"), part(3))) == ["Tomorrow"]
    (silent,) = gathered([part(1), part(2)])
    assert isinstance(silent, InboundMessage)
    assert silent.text == "[album: 2 files]"


def test_a_straggler_of_an_album_is_no_new_question() -> None:
    first = turn(part(1, "delivery?"), part(2))
    assert turn(part(3), state=first.state).effects == ()
    assert said(turn(message(4, "delivery"), state=first.state)) == ["Tomorrow"]
    assert said(turn(part(3, "delivery"), state=first.state)) == ["Tomorrow"]


def test_an_edit_reaches_the_caption_of_an_album_and_nothing_else_of_it() -> None:
    (caption,) = gathered([part(1, "delivry"), part(2), MessageEdited(InboxId(3), NOW, "1", "delivery")])
    assert isinstance(caption, InboundMessage)
    assert caption.text == "delivery"
    (other,) = gathered([part(1, "delivry"), part(2), MessageEdited(InboxId(3), NOW, "2", "[photo]")])
    assert isinstance(other, InboundMessage)
    assert other.text == "delivry"


@pytest.mark.parametrize("control", list(Control))
def test_a_pressed_button_is_acknowledged_whoever_speaks(control: Control) -> None:
    decision = turn(message(1, "Delivery", press="q1", spoken=False), control=control)
    assert decision.effects[0] == AcknowledgePress("q1")
    assert said(decision) == ([] if control is Control.HUMAN else ["Tomorrow"])


def test_a_link_says_where_the_customer_came_from() -> None:
    first = turn(message(1, "/start spring_sale"))
    assert first.state.start == "spring_sale"
    assert LogActivity("conversation.started", {"payload": "spring_sale"}) in first.effects
    second = turn(message(2, "/start flyer"), state=first.state)
    assert second.state.start == "spring_sale"
    assert LogActivity("conversation.started", {"payload": "flyer"}) in second.effects
    assert turn(message(1, "/start")).state.start == ""


def test_nothing_is_sent_to_who_blocked() -> None:
    decision = turn(ContactBlocked(InboxId(1), NOW, True))
    assert decision.state.blocked
    assert decision.effects == (StopSending("the customer blocked the bot"), LogActivity("contact.blocked"))


def test_who_writes_again_took_the_block_back() -> None:
    blocked = ConversationState(blocked=True)
    assert not turn(ContactBlocked(InboxId(1), NOW, False), state=blocked).state.blocked
    decision = turn(ContactBlocked(InboxId(1), NOW, True), message(2, "delivery"))
    assert not decision.state.blocked
    assert said(decision) == ["Tomorrow"]
    assert not [effect for effect in decision.effects if isinstance(effect, StopSending)]


def test_what_was_written_long_ago_is_apologised_for_once_and_given_to_operators() -> None:
    old = message(1, "доставка?", age_s=LATE_S + 1)
    first = turn(old, using=made(waiting_s=600))
    assert said(first) == ["Простите!"]
    assert controls(first) == [SetControl(Control.WAITING)]
    assert logged(first) == ["conversation.late", "turn.handed_off"]
    assert [effect for effect in first.effects if isinstance(effect, SetTimer)]
    again = turn(old, state=first.state)
    assert said(again) == []
    assert controls(again) == [SetControl(Control.WAITING)]
    assert said(turn(message(1, "доставка?", age_s=LATE_S))) == ["Завтра"]


def test_what_is_new_is_answered_beside_what_is_old() -> None:
    decision = turn(message(1, "any news", age_s=90_000.0), message(2, "delivery?"))
    assert said(decision) == ["Sorry!", "Tomorrow"]
    assert controls(decision) == [SetControl(Control.WAITING)]


def test_a_person_who_has_the_conversation_apologises_as_he_likes() -> None:
    decision = turn(message(1, "delivery?", age_s=90_000.0), control=Control.HUMAN)
    assert decision.effects == ()
    assert not decision.state.apologised


def test_a_robot_is_met_with_silence_until_people_give_it_back() -> None:
    state, silenced = ConversationState(), None
    for number in range(1, 4):
        silenced = turn(message(number, "delivery"), state=state)
        state = silenced.state
    assert silenced is not None
    assert said(silenced) == []
    assert controls(silenced) == [SetControl(Control.WAITING)]
    assert logged(silenced) == ["conversation.robots", "turn.handed_off"]
    # A sure answer is withheld, too, and time alone does not end it.
    more = turn(message(5, "when is delivery?"), state=state, control=Control.WAITING)
    assert more.effects == ()
    assert turn(TimerFired(InboxId(6), NOW, GIVE_BACK, {"from": "waiting"}), state=more.state, control=Control.WAITING).effects == ()
    assert said(turn(message(7, "delivery"), state=more.state)) == ["Tomorrow"]


def test_twenty_answers_are_the_end_of_it() -> None:
    state, answers = ConversationState(), 0
    for number in range(30):
        decision = at(NOW + timedelta(seconds=5 * number), message(number + 1, f"delivery {number}"), state=state)
        state, answers = decision.state, answers + len(said(decision))
        if controls(decision):
            break
    assert answers == 20
    assert state.talk.silenced


@pytest.mark.parametrize("more", [{"spoken": False}, {"spoken": False, "press": "q"}])
def test_photos_and_buttons_repeat_themselves(more: dict[str, Any]) -> None:
    state = ConversationState()
    for number in range(1, 6):
        decision = turn(message(number, "delivery", **more), state=state)
        assert said(decision) == ["Tomorrow"]
        state = decision.state


def test_the_test_chat_and_the_diagnostic_responder_take_everything() -> None:
    chain = made(responder="chain")
    for channel, using in (("test", CATALOGUE), ("telegram", chain)):
        state = ConversationState()
        for number in range(1, 30):
            decision = turn(message(number, "delivery"), state=state, channel=channel, using=using)
            assert len(said(decision)) == 1
            state = decision.state


def test_the_state_is_stored_and_read_again() -> None:
    state = turn(message(1, "/start sale"), part(2, "delivery"), message(3, "x", age_s=90_000.0)).state
    assert state.apologised
    assert ConversationState.from_json(replace(state, blocked=True).to_json()) == replace(state, blocked=True)


def test_what_a_message_answers_is_shown_to_the_model_as_data() -> None:
    quoted = {"in_reply_to": {"from": "bot", "text": "12 euros"}}
    view = ConversationView(ConversationState(), Control.BOT, "telegram", "once")
    request = decide(view, [message(1, "why so much?", data={**quoted, "media": []})], CATALOGUE, NOW)
    assert isinstance(request, AgentRequest)
    assert request.words.folded == ("why", "so", "much")
    asked = build_prompt(request, NOTHING_FOUND, []).messages[-1][1]
    assert '{"in_reply_to": {"from": "bot", "text": "12 euros"}}' in asked.splitlines()
    assert asked.endswith("why so much?")
