"""Actions of rules in a CRM, and what happens there as rules meet it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from actors.domain.catalogue import Catalogue, catalogue
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import Act, LeadMoved, LogActivity, SendMessage
from actors.domain.errors import InvalidDefinition
from actors.domain.ids import AgentId, InboxId
from actors.domain.messages import CrmEvent
from actors.domain.rules.crm import Crm, CrmKnown, copy_problems
from actors.domain.rules.models import Rule, Trigger
from actors.domain.rules.validation import check_rule
from actors.domain.turn import decide
from tests.unit.domain.test_turn import AGENT

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
AT = NOW.timestamp()
FACTS = {"lead.id": "5", "lead.stage": "7:142", "lead.price": 900, "lead.tags": ["hot"], "lead.field.501": "L", "made_at": int(AT) - 900}


def moved(**more: Any) -> CrmEvent:
    return CrmEvent(InboxId(1), NOW, "lead.moved", {}, {**FACTS, "lead.old_status": "1", **more}, AT)


def updated(**more: Any) -> CrmEvent:
    return CrmEvent(InboxId(2), NOW, "lead.updated", {}, {**FACTS, **more}, AT)


def rule(on: str, *actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": on, "trigger": {"on": on}, "actions": list(actions), **more}


def agent(*rules: dict[str, Any]) -> Catalogue:
    return catalogue(AgentId(AGENT), 1, {"persona": {"name": "Anna", "languages": ["en"]}, "rules": list(rules)})


def of_lead(state: ConversationState | None = None) -> ConversationView:
    return ConversationView(state or ConversationState(), Control.BOT, "kommo", "once", "lead:5")


def decided(view: ConversationView, agent_: Catalogue, *events: CrmEvent) -> Decision:
    found = decide(view, list(events), agent_, NOW)
    assert isinstance(found, Decision)
    return found


def acts(decision: Decision) -> list[tuple[str, Any]]:
    return [(effect.kind, dict(effect.params)) for effect in decision.effects if isinstance(effect, Act)]


def test_an_event_wakes_rules_with_its_facts_and_what_is_said_goes_to_the_chat() -> None:
    asks = {"all": [{"fact": "lead.stage", "op": "is", "value": "7:142"}, {"fact": "lead.price", "op": "more", "value": 500}]}
    fields = {"all": [{"fact": "lead.field.501", "op": "is", "value": "l"}, {"fact": "lead.tags", "op": "has", "value": "hot"}]}
    note = {"do": "crm_note", "text": "Price {lead.price}, size {lead.field.501}{lead.name}"}
    task = {"do": "crm_task", "text": "Call", "due_s": 3600}
    said = {"do": "send", "text": {"en": "Thank you!"}}
    found = decided(of_lead(), agent(rule("lead_moved", note, task, said, when={"all": [asks, fields]})), moved())
    command = {"name": "lead_moved", "actions": [said], "wakes": False, "lets_answer": False, "depth": 0}
    assert acts(found) == [
        ("kommo.note", {"on": "lead", "text": "Price 900, size L"}),
        ("kommo.task", {"on": "lead", "text": "Call", "due_at": int(AT) + 3600}),
        ("kommo.tell", command),
    ]
    assert not any(isinstance(effect, SendMessage) for effect in found.effects)
    [fired] = [effect for effect in found.effects if isinstance(effect, LogActivity) and effect.kind == "rule.fired"]
    assert fired.data["done"] == ["crm_note", "crm_task", "to the chat: send"]


@pytest.mark.parametrize("rules", [(), (rule("lead_added", {"do": "stop"}),)])
@pytest.mark.parametrize("silent", [False, True])
def test_chats_are_told_of_a_move_of_somebody_else_and_of_no_own_one(rules: tuple[dict[str, Any], ...], silent: bool) -> None:
    def told(decision: Decision) -> list[LeadMoved]:
        return [effect for effect in decision.effects if isinstance(effect, LeadMoved)]

    state = ConversationState(echoes=({"what": "stage", "stage": "7:142", "at": AT - 1},), silent=silent)
    ours = decided(of_lead(state), agent(*rules), moved())
    assert told(ours) == []
    assert told(decided(of_lead(ours.state), agent(*rules), moved())) == [LeadMoved("5", "7:142", InboxId(1))]
    assert told(decided(of_lead(), agent(*rules), updated(**{"lead.old_status": "1"}))) == []


@pytest.mark.parametrize(
    ("echo", "event", "ours"),
    [
        ({"what": "stage", "stage": "7:142"}, moved(), True),
        ({"what": "stage", "stage": "7:142"}, updated(**{"lead.old_status": "1"}), True),  # the same change comes twice
        ({"what": "stage", "stage": "7:142"}, updated(), False),  # nothing was moved
        ({"what": "stage", "stage": "7:143"}, moved(), False),
        ({"what": "fields", "fields": {"501": "L"}}, updated(), True),
        ({"what": "fields", "fields": {"501": "M"}}, updated(), False),
        ({"what": "tags", "tags": ["hot"]}, updated(), True),
        ({"what": "tags", "tags": ["hot", "new"]}, updated(), False),
        ({"what": "responsible", "user": "9"}, updated(**{"lead.responsible": "9"}), True),
        ({"what": "responsible", "user": "9"}, updated(**{"lead.responsible": "8"}), False),
    ],
)
def test_what_we_did_wakes_no_rule_and_what_others_did_does(echo: dict[str, Any], event: CrmEvent, ours: bool) -> None:
    note = {"do": "crm_note", "text": "x"}
    rules = agent(rule("lead_moved", note), rule("lead_updated", note))
    view = of_lead(ConversationState(echoes=({**echo, "at": AT - 1},)))
    first = decided(view, rules, event)
    assert (acts(first) == []) is ours
    again = decided(replace(view, state=first.state), rules, event)  # it is heard of once
    assert acts(again) != []
    long_ago = of_lead(ConversationState(echoes=({**echo, "at": AT - 600},)))
    assert acts(decided(long_ago, rules, event)) != []


def test_a_closed_task_wakes_rules_once_though_it_is_told_of_twice() -> None:
    note = {"do": "crm_note", "text": "{task.text}: {task.result}"}
    done = {"all": [{"fact": "task.result", "op": "contains", "value": "agreed"}]}
    rules = agent(rule("task_closed", note, when=done))

    def closed(task: str = "7", **more: Any) -> CrmEvent:
        return CrmEvent(InboxId(3), NOW, "task.closed", {}, {"lead.id": "5", "task.id": task, "task.text": "Call", **more}, AT)

    agreed = {"task.result": "All agreed"}
    silent = decided(of_lead(), rules, closed())
    assert acts(silent) == []
    first = decided(of_lead(silent.state), rules, closed(**agreed))
    assert acts(first) == [("kommo.note", {"on": "lead", "text": "Call: All agreed"})]
    kept = ConversationState.from_json(first.state.to_json())
    assert acts(decided(of_lead(kept), rules, closed(**agreed))) == []
    assert acts(decided(of_lead(kept), rules, closed("8", **agreed))) != []
    long_ago = replace(kept, closed={"7": int(AT) - 600})
    assert acts(decided(of_lead(long_ago), rules, closed(**agreed))) != []
    ours = of_lead(ConversationState(echoes=({"what": "responsible", "user": "9", "at": AT - 1},)))
    assert acts(decided(ours, rules, closed(**agreed, **{"task.responsible": "9"}))) != []


@pytest.mark.parametrize(
    ("kind", "tags", "age_s", "ours"),
    [
        ("lead.added", ["Callboard"], 0, True),
        ("lead.updated", ["Callboard"], 1, True),
        ("lead.updated", ["Callboard"], 60, False),
        ("lead.added", ["hot"], 0, False),
    ],
)
def test_what_was_made_here_wakes_no_rule(kind: str, tags: list[str], age_s: int, ours: bool) -> None:
    note = {"do": "crm_note", "text": "x"}
    event = CrmEvent(InboxId(1), NOW, kind, {}, {**FACTS, "lead.tags": tags, "made_at": int(AT) - age_s}, AT)
    assert (acts(decided(of_lead(), agent(rule("lead_added", note), rule("lead_updated", note)), event)) == []) is ours


def test_a_lead_that_wakes_rules_all_the_time_is_stopped_and_told() -> None:
    note = {"do": "crm_note", "text": "x"}
    view = of_lead(ConversationState(woken=tuple([int(AT) - 5] * 20)))
    found = decided(view, agent(rule("lead_updated", note)), updated())
    assert acts(found) == []
    assert [effect.kind for effect in found.effects if isinstance(effect, LogActivity)] == ["lead.updated", "rule.failed"]


@pytest.mark.parametrize(
    ("action", "place"),
    [
        ({"do": "crm_move"}, "actions[0].pipeline"),
        ({"do": "crm_lead", "pipeline": 7}, "actions[0].stage"),
        ({"do": "crm_fields"}, "actions[0].fields"),
        ({"do": "crm_fields", "fields": {"size": "L"}}, "actions[0].fields.size"),
        ({"do": "crm_tags"}, "actions[0].tags"),
        ({"do": "crm_note"}, "actions[0].text"),
        ({"do": "crm_note", "text": "{lead.colour}"}, "actions[0].text"),
        ({"do": "crm_task", "text": "x", "due_s": 1}, "actions[0].due_s"),
        ({"do": "crm_responsible", "user": "9"}, "actions[0].user"),
        ({"do": "crm_note", "text": "x", "on": "company"}, "actions[0].on"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(action: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidDefinition) as error:
        check_rule(rule("lead_moved", action))
    assert place in [problem.place for problem in error.value.problems]


def test_what_the_account_does_not_have_is_told_as_far_as_its_copy_knows() -> None:
    known = CrmKnown(True, True, {(7, 142)}, {9}, {("lead", 501)})
    wrong = Crm("kommo.lead", {"pipeline": 8, "stage": 142, "user": 10, "fields": {"502": "L"}})
    right = Crm("kommo.lead", {"pipeline": 7, "stage": 142, "user": 9, "fields": {"501": "L"}})
    assert [problem.place for problem in copy_problems(wrong, "actions[0]", known)] == [
        "actions[0].stage",
        "actions[0].user",
        "actions[0].fields.502",
    ]
    assert list(copy_problems(right, "actions[0]", known)) == list(copy_problems(wrong, "actions[0]", CrmKnown(True))) == []
    assert [problem.place for problem in copy_problems(right, "actions[0]", CrmKnown(False))] == ["actions[0].do"]


def test_what_needs_no_chat_stays_in_the_conversation() -> None:
    state = decided(of_lead(), agent(rule("lead_updated", {"do": "add_tag", "tag": "seen"})), updated()).state
    assert (state.tags, state.woken) == (("seen",), (int(AT),))
    assert Rule("x", "x", Trigger("lead_added")).trigger.on == "lead_added"
