"""Rules that a system of the tenant's own wakes: what its body says, whose rule it is, and who may be spoken to."""

from typing import Any

from actors.domain.called import LONGEST, MOST_FACTS, hook_facts
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import Act
from actors.domain.ids import InboxId
from actors.domain.messages import TimerFired
from actors.domain.rules.facts import kind_of
from tests.unit.domain.rules.test_turn import NOW, SEND, TAG, logged, rule, says, shop, spoken, turn, view

BODY = {"order": {"id": 7, "paid": True, "items": [{"name": "Blanket"}, {"name": "Rug"}]}, "colours": ["red", 3], "note": None}
PAID = {"all": [{"fact": "hook.order.paid", "op": "is", "value": "true"}]}
CONTACT = {"do": "crm_contact", "name": "{hook.order.items.1.name}", "phone": "{hook.phone}"}


def called(key: str = "order", body: Any = BODY) -> list[Any]:
    return [TimerFired(InboxId(2), NOW, "webhook", {"rule": key, "body": body})]


def alone(*rules: dict[str, Any], key: str = "order", body: Any = BODY) -> Decision:
    own = ConversationView(ConversationState(), Control.BOT, "agent", "once", f"rule:{key}")
    return turn(shop(*rules), called(key, body), own)


def test_a_body_is_facts_by_path() -> None:
    assert dict(hook_facts(BODY)) == {
        "hook.order.id": "7",
        "hook.order.paid": "true",
        "hook.order.items.0.name": "Blanket",
        "hook.order.items.1.name": "Rug",
        "hook.colours": "red, 3",
        "hook.colours.0": "red",
        "hook.colours.1": "3",
    }
    odd = {"имя": "x", "a b": "x", "a.b": "x", "n": "\x00ok\ud800", "deep": {"a": {"b": {"c": {"d": {"e": {"f": "x"}}}}}}}
    assert dict(hook_facts(odd)) == {"hook.a.b": "x", "hook.n": "ok"}
    assert [len(text) for text in dict(hook_facts({"x": "y" * 9_000})).values()] == [LONGEST]
    assert kind_of("hook.order.id") == "text"
    assert kind_of("hook.") is kind_of("hook.a b") is kind_of("hook") is None


def test_the_rule_that_is_named_fires_with_its_facts() -> None:
    decision = alone(rule("order", "webhook", CONTACT, TAG, when=PAID), rule("other", "webhook", TAG))
    [act] = [effect for effect in decision.effects if isinstance(effect, Act)]
    assert (act.kind, act.rule, act.params) == ("kommo.contact", "order", {"name": "Rug", "phone": ""})
    assert decision.state.tags == ("vip",)
    assert logged(alone(rule("order", "webhook", TAG, when=PAID), body={"order": {"paid": False}}), "rule.fired") == []
    facts = alone(rule("order", "webhook", {"do": "call_webhook", "url": "https://x.test"}), body={str(n): n for n in range(500)})
    [act] = [effect for effect in facts.effects if isinstance(effect, Act)]
    assert sum(name.startswith("hook.") for name in act.params["data"]) == MOST_FACTS


def test_a_call_for_no_rule_is_told() -> None:
    for rules in ([rule("order")], [rule("other", "webhook", TAG)]):
        [entry] = logged(alone(*rules), "rule.failed")
        assert (entry["rule"], entry["on"]) == ("order", "webhook")


def test_where_no_conversation_is_named_nobody_is_spoken_to() -> None:
    decision = alone(rule("order", "webhook", SEND, TAG))
    assert spoken(decision) == []
    assert [entry["done"] for entry in logged(decision, "rule.fired")] == [["send: there is no conversation", "tag vip"]]


def test_in_a_conversation_it_speaks_beside_the_answer_but_not_over_people() -> None:
    using = shop(rule("order", "webhook", SEND))
    assert spoken(turn(using, called())) == [("rule", "A rule says so")]
    assert spoken(turn(using, [*called(), *says("delivery?")])) == [("rule", "A rule says so"), ("script", "Tomorrow")]
    assert spoken(turn(using, called(), view(control=Control.HUMAN))) == []
