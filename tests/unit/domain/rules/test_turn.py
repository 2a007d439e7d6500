"""Rules in turns: before scripts and the agent, silent while a person speaks, never waking themselves."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from actors.domain.agent.models import AgentOutcome, AgentRequest
from actors.domain.catalogue import Catalogue, catalogue
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import Act, LogActivity, SendMessage, SetControl, SetTimer
from actors.domain.ids import AgentId, InboxId
from actors.domain.messages import InboundMessage, Input, TimerFired
from actors.domain.rules.engine import RuleIndex, Wake
from actors.domain.rules.models import read_rule
from actors.domain.rules.running import DEEPEST, Scene, run
from actors.domain.trace import from_bytes
from actors.domain.turn import conclude, decide

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SHOP: dict[str, Any] = {
    "persona": {"languages": ["en", "ru"], "handoff_text": {"en": "Calling a colleague"}, "fallback_text": {"en": "Pardon?"}},
    "scripts": [
        {"id": "delivery", "keywords": ["delivery"], "answer": {"en": "Tomorrow"}},
        {"id": "human", "phrases": ["call a human"], "answer": {}, "handoff": True},
    ],
    "passages": [{"id": "wool", "title": "Blanket care", "text": "Wash a wool blanket in cold water.", "language": "en"}],
}
SEND = {"do": "send", "text": {"en": "A rule says so", "ru": "Так говорит правило"}}
TAG = {"do": "add_tag", "tag": "vip"}


def rule(key: str, on: str = "message_received", *actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    trigger: dict[str, Any] = {"on": on, **{name: more.pop(name) for name in ("after_s", "of", "cron") if name in more}}
    return {"id": key, "trigger": trigger, "actions": list(actions) or [SEND], **more}


def shop(*rules: dict[str, Any]) -> Catalogue:
    return catalogue(AgentId(UUID(int=1)), 5, {**SHOP, "rules": list(rules)})


def view(state: ConversationState | None = None, control: Control = Control.BOT) -> ConversationView:
    return ConversationView(state or ConversationState(), control, "telegram", "once")


def says(text: str = "hello there") -> list[Input]:
    return [InboundMessage(InboxId(1), NOW, text, author="Olga")]


def fired(timer: SetTimer) -> list[Input]:
    return [TimerFired(InboxId(2), NOW, timer.kind, timer.payload)]


def turn(using: Catalogue, inputs: list[Input], seen: ConversationView | None = None, now: datetime = NOW) -> Decision:
    seen = seen or view()
    found = decide(seen, inputs, using, now)
    if isinstance(found, AgentRequest):
        return conclude(seen, found, AgentOutcome(found.index.search_words(found.words, 5, found.language)), now)
    return found


def spoken(decision: Decision) -> list[tuple[str, str]]:
    return [(effect.mode, effect.text) for effect in decision.effects if isinstance(effect, SendMessage)]


def timers(decision: Decision) -> dict[str, SetTimer]:
    return {effect.kind: effect for effect in decision.effects if isinstance(effect, SetTimer)}


def logged(decision: Decision, kind: str) -> list[Any]:
    return [effect.data for effect in decision.effects if isinstance(effect, LogActivity) and effect.kind == kind]


def test_a_rule_that_speaks_is_the_answer() -> None:
    decision = turn(shop(rule("greet")), says("delivery?"))
    assert spoken(decision) == [("rule", "A rule says so")]
    assert decision.trace.mode == "rule"
    assert [entry["rule"] for entry in logged(decision, "rule.fired")] == ["greet"]


def test_a_rule_may_let_the_agent_answer() -> None:
    assert spoken(turn(shop(rule("greet", lets_answer=True)), says("delivery?"))) == [("rule", "A rule says so"), ("script", "Tomorrow")]
    modes = [mode for mode, _ in spoken(turn(shop(rule("greet", lets_answer=True)), says("how to wash a blanket")))]
    assert modes == ["rule", "extractive"]


def test_what_says_nothing_leaves_the_answer_to_others_unless_it_stops_them() -> None:
    quiet = turn(shop(rule("tag", "message_received", TAG)), says("delivery?"))
    assert (spoken(quiet), quiet.state.tags) == ([("script", "Tomorrow")], ("vip",))
    assert spoken(turn(shop(rule("hush", "message_received", {"do": "stop"})), says("delivery?"))) == []


def test_the_customers_language_is_spoken() -> None:
    assert spoken(turn(shop(rule("greet")), says("здравствуйте"))) == [("rule", "Так говорит правило")]


def test_an_agent_without_rules_does_and_remembers_nothing_more() -> None:
    decision = turn(catalogue(AgentId(UUID(int=1)), 5, SHOP), says("delivery?"))
    assert "rules" not in decision.trace.to_json()
    assert not {"talked", "tags", "variables", "fired"} & decision.state.to_json().keys()


def test_while_a_person_has_the_conversation_rules_work_but_do_not_speak() -> None:
    using = shop(rule("greet", "message_received", SEND, TAG, {"do": "call_webhook", "url": "https://shop.example"}))
    decision = turn(using, says(), view(control=Control.HUMAN))
    assert spoken(decision) == []
    assert decision.state.tags == ("vip",)
    assert [effect.kind for effect in decision.effects if isinstance(effect, Act)] == ["webhook.call"]
    assert logged(decision, "rule.fired")[0]["done"] == ["not said: a person has the conversation", "tag vip", "webhook"]


def test_what_was_written_long_ago_is_for_people() -> None:
    old = InboundMessage(InboxId(1), NOW, "delivery?", age_s=7_200)
    assert [mode for mode, _ in spoken(turn(shop(rule("greet")), [old]))] == ["late"]


def test_the_first_that_stops_is_the_last() -> None:
    using = shop(rule("a", stops=True), rule("b"), rule("c"))
    decision = turn(using, says())
    assert [entry["rule"] for entry in logged(decision, "rule.fired")] == ["a"]
    assert decision.trace.rules["events"][-1]["losers"] == {"another rule stopped the rest": ["b", "c"]}


@pytest.mark.parametrize(
    ("limits", "again", "on_the_next_day"),
    [({}, True, True), ({"limit": "once"}, False, False), ({"limit": "daily"}, False, True), ({"cooldown_s": 3_600}, False, True)],
)
def test_limits_hold(limits: dict[str, Any], again: bool, on_the_next_day: bool) -> None:
    using = shop(rule("greet", **limits))
    first = turn(using, says())
    assert spoken(first)[0][0] == "rule"
    kept = view(ConversationState.from_json(first.state.to_json()))
    assert ("rule" in dict(spoken(turn(using, says(), kept, NOW + timedelta(minutes=30))))) is again
    assert ("rule" in dict(spoken(turn(using, says(), kept, NOW + timedelta(days=1))))) is on_the_next_day


def test_a_day_is_one_of_the_rules_zone() -> None:
    using = shop(rule("greet", limit="daily", timezone="Asia/Tokyo"))
    first = turn(using, says(), now=NOW)  # 21:00 in Tokyo
    assert "rule" in dict(spoken(turn(using, says(), view(first.state), NOW + timedelta(hours=4))))


def test_conversations_begin_once() -> None:
    using = shop(rule("welcome", "conversation_started"))
    first = turn(using, says())
    assert spoken(first) == [("rule", "A rule says so")]
    assert spoken(turn(using, says("delivery?"), view(first.state))) == [("script", "Tomorrow")]


def test_scripts_and_handoffs_wake_rules_after_the_answer() -> None:
    using = shop(rule("after", "script_matched", TAG, of="delivery"), rule("sorry", "handed_off", SEND, {"do": "notify", "text": "come"}))
    assert turn(using, says("delivery?")).state.tags == ("vip",)
    passed = turn(using, says("call a human"))
    assert spoken(passed) == [("handoff", "Calling a colleague"), ("rule", "A rule says so")]
    assert logged(passed, "operator.notice") == [{"rule": "sorry", "text": "come"}]
    assert turn(using, says("call a human")).state.tags == ()


def test_a_rule_passes_over_once() -> None:
    using = shop(rule("angry", "message_received", {"do": "hand_off"}))
    decision = turn(using, says())
    assert [effect.control for effect in decision.effects if isinstance(effect, SetControl)] == [Control.WAITING]
    assert spoken(decision) == [("handoff", "Calling a colleague")]
    assert spoken(turn(using, says("delivery?"), view(decision.state, Control.WAITING))) == [("script", "Tomorrow")]


def test_silence_of_the_customer_wakes_once_an_answer() -> None:
    using = shop(rule("remind", "no_reply", after_s=60), rule("offer", "no_reply", SEND, after_s=600))
    answered = turn(using, says("delivery?"))
    assert {kind: t.delay_s for kind, t in timers(answered).items()} == {"rules:no_reply:60": 60, "rules:no_reply:600": 600}
    reminded = turn(using, fired(timers(answered)["rules:no_reply:60"]), view(answered.state))
    assert spoken(reminded) == [("rule", "A rule says so")]
    assert timers(reminded) == {}  # its own words wait for nothing
    offered = turn(using, fired(timers(answered)["rules:no_reply:600"]), view(reminded.state))
    assert spoken(offered) == [("rule", "A rule says so")]


def test_a_reply_ends_the_wait() -> None:
    using = shop(rule("remind", "no_reply", after_s=60))
    answered = turn(using, says("delivery?"))
    replied = turn(using, says("delivery, thanks"), view(answered.state))
    assert spoken(turn(using, fired(timers(answered)["rules:no_reply:60"]), view(replied.state))) == []


def test_silence_towards_the_customer_wakes() -> None:
    using = shop(rule("late", "no_answer", {"do": "notify", "text": "somebody waits"}, after_s=300))
    assert timers(turn(using, says("delivery?"))) == {}
    silent = turn(using, says(), view(control=Control.HUMAN))
    [timer] = timers(silent).values()
    woken = turn(using, fired(timer), view(silent.state, Control.HUMAN))
    assert logged(woken, "operator.notice") == [{"rule": "late", "text": "somebody waits"}]


def test_what_waits_does_the_rest_of_what_it_was_then() -> None:
    first = turn(shop(rule("later", "message_received", TAG, {"do": "wait", "seconds": 60}, SEND, {"do": "stop"})), says("delivery?"))
    [timer] = timers(first).values()
    assert (timer.kind, timer.delay_s, spoken(first)) == ("rule:later", 60, [("script", "Tomorrow")])
    rest = turn(shop(rule("other")), fired(timer), view(first.state))
    assert spoken(rest) == [("rule", "A rule says so")]
    assert logged(rest, "rule.fired")[0]["done"] == ["send", "stop"]


def test_what_waited_is_no_answer_to_what_is_asked_in_the_same_turn() -> None:
    first = turn(shop(rule("later", "message_received", {"do": "wait", "seconds": 60}, SEND, lets_answer=True)), says("hello"))
    [timer] = timers(first).values()
    both = turn(shop(rule("other", "handed_off")), [*fired(timer), *says("delivery?")], view(first.state))
    assert spoken(both) == [("rule", "A rule says so"), ("script", "Tomorrow")]
    stopping = SetTimer("rule:later", 60, {**timer.payload, "lets_answer": False})
    assert spoken(turn(shop(rule("other", "handed_off")), [*fired(stopping), *says("delivery?")], view(first.state))) == spoken(both)


def test_facts_that_the_rest_names_are_still_known_when_it_goes_on() -> None:
    note = {"do": "crm_note", "on": "lead", "text": "{contact.name} asks: {message.text}"}
    first = turn(shop(rule("later", "message_received", {"do": "wait", "seconds": 60}, note)), says("delivery?"))
    [timer] = timers(first).values()
    assert timer.payload["facts"] == {"contact.name": "Olga", "message.text": "delivery?"}
    [act] = [
        effect for effect in turn(shop(rule("other", "handed_off")), fired(timer), view(first.state)).effects if isinstance(effect, Act)
    ]
    assert act.params["text"] == "Olga asks: delivery?"


def test_what_a_rule_does_wakes_no_rule_unless_it_says_so() -> None:
    tagged = rule("tagged", "tag_set", SEND, of="vip")
    quiet = turn(shop(rule("tag", "message_received", TAG), tagged), says("delivery?"))
    assert spoken(quiet) == [("script", "Tomorrow")]
    assert quiet.trace.rules["quiet"] == [["tag", "tag_set"]]
    woken = turn(shop(rule("tag", "message_received", TAG, wakes=True), tagged), says("delivery?"))
    assert spoken(woken) == [("rule", "A rule says so")]


def test_rules_that_wake_each_other_are_stopped_logged_and_shown() -> None:
    """No definition with them can be saved; what runs all the same is stopped."""
    raw = [
        rule("a", "tag_set", {"do": "remove_tag", "tag": "x"}, {"do": "add_tag", "tag": "y"}, of="x", wakes=True),
        rule("b", "tag_set", {"do": "remove_tag", "tag": "y"}, {"do": "add_tag", "tag": "x"}, of="y", wakes=True),
    ]
    index = RuleIndex([read_rule(item, "", []) for item in raw])
    ran = run(index, Scene({}, ConversationState(tags=("x",)), Control.BOT, "en", NOW, {}), [(Wake("tag_set", "x"), 0)])
    assert [entry["rule"] for entry in ran.told["fired"]] == ["a", "b", "a"][:DEEPEST]
    [failed] = ran.told["failed"]
    assert failed["reason"] == "stopped: rules woke each other 3 times in a row"
    assert [effect.data["rule"] for effect in ran.effects if isinstance(effect, LogActivity) and effect.kind == "rule.failed"] == ["b"]


def test_a_rule_that_wakes_itself_by_its_own_message_is_stopped() -> None:
    index = RuleIndex([read_rule(rule("nag", "no_reply", after_s=60, wakes=True), "", [])])
    using = catalogue(AgentId(UUID(int=1)), 5, SHOP)
    using = Catalogue(using.agent_id, using.version, using.persona, using.scripts, using.passages, index)
    decision, said = turn(using, says("delivery?")), 0
    while waiting := timers(decision):
        decision = turn(using, fired(waiting["rules:no_reply:60"]), view(decision.state))
        said += len(spoken(decision))
    assert said == DEEPEST
    assert logged(decision, "rule.failed")[0]["reason"].startswith("stopped")


def test_a_trace_says_who_won_who_lost_and_why() -> None:
    using = shop(
        rule("won", when={"fact": "message.text", "op": "contains", "value": "DELIVERY"}),
        rule("lost", when={"all": [{"fact": "message.text", "op": "known"}, {"fact": "message.length", "op": "more", "value": 99}]}),
        rule("open", when={"fact": "lead.price", "op": "more", "value": 5}),
    )
    told = from_bytes(turn(using, says("Is delivery free?")).trace.to_bytes())["rules"]
    [entry] = told["fired"]
    assert (entry["rule"], entry["done"]) == ("won", ["send"])
    assert entry["reasons"] == ["message.text contains DELIVERY (Is delivery free?)"]
    assert told["events"] == [
        {"on": "conversation_started"},
        {"on": "message_received", "losers": {"message.length more 99": ["lost"], "unknown: lead.price more 5": ["open"]}},
    ]
    assert told["facts"]["message.text"] == "Is delivery free?"
    assert told["facts"]["contact.name"] == "Olga"


def test_webhooks_get_what_is_known() -> None:
    call = {"do": "call_webhook", "url": "https://shop.example/hook", "fields": {"source": "night"}}
    [act] = [e for e in turn(shop(rule("hook", "message_received", TAG, call)), says()).effects if isinstance(e, Act)]
    assert (act.kind, act.rule, act.params["url"]) == ("webhook.call", "hook", "https://shop.example/hook")
    sent = act.params["data"]
    assert (sent["message.text"], sent["contact.name"], sent["source"]) == ("hello there", "Olga", "night")
    assert sent["conversation.tags"] == ["vip"]


def test_the_clock_wakes_the_one_rule_it_is_for_and_nobody_is_there_to_be_spoken_to() -> None:
    hook = {"do": "call_webhook", "url": "https://shop.example/hook"}
    using = shop(
        rule("report", "schedule", hook, TAG, cron="0 9 * * *"),
        rule("other", "schedule", hook, cron="0 10 * * *"),
        rule("late", "schedule", hook, cron="0 9 * * *", when={"all": [{"fact": "schedule.late_s", "op": "more", "value": 60}]}),
    )
    own = ConversationView(ConversationState(), Control.BOT, "agent", "once", "rule:report")

    def called(key: str) -> Decision:
        facts = {"schedule.at": "2026-03-01T09:00:00+00:00", "schedule.late_s": 5}
        return turn(using, [TimerFired(InboxId(2), NOW, "schedule", {"rule": key, "facts": facts})], own)

    decision = called("report")
    [act] = [effect for effect in decision.effects if isinstance(effect, Act)]
    assert (act.rule, act.params["data"]["schedule.at"]) == ("report", "2026-03-01T09:00:00+00:00")
    [event] = [told for told in decision.trace.rules["events"] if told["on"] == "schedule"]
    assert (decision.state.tags, event["rule"], event["facts"]["schedule.late_s"]) == (("vip",), "report", 5)
    assert logged(called("late"), "rule.fired") == logged(called("gone"), "rule.fired") == []
    waited = {"name": "report", "actions": [SEND], "wakes": False, "lets_answer": False}
    later = turn(using, [TimerFired(InboxId(3), NOW, "rule:report", waited)], own)
    assert [entry["done"] for entry in logged(later, "rule.fired")] == [["send: there is no conversation"]]
