"""Sequences in turns: started by rules, ended by answers, silent while people speak, deaf to what was due before a change."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from actors.domain.agent.models import AgentOutcome, AgentRequest
from actors.domain.catalogue import Catalogue, catalogue
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import Act, Effect, LogActivity, SendMessage, SetControl, SetEnrollment
from actors.domain.errors import InvalidDefinition
from actors.domain.ids import AgentId, InboxId
from actors.domain.messages import ContactBlocked, InboundMessage, Input, TimerFired
from actors.domain.sequences.models import as_definition
from actors.domain.sequences.validation import check_sequence
from actors.domain.turn import conclude, decide

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
SHOP: dict[str, Any] = {
    "persona": {"languages": ["en"], "handoff_text": {"en": "Calling a colleague"}},
    "scripts": [
        {"id": "delivery", "keywords": ["delivery"], "answer": {"en": "Tomorrow"}},
        {"id": "human", "phrases": ["call a human"], "answer": {}, "handoff": True},
    ],
}


def send(text: str = "Hello again") -> dict[str, Any]:
    return {"do": "send", "text": {"en": text}}


DAY = {"do": "wait", "days": 1}
START = {
    "id": "begin",
    "trigger": {"on": "message_received"},
    "when": {"all": [{"fact": "message.text", "op": "contains", "value": "start"}]},
    "actions": [{"do": "start_sequence", "sequence": "follow"}],
}


def shop(*steps: dict[str, Any], rules: tuple[dict[str, Any], ...] = (START,), **more: Any) -> Catalogue:
    plan = {"id": "follow", "name": "Follow up", "steps": list(steps) or [send(), DAY, send("Bye")], **more}
    return catalogue(AgentId(UUID(int=1)), 5, {**SHOP, "rules": list(rules), "sequences": [plan]})


def view(state: ConversationState | None = None, control: Control = Control.BOT) -> ConversationView:
    return ConversationView(state or ConversationState(), control, "telegram", "once")


def says(text: str) -> list[Input]:
    return [InboundMessage(InboxId(1), NOW, text, author="Olga")]


def turn(using: Catalogue, inputs: list[Input], seen: ConversationView, now: datetime = NOW) -> Decision:
    found = decide(seen, inputs, using, now)
    if isinstance(found, AgentRequest):
        return conclude(seen, found, AgentOutcome(found.index.search_words(found.words, 5, found.language)), now)
    return found


def due(using: Catalogue, state: ConversationState, step: int = 0, at: datetime = NOW, **more: Any) -> list[Input]:
    copy = json.dumps(as_definition(using.sequences.raw("follow")))
    payload = {"key": "follow", "serial": state.enrolled["follow"]["serial"], "step": step, "due": at.timestamp(), "copy": copy, **more}
    return [TimerFired(InboxId(2), at, "sequence", payload)]


def started(using: Catalogue) -> ConversationState:
    return turn(using, says("start"), view()).state


def changes(decision: Decision) -> list[SetEnrollment]:
    return [effect for effect in decision.effects if isinstance(effect, SetEnrollment)]


def spoken(effects: tuple[Effect, ...]) -> list[tuple[str, str, str]]:
    return [(e.mode, e.delivery_class, e.text) for e in effects if isinstance(e, SendMessage)]


def logged(decision: Decision) -> list[str]:
    return [e.kind for e in decision.effects if isinstance(e, LogActivity) and e.kind.startswith("sequence.")]


def test_a_rule_starts_it_with_a_copy_of_its_steps() -> None:
    decision = turn(shop(), says("start"), view())
    [change] = changes(decision)
    assert (change.key, change.serial, change.state, change.step) == ("follow", 1, "active", 0)
    assert change.copy is not None
    assert [step["id"] for step in change.copy["steps"]] == ["s1", "s2", "s3"]
    assert decision.state.enrolled == {"follow": {"serial": 1, "on": ["replied", "handed_off"]}}
    assert ConversationState.from_json(decision.state.to_json()).enrolled == decision.state.enrolled
    assert logged(decision) == ["sequence.started"]


def test_its_steps_go_on_until_the_time_to_listen_is_over() -> None:
    using = shop()
    first = turn(using, due(using, started(using)), view(started(using)))
    assert spoken(first.effects) == [("step", "step", "Hello again")]
    assert (first.trace.mode, logged(first)) == ("step", ["sequence.step"])
    [change] = changes(first)
    assert (change.serial, change.step, change.next_at) == (2, 2, NOW + timedelta(days=1))
    second = turn(using, due(using, first.state, 2), view(first.state))
    [change] = changes(second)
    assert (change.state, change.step, change.next_at) == ("active", 3, NOW + timedelta(days=1))
    last = turn(using, due(using, second.state, 3), view(second.state))
    [change] = changes(last)
    assert (change.state, change.reason, spoken(last.effects)) == ("finished", "end", [])
    assert last.state.enrolled["follow"]["ended"] == NOW.timestamp()


def test_an_answer_ends_it_and_a_step_that_is_due_with_it_is_not_said() -> None:
    using = shop()
    state = started(using)
    decision = turn(using, due(using, state) + says("delivery?"), view(state))
    assert spoken(decision.effects) == [("script", "reply", "Tomorrow")]
    [change] = changes(decision)
    assert (change.state, change.reason, change.serial) == ("stopped", "replied", 2)
    stale = turn(using, due(using, state), view(decision.state))
    assert (stale.effects, stale.state.enrolled) == ((), decision.state.enrolled)


def test_what_does_not_stop_on_answers_goes_on_beside_them() -> None:
    using = shop(stops_on=["handed_off"])
    state = started(using)
    decision = turn(using, due(using, state) + says("delivery?"), view(state))
    assert spoken(decision.effects) == [("step", "step", "Hello again"), ("script", "reply", "Tomorrow")]
    assert [change.state for change in changes(decision)] == ["active"]


def test_a_handoff_ends_it_unless_it_is_its_own() -> None:
    using = shop()
    decision = turn(using, says("call a human"), view(replaced(started(using), ["handed_off"])))
    assert [(c.state, c.reason) for c in changes(decision)] == [("stopped", "handed_off")]
    own = shop(send("A colleague takes over"), {"do": "hand_off"})
    state = started(own)
    decision = turn(own, due(own, state), view(state))
    assert [mode for mode, *_ in spoken(decision.effects)] == ["step"]
    assert any(isinstance(effect, SetControl) for effect in decision.effects)
    [change] = changes(decision)
    assert (change.state, change.step, decision.state.enrolled["follow"]["on"]) == ("active", 2, ["replied"])


def replaced(state: ConversationState, on: list[str]) -> ConversationState:
    return ConversationState(enrolled={"follow": {**state.enrolled["follow"], "on": on}})


@pytest.mark.parametrize("control", list(Control))
def test_a_lead_that_somebody_moved_ends_what_says_so_before_its_step_that_is_due(control: Control) -> None:
    using = shop(stops_on=["lead_moved"])
    state = started(using)
    moved = TimerFired(InboxId(9), NOW, "lead_moved", {"lead": "5", "stage": "7:142"})
    decision = turn(using, [*due(using, state), moved], view(state, control))
    [change] = changes(decision)
    assert (change.state, change.reason, spoken(decision.effects)) == ("stopped", "lead_moved", [])
    [told] = [effect.data for effect in decision.effects if isinstance(effect, LogActivity) and effect.kind == "sequence.stopped"]
    assert told == {"sequence": "follow", "reason": "lead_moved", "detail": "7:142"}
    others = shop()
    unmoved = turn(others, [moved], view(started(others)))
    assert (unmoved.effects, unmoved.state.enrolled) == ((), started(others).enrolled)


@pytest.mark.parametrize("silent", [False, True])
def test_steps_wait_while_people_have_the_conversation(silent: bool) -> None:
    using = shop(stops_on=["replied"])
    state = ConversationState(enrolled=started(using).enrolled, silent=silent)
    decision = turn(using, due(using, state), view(state, Control.BOT if silent else Control.HUMAN))
    [change] = changes(decision)
    assert (change.state, change.step, change.next_at, spoken(decision.effects)) == ("active", 0, NOW + timedelta(hours=1), [])


def test_who_blocked_the_bot_is_left_alone() -> None:
    using = shop()
    state = started(using)
    blocked = turn(using, [ContactBlocked(InboxId(3), NOW, True)], view(state))
    assert [(c.state, c.reason) for c in changes(blocked)] == [("stopped", "blocked")]
    unreachable = ConversationState(enrolled=state.enrolled, blocked=True)
    assert [c.reason for c in changes(turn(using, due(using, unreachable), view(unreachable)))] == ["blocked"]


def test_it_speaks_in_the_hours_of_the_customers_day() -> None:
    using = shop(hours={"from": "09:00", "to": "18:00"}, timezone="Europe/Moscow")
    tokyo = ConversationState(enrolled=started(using).enrolled, variables={"timezone": "Asia/Tokyo"})  # 21:00 there
    decision = turn(using, due(using, tokyo), view(tokyo))
    [change] = changes(decision)
    assert (change.step, change.next_at, spoken(decision.effects)) == (0, datetime(2026, 3, 3, 0, 0, tzinfo=UTC), [])
    assert spoken(turn(using, due(using, started(using)), view(started(using))).effects)  # 15:00 in Moscow


def test_conditions_actions_and_goals() -> None:
    vip = {"fact": "conversation.tags", "op": "has", "value": "vip"}
    using = shop(
        {"do": "check", "when": vip, "otherwise": "skip", "skip": 1},
        send("Dear VIP"),
        {"do": "add_tag", "tag": "asked"},
        {"do": "call_webhook", "url": "https://shop.example/hook"},
        {"do": "send_script", "script": "delivery"},
        goal={"fact": "variable.booked", "op": "known"},
    )
    state = started(using)
    decision = turn(using, due(using, state), view(state))
    assert spoken(decision.effects) == [("step", "step", "Tomorrow")]
    assert decision.state.tags == ("asked",)
    assert [effect.rule for effect in decision.effects if isinstance(effect, Act)] == ["sequence:follow"]
    booked = ConversationState(enrolled=decision.state.enrolled, variables={"booked": "yes"})
    answered = turn(using, says("delivery?"), view(booked))
    [change] = changes(answered)
    assert (change.state, change.reason, change.goal) == ("finished", "goal", True)
    assert logged(answered) == ["sequence.finished"]
    finish = shop({"do": "check", "when": vip}, send())
    assert [c.reason for c in changes(turn(finish, due(finish, started(finish)), view(started(finish))))] == ["check"]


ENDED = {
    "id": "ended",
    "trigger": {"on": "sequence_finished", "of": "follow"},
    "actions": [send("How was it?"), {"do": "add_tag", "tag": "asked"}],
}


def told(decision: Decision) -> list[tuple[str, list[str]]]:
    fired = [e.data for e in decision.effects if isinstance(e, LogActivity) and e.kind == "rule.fired"]
    return [(data["rule"], data["done"]) for data in fired]


def outcome(*values: str) -> dict[str, Any]:
    return {"all": [{"fact": "sequence.outcome", "op": "one_of", "value": list(values)}]}


def test_its_end_wakes_rules_with_how_it_ended() -> None:
    named = {"all": [{"fact": "sequence.name", "op": "is", "value": "Follow up"}]}
    using = shop(
        rules=(
            START,
            {**ENDED, "when": outcome("finished")},
            {**ENDED, "id": "other", "when": outcome("goal", "replied")},
            {**ENDED, "id": "named", "trigger": {"on": "sequence_finished"}, "when": named, "actions": [{"do": "add_tag", "tag": "named"}]},
        )
    )
    state = started(using)
    silent = turn(using, due(using, state, 3), view(state))
    assert told(silent) == [("ended", ["send", "tag asked"]), ("named", ["tag named"])]
    assert spoken(silent.effects) == [("rule", "reply", "How was it?")]
    assert (silent.state.tags, silent.trace.mode) == (("asked", "named"), "rule")
    replied = turn(using, says("delivery?"), view(state))
    assert [rule for rule, _ in told(replied)] == ["other", "named"]
    assert [text for _, _, text in spoken(replied.effects)] == ["Tomorrow", "How was it?"]
    assert replied.trace.mode == "script"


def test_its_end_wakes_rules_after_the_agent_was_asked_too() -> None:
    using = shop(rules=(START, {**ENDED, "when": outcome("replied")}))
    state = started(using)
    asked = decide(view(state), says("where are you?"), using, NOW)
    assert isinstance(asked, AgentRequest)
    assert told(turn(using, says("where are you?"), view(state))) == [("ended", ["send", "tag asked"])]


def test_a_rule_that_stops_it_wakes_others_only_if_it_says_so() -> None:
    stop = {
        "id": "halt",
        "trigger": {"on": "message_received"},
        "when": START["when"],
        "actions": [{"do": "stop_sequence", "sequence": "follow"}],
    }
    for wakes in (False, True):
        using = shop(rules=({**stop, "wakes": wakes}, {**ENDED, "when": outcome("rule")}), stops_on=["handed_off"])
        state = ConversationState(enrolled={"follow": {"serial": 1, "on": []}})
        assert [rule for rule, _ in told(turn(using, says("start"), view(state)))] == ["halt", *(["ended"] if wakes else [])]


def test_its_end_may_start_another_run_in_the_same_commit() -> None:
    again = {**ENDED, "limit": "daily", "actions": [{"do": "start_sequence", "sequence": "follow"}]}
    using = shop(rules=(START, again), again="restart")
    state = started(using)
    decision = turn(using, due(using, state, 3), view(state))
    assert [(c.state, c.serial) for c in changes(decision)] == [("finished", 2), ("active", 3)]
    assert decision.state.enrolled["follow"] == {"serial": 3, "on": ["replied", "handed_off"]}


def test_people_who_have_the_conversation_are_not_spoken_over_at_its_end() -> None:
    using = shop(rules=(START, ENDED))
    state = started(using)
    decision = turn(using, due(using, state, 3), view(state, Control.HUMAN))
    assert told(decision) == [("ended", ["not said: a person has the conversation", "tag asked"])]
    assert spoken(decision.effects) == []
    stopped = ConversationState(enrolled=state.enrolled, silent=True)
    assert told(turn(using, due(using, state, 3), view(stopped))) == []


def test_an_end_that_starts_what_wakes_it_is_refused() -> None:
    again = {**ENDED, "actions": [{"do": "start_sequence", "sequence": "follow"}]}
    with pytest.raises(InvalidDefinition, match="ended → ended"):
        shop(rules=(again,))
    with pytest.raises(InvalidDefinition, match="there is no sequence lost"):
        shop(rules=({**ENDED, "trigger": {"on": "sequence_finished", "of": "lost"}},))
    shop(rules=({**again, "limit": "once"},))


@pytest.mark.parametrize(
    ("again", "ended_s_ago", "reason"),
    [("never", 10, "the customer had it already"), ("ended", 10, "it ended a short time ago"), ("ended", 100, ""), ("restart", 100, "")],
)
def test_who_may_be_enrolled_again(again: str, ended_s_ago: int, reason: str) -> None:
    using = shop(again=again, again_after_s=60.0)
    had = ConversationState(enrolled={"follow": {"serial": 4, "on": [], "ended": int(NOW.timestamp()) - ended_s_ago}})
    decision = turn(using, says("start"), view(had))
    refused = [e.data["reason"] for e in decision.effects if isinstance(e, LogActivity) and e.kind == "sequence.refused"]
    assert refused == ([reason] if reason else [])
    assert [c.serial for c in changes(decision)] == ([] if reason else [5])


def test_a_copy_that_cannot_be_read_ends_it_and_says_so() -> None:
    using = shop()
    state = started(using)
    decision = turn(using, due(using, state, copy='{"id": ""}'), view(state))
    assert [(c.state, c.reason) for c in changes(decision)] == [("stopped", "unreadable")]


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ({"steps": []}, "steps"),
        ({"steps": [{"do": "wait"}]}, "steps[0].seconds"),
        ({"steps": [{"do": "dance"}]}, "steps[0].do"),
        ({"steps": [send(), {"do": "send", "text": {}}]}, "steps[1].text"),
        ({"steps": [{"do": "hand_off"}, send()]}, "steps[0]"),
        ({"steps": [{"do": "wait_until", "clock": "25:00"}]}, "steps[0].clock"),
        ({"steps": [{"do": "check", "when": {"fact": "no", "op": "is", "value": 1}}, send()]}, "steps[0].when.fact"),
        ({"steps": [{"do": "check", "when": {"all": []}, "otherwise": "skip"}]}, "steps[0].skip"),
        ({"steps": [{"id": "a", **DAY}, {"id": "a", **send()}]}, "steps[1].id"),
        ({"steps": [{"do": "crm_note", "text": "{contact.age}"}]}, "steps[0].text"),
        ({"steps": [{"do": "crm_note"}]}, "steps[0].text"),
        ({"steps": [send()], "timezone": "Mars"}, "timezone"),
        ({"steps": [send()], "hours": {"from": "09:00", "to": "10:00", "quiet_from": "08:00", "quiet_to": "12:00"}}, "hours.quiet_to"),
        ({"steps": [send()], "hours": {"from": "9"}}, "hours.from"),
        ({"steps": [send()], "hours": {"weekdays": ["someday"]}}, "hours.weekdays[0]"),
        ({"steps": [send()], "stops_on": ["rain"]}, "stops_on[0]"),
        ({"steps": [send()], "goal": {"all": []}}, "goal"),
    ],
)
def test_faults_have_their_place(raw: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        check_sequence({"id": "x", **raw})
    assert [problem.place for problem in refused.value.problems] == [place]


def test_a_rule_that_names_no_sequence_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="there is no sequence follow"):
        catalogue(AgentId(UUID(int=1)), 1, {**SHOP, "rules": [START]})


def test_steps_act_in_the_crm_with_what_is_known_of_the_customer() -> None:
    steps = ({"do": "crm_lead", "name": "{contact.name}"}, {"do": "crm_task", "text": "Call {contact.name}", "due_s": 3600}, DAY)
    using = shop(*steps)
    state = replace(started(using), name="Olga")
    decision = turn(using, due(using, state), view(state))
    acts = [(e.kind, e.rule, e.params) for e in decision.effects if isinstance(e, Act)]
    assert acts == [
        ("kommo.lead", "sequence:follow", {"name": "Olga"}),
        ("kommo.task", "sequence:follow", {"on": "lead", "text": "Call Olga", "due_at": int(NOW.timestamp()) + 3600}),
    ]
    done = [e.data["done"] for e in decision.effects if isinstance(e, LogActivity) and e.kind == "sequence.step"]
    assert done == ["crm_lead", "crm_task"]
