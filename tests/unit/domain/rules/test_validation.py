"""What may not be saved, and where the fault is."""

from typing import Any

import pytest

from actors.domain.catalogue import read_definition
from actors.domain.errors import InvalidDefinition, Problem
from actors.domain.rules.models import Rule, read_rule
from actors.domain.rules.validation import check_rule, loops

GOOD: dict[str, Any] = {
    "id": "r",
    "trigger": {"on": "message_received"},
    "when": {"all": [{"fact": "message.text", "op": "contains", "value": "price"}, {"not": {"fact": "lead.price", "op": "known"}}]},
    "actions": [{"do": "send", "text": {"en": "Hello"}}],
}


def places(raw: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(InvalidDefinition) as caught:
        check_rule({**GOOD, **raw}, **more)
    return [problem.place for problem in caught.value.problems]


def when(**test: Any) -> dict[str, Any]:
    return {"when": {"any": [{"fact": "message.text", "op": "known"}, test]}}


def test_a_good_rule_is_read() -> None:
    rule = check_rule(GOOD)
    assert (rule.id, rule.trigger.on, rule.limit, rule.wakes) == ("r", "message_received", "always", False)


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ({"id": ""}, "id"),
        ({"trigger": {"on": "full_moon"}}, "trigger.on"),
        ({"trigger": {"on": "no_reply"}}, "trigger.after_s"),
        ({"timezone": "Moscow"}, "timezone"),
        ({"trigger": {"on": "schedule"}, "actions": [{"do": "add_tag", "tag": "x"}]}, "trigger.cron"),
        ({"trigger": {"on": "schedule", "cron": "0 0 31 2 *"}, "actions": [{"do": "add_tag", "tag": "x"}]}, "trigger.cron"),
        ({"trigger": {"on": "schedule", "cron": "0 9 * * *"}}, "actions[0].do"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"actions": []}, "actions"),
        ({"actions": [{"do": "stop"}] * 21}, "actions"),
        ({"actions": [{"do": "fly"}]}, "actions[0].do"),
        ({"actions": [{"do": "stop"}, {"do": "send", "text": {}}]}, "actions[1].text"),
        ({"actions": [{"do": "call_webhook", "url": "shop.example"}]}, "actions[0].url"),
        ({"actions": [{"do": "call_webhook", "url": "https://u:p@shop.example"}]}, "actions[0].url"),
        ({"actions": [{"do": "set_variable", "name": "два слова", "value": ""}]}, "actions[0].name"),
        ({"actions": [{"do": "add_tag", "tag": "x" * 65}]}, "actions[0].tag"),
        ({"actions": [{"do": "wait", "seconds": 0}]}, "actions[0].seconds"),
        ({"when": {"any": []}}, "when.any"),
        ({"when": []}, "when"),
        ({"when": {"all": [7]}}, "when.all[0]"),
        (when(fact="message.txt", op="is", value="x"), "when.any[1].fact"),
        (when(fact="message.text", op="more", value=1), "when.any[1].op"),
        (when(fact="message.text", op="is"), "when.any[1].value"),
        (when(fact="message.text", op="known", value=1), "when.any[1].value"),
        (when(fact="lead.price", op="more", value="1"), "when.any[1].value"),
        (when(fact="lead.price", op="more", value=True), "when.any[1].value"),
        (when(fact="lead.price", op="between", value=[1]), "when.any[1].value"),
        (when(fact="contact.blocked", op="is", value="yes"), "when.any[1].value"),
        (when(fact="time.clock", op="between", value=["22:00", "25:00"]), "when.any[1].value"),
        (when(fact="message.text", op="matches", value="(a"), "when.any[1].value"),
        (when(fact="message.text", op="matches", value="a" * 501), "when.any[1].value"),
        (when(fact="message.text", op="matches", value=r"(a)\1"), "when.any[1].value"),
        (when(fact="conversation.tags", op="has_any", value=[]), "when.any[1].value"),
        (when(**{"not": {"fact": "x", "op": "is"}}), "when.any[1].not.fact"),
        ({"limit": "twice"}, "limit"),
        ({"cooldown_s": -1}, "cooldown_s"),
    ],
)
def test_a_fault_is_named_with_its_place(raw: dict[str, Any], place: str) -> None:
    assert places(raw) == [place]


def test_groups_may_not_be_nested_without_end() -> None:
    condition: dict[str, Any] = {"fact": "message.text", "op": "known"}
    for _ in range(8):
        condition = {"not": condition}
    assert places({"when": condition}) == ["when" + ".not" * 7]


def test_an_unknown_fact_is_answered_with_those_there_are() -> None:
    with pytest.raises(InvalidDefinition, match=r"do you mean message\.text\?.*conversation\.tags.*variable\.NAME"):
        check_rule({**GOOD, **when(fact="message.txt", op="known")})


def test_a_script_must_be_there() -> None:
    actions = {"actions": [{"do": "send_script", "script": "delivery"}]}
    check_rule({**GOOD, **actions})
    assert places(actions, scripts={"payment"}) == ["actions[0].script"]


def made(key: str, on: str, *actions: dict[str, Any], **more: Any) -> Rule:
    problems: list[Problem] = []
    trigger = {"on": on, "of": more.pop("of", ""), "after_s": more.pop("after_s", 0.0)}
    rule = read_rule({"id": key, "trigger": trigger, "actions": list(actions), "wakes": True, **more}, "", problems)
    assert not problems
    return rule


SEND = {"do": "send", "text": {"en": "still there?"}}


def test_rules_that_wake_each_other_for_ever_are_found() -> None:
    a = made("a", "tag_set", {"do": "add_tag", "tag": "y"}, of="x")
    b = made("b", "tag_set", {"do": "remove_tag", "tag": "x"}, {"do": "add_tag", "tag": "x"}, of="y")
    c = made("c", "message_received", {"do": "add_tag", "tag": "x"})
    found = dict(loops([a, b, c]))
    assert set(found) == {0, 1}
    assert "a → b → a" in found[0]
    remind = made("remind", "no_reply", SEND, after_s=60)
    assert set(dict(loops([remind]))) == {0}


def test_a_limit_or_silence_ends_a_loop() -> None:
    for more in ({"limit": "once"}, {"limit": "daily"}, {"cooldown_s": 60}, {"wakes": False}, {"enabled": False}):
        assert not dict(loops([made("remind", "no_reply", SEND, after_s=60, **more)]))


def test_a_loop_through_another_rule_may_not_be_saved() -> None:
    other = made("other", "handed_off", {"do": "add_tag", "tag": "x"})
    raw = {**GOOD, "trigger": {"on": "tag_set", "of": "x"}, "actions": [{"do": "hand_off"}], "wakes": True}
    with pytest.raises(InvalidDefinition, match="r → other → r"):
        check_rule(raw, [other])


def test_a_definition_names_the_rule() -> None:
    with pytest.raises(InvalidDefinition) as caught:
        read_definition({"rules": [GOOD, {**GOOD, "timezone": "x"}]})
    assert [problem.place for problem in caught.value.problems] == ["rules[1].id", "rules[1].timezone"]
