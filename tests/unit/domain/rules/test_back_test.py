"""Rules against recorded turns: which events a trace tells, what is unknown, and how a change differs."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.ids import InboxId
from actors.domain.messages import CrmEvent, Input, TimerFired
from actors.domain.rules.back_test import KEPT, SAMPLES, BackTest, Trial
from actors.domain.rules.models import TRIGGERS, Rule, read_rule
from actors.domain.rules.past import PastTurn, Said, events_of, wants_words
from actors.domain.rules.running import ROOM
from actors.domain.trace import from_bytes
from tests.unit.domain.rules.test_crm import agent, decided, moved, of_lead, updated
from tests.unit.domain.rules.test_turn import NOW, SEND, TAG, fired, rule, says, shop, timers, turn, view

LATER = datetime(2026, 3, 1, 13, tzinfo=UTC)
NOTE = {"do": "notify", "text": "look"}
ANSWERED = ["script_matched", "script_finished"]  # by a script without steps


def past(decision: Decision, said: Said | None = None, conversation: int = 1) -> PastTurn:
    return PastTurn(conversation, uuid4(), LATER, from_bytes(decision.trace.to_bytes()), said)


def a_rule(on: str, when: Any = None, **more: Any) -> Rule:
    problems: list[Any] = []
    read = read_rule(rule("r", on, NOTE, when=when or {"all": []}, **more), "", problems)
    assert not problems
    return read


def tried(known: Rule, *turns: PastTurn, saved: Rule | None = None, before: frozenset[str] = frozenset()) -> BackTest:
    test = BackTest(Trial(known, before, {}), Trial(saved, before, {}) if saved else None)
    test.take(turns)
    return test


def told(test: BackTest) -> tuple[int, dict[str, int], dict[str, int]]:
    found = test.result()["tried"]
    return found["fired"], {r["reason"]: r["events"] for r in found["reasons"]}, {u["fact"]: u["events"] for u in found["unknown"]}


def test_events_of_every_kind_are_told_whether_or_not_a_rule_waited() -> None:
    using = shop(rule("wait", "no_reply", after_s=60), rule("tag", "conversation_started", TAG, wakes=True))
    spoken = turn(using, says("delivery?"))
    assert [event.wake.on for event in events_of(past(spoken), TRIGGERS)] == [
        "conversation_started",
        "message_received",
        "tag_set",
        "script_matched",
        "script_finished",
    ]
    [by_tag] = events_of(past(spoken), ["tag_set"])
    assert (by_tag.wake.of, by_tag.depth, by_tag.facts["conversation.tags"]) == ("vip", 1, ["vip"])
    silent = turn(using, fired(timers(spoken)["rules:no_reply:60"]), view(spoken.state))
    [event] = events_of(past(silent), TRIGGERS)
    assert (event.wake.on, event.wake.after_s, event.at) == ("no_reply", 60.0, NOW)
    handed = turn(using, says("call a human"), view(ConversationState(turns=3)))
    assert [event.wake.on for event in events_of(past(handed), TRIGGERS)] == ["message_received", *ANSWERED, "handed_off"]
    assert told(tried(a_rule("handed_off", {"fact": "conversation.control", "op": "is", "value": "waiting"}), past(handed)))[0] == 1


def test_a_set_time_is_of_the_one_rule_it_was_for() -> None:
    using = shop(rule("r", "schedule", NOTE, cron="0 9 * * *"), rule("other", "schedule", NOTE, cron="0 9 * * *"))
    own = ConversationView(ConversationState(), Control.BOT, "agent", "once", "rule:other")
    calls = [TimerFired(InboxId(1), NOW, "schedule", {"rule": key, "facts": {}}) for key in ("r", "other", "other")]
    traces = [past(turn(using, [call], own)) for call in calls]
    found = tried(a_rule("schedule", cron="0 9 * * *"), *traces).result()["tried"]
    assert (found["woken"], found["fired"]) == (1, 1)


def test_facts_of_leads_are_kept_as_far_as_there_is_room() -> None:
    price = {"fact": "lead.price", "op": "more", "value": 500}
    using = agent({**rule("else", "contact_updated", NOTE)})  # nobody waits for what happens
    trace = past(decided(of_lead(), using, moved(), updated(**{"lead.price": 1})))
    assert told(tried(a_rule("lead_moved", price), trace)) == (1, {}, {})
    assert told(tried(a_rule("lead_updated", price), trace)) == (0, {"lead.price more 500": 1}, {})
    many: dict[str, Any] = {f"lead.field.{n}": "ж" * 500 for n in range(100, 180)}
    full = decided(of_lead(), using, moved(**many), updated(**many))
    assert len(full.trace.to_bytes()) < 8_192
    [event] = events_of(past(full), ["lead_moved"])
    assert sum(len(str(value)) for value in event.facts.values()) <= ROOM
    last = {"fact": "lead.field.179", "op": "contains", "value": "ж"}
    assert told(tried(a_rule("lead_moved", last), past(full))) == (
        0,
        {"unknown: lead.field.179 contains ж": 1},
        {"lead.field.179": 1},
    )


def test_what_rules_change_within_a_turn_is_known_to_the_events_behind() -> None:
    using = shop(rule("tag", "conversation_started", TAG, {"do": "hand_off"}))
    trace = past(turn(using, says()))
    both = {
        "all": [
            {"fact": "conversation.tags", "op": "has", "value": "vip"},
            {"fact": "conversation.control", "op": "is", "value": "waiting"},
        ]
    }
    assert told(tried(a_rule("message_received", both), trace))[0] == 1
    assert told(tried(a_rule("conversation_started", both), trace))[0] == 0


def test_a_turn_without_rules_tells_less_and_what_it_does_not_tell_is_unknown() -> None:
    decision = turn(shop(), says("delivery?"))
    bare = past(decision)
    assert wants_words(bare.trace, {"message_received"})
    assert not wants_words(bare.trace, {"no_reply"})
    said = Said("delivery?", first=True, channel="telegram")
    trace = past(decision, said)
    assert [event.wake.on for event in events_of(trace, TRIGGERS)] == ["conversation_started", "message_received", *ANSWERED]
    asks = {
        "all": [
            {"fact": "message.text", "op": "contains", "value": "delivery"},
            {"fact": "conversation.channel", "op": "is", "value": "telegram"},
        ]
    }
    assert told(tried(a_rule("message_received", asks), trace))[0] == 1
    tag = {"not": {"fact": "conversation.tags", "op": "has", "value": "vip"}}
    assert told(tried(a_rule("message_received", tag), trace)) == (
        0,
        {"unknown: conversation.tags has vip": 1},
        {"conversation.tags": 1},
    )
    # Nobody can say whether it was known.
    open_test = {"fact": "contact.name", "op": "unknown"}
    assert told(tried(a_rule("message_received", open_test), trace))[1] == {"unknown: contact.name unknown": 1}
    assert told(tried(a_rule("message_received", open_test), past(turn(shop(rule("x")), [says()[0]]))))[0] == 0


def test_a_trace_of_the_format_before_tells_messages_scripts_and_handoffs_only() -> None:
    using = shop(rule("tag", "conversation_started", TAG), rule("wait", "no_reply", after_s=60))
    new = past(turn(using, says("call a human")))
    old = {**new.trace, "format": 1, "rules": {**new.trace["rules"], "events": [{"on": "conversation_started"}]}}
    turn_ = PastTurn(1, UUID(int=1), LATER, old)
    events = {event.wake.on: event.facts for event in events_of(turn_, TRIGGERS)}
    assert list(events) == ["conversation_started", "message_received", *ANSWERED, "handed_off"]
    assert "conversation.tags" not in events["message_received"]  # a rule changed something in the turn
    assert events["handed_off"]["conversation.control"] == "waiting"
    assert events["message_received"]["contact.name"] == "Olga"
    assert not wants_words(old, TRIGGERS)


@pytest.mark.parametrize("reason", ["the bot is stopped", "a robot is at the other end: x", "dead letter: x"])
def test_turns_in_which_no_rule_would_have_been_asked_have_no_events(reason: str) -> None:
    trace = {"version": 3, "reason": reason, "mode": "", "decided_at": NOW.isoformat()}
    turn_ = PastTurn(1, UUID(int=1), LATER, trace, Said("hello", first=True, channel="telegram"))
    assert list(events_of(turn_, TRIGGERS)) == []
    assert list(events_of(PastTurn(1, UUID(int=1), LATER, {}), TRIGGERS)) == []


def test_limits_hold_in_each_conversation_in_its_order_and_go_on_from_what_was_before() -> None:
    def at(minutes: int, conversation: int = 1) -> PastTurn:
        return past(turn(shop(rule("x")), says(), view(ConversationState(turns=1)), NOW + timedelta(minutes=minutes)), None, conversation)

    turns = [at(0), at(4), at(11), at(3, 2)]
    assert told(tried(a_rule("message_received", limit="once"), *turns))[:2] == (2, {"it fired in this conversation already": 2})
    assert told(tried(a_rule("message_received", cooldown_s=600), *turns))[:2] == (3, {"it fired a short time ago": 1})
    remembered = {1: int(NOW.timestamp()) - 60}
    test = BackTest(Trial(a_rule("message_received", cooldown_s=600), frozenset(), remembered))
    test.take(turns)
    assert told(test)[0] == 2  # after 11 minutes, and in the other conversation


def test_a_rule_is_not_asked_behind_one_that_stops_the_others_or_took_all_the_time() -> None:
    trace = past(turn(shop(rule("a", stops=True)), says()))
    assert told(tried(a_rule("message_received"), trace, before=frozenset({"a"})))[1] == {"another rule stopped the rest": 1}
    assert told(tried(a_rule("message_received"), trace))[0] == 1  # it would be asked before
    [event] = trace.trace["rules"]["events"][1:]
    event["spent"] = "a"
    [reason] = told(tried(a_rule("message_received"), trace, before=frozenset({"a"})))[1]
    assert reason.startswith("the rules before it")


def test_a_change_is_compared_event_by_event() -> None:
    turns = [past(turn(shop(rule("x")), says(text), view(ConversationState(turns=1)))) for text in ("delivery", "night", "both", "none")]
    saved = a_rule("message_received", {"fact": "message.text", "op": "one_of", "value": ["delivery", "both"]})
    change = a_rule("message_received", {"fact": "message.text", "op": "one_of", "value": ["night", "both"]})
    test = tried(change, *turns, saved=saved)
    found = {finding.event.text: (finding.outcome, bool(finding.reason), bool(finding.saved_reason)) for finding in test.findings()}
    assert found == {
        "delivery": ("lost", True, False),
        "night": ("gained", False, True),
        "both": ("fired", False, False),
        "none": ("missed", True, True),
    }
    result = test.result()
    assert (result["gained"], result["lost"], result["tried"]["fired"], result["saved"]["fired"]) == (1, 1, 2, 2)
    other = tried(a_rule("script_matched"), *turns, saved=saved).result()
    assert (other["lost"], other["tried"]["woken"], other["saved"]["fired"]) == (2, 0, 2)


def test_what_can_be_looked_at_is_bounded_and_the_newest() -> None:
    def at(minutes: int, text: str) -> PastTurn:
        return past(turn(shop(rule("x")), says(text), view(ConversationState(turns=1)), NOW + timedelta(minutes=minutes)))

    turns = [at(n, "yes") for n in range(KEPT + 5)] + [at(n, "no") for n in range(SAMPLES + 5)]
    test = tried(a_rule("message_received", {"fact": "message.text", "op": "is", "value": "yes"}), *turns)
    kept = test.findings()
    assert len(kept) == KEPT + SAMPLES
    assert kept[0].event.at == NOW + timedelta(minutes=KEPT + 4)
    assert told(test)[0] == KEPT + 5


def test_rules_that_woke_each_other_too_often_end_in_a_back_test_as_well() -> None:
    chain = [rule(f"t{n}", "tag_set", {"do": "add_tag", "tag": str(n + 1)}, of=str(n), wakes=True) for n in range(4)]
    begin = rule("begin", "conversation_started", {"do": "add_tag", "tag": "0"}, wakes=True)
    decision = turn(shop(begin, *chain), says())
    assert decision.state.tags == ("0", "1", "2")
    tests = [tried(a_rule("tag_set", of=str(n)), past(decision)) for n in range(3)]
    assert [told(test)[0] for test in tests] == [1, 1, 0]
    assert any(reason.startswith("stopped") for reason in told(tests[2])[1])


def test_a_persons_conversation_and_crm_events_of_our_own_are_no_news() -> None:
    echo: dict[str, Any] = {"what": "stage", "stage": "7:142", "at": NOW.timestamp() + 86_400}
    state = ConversationState(echoes=(echo,))
    inputs: list[Input] = [moved()]
    assert isinstance(inputs[0], CrmEvent)
    quiet = decided(of_lead(state), agent(rule("else", "contact_updated", SEND)), moved())
    assert list(events_of(past(quiet), TRIGGERS)) == []
    human = turn(shop(rule("x")), says(), view(control=Control.HUMAN))
    assert told(tried(a_rule("message_received"), past(human)))[0] == 1
