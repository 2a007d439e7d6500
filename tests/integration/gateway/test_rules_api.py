"""Rules over the API: written, checked while they are written, ordered, and what they did."""

from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.integration.gateway.company import Company
from tests.integration.gateway.desk import DELIVERY, Desk

TAG: dict[str, Any] = {
    "name": "Tag",
    "key": "tag",
    "trigger": {"on": "message_received"},
    "when": {"any": [{"fact": "message.text", "op": "contains", "value": "Цена"}, {"not": {"fact": "lead.price", "op": "known"}}]},
    "actions": [{"do": "add_tag", "tag": "vip"}, {"do": "call_webhook", "url": "https://shop.example/hook", "fields": {"a": "b"}}],
}


@pytest.fixture
async def rules(desk: Desk) -> str:
    """The path of the rules of a new agent."""
    return f"{await desk.agent()}/rules"


async def test_a_rule_is_written_replaced_ordered_deleted_and_brought_back(desk: Desk, rules: str) -> None:
    created = await desk.do("POST", rules, TAG, expect=201)
    assert (created["when"], created["actions"], created["enabled"], created["position"]) == (TAG["when"], TAG["actions"], True, 1)
    one = f"{rules}/{created['id']}"
    assert await desk.do("GET", one, level="viewer") == created
    await desk.do("POST", rules, TAG, expect=409)
    body = {**TAG, "limit": "daily", "timezone": "Europe/Moscow", "enabled": False}
    await desk.do("PUT", one, body, expect=428)
    replaced = await desk.do("PUT", one, body, match=created["etag"])
    assert (replaced["limit"], replaced["enabled"], replaced["etag"]) == ("daily", False, '"2"')
    await desk.do("PUT", one, body, match=created["etag"], expect=412)
    second = await desk.do("POST", rules, {**TAG, "key": "second"}, expect=201)
    ordered = await desk.do("PUT", f"{rules}/order", {"rules": [second["id"], created["id"]]})
    assert [item["key"] for item in ordered["items"]] == ["second", "tag"]
    await desk.do("PUT", f"{rules}/order", {"rules": [second["id"]]}, expect=409)
    await desk.do("PUT", f"{rules}/order", {"rules": [second["id"], str(uuid4())]}, expect=409)
    await desk.do("DELETE", one, match='"2"', level="operator", expect=403)
    await desk.do("DELETE", one, match='"2"', expect=204)
    assert [item["key"] for item in (await desk.do("GET", rules))["items"]] == ["second"]
    assert [item["key"] for item in (await desk.do("GET", f"{rules}?deleted=true"))["items"]] == ["tag"]
    assert (await desk.do("POST", f"{one}/restore"))["deleted_at"] is None
    page = await desk.do("GET", f"{rules}?limit=1")
    rest = await desk.do("GET", f"{rules}?limit=1&cursor={page['next']}")
    assert [item["key"] for item in (*page["items"], *rest["items"])] == ["second", "tag"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"trigger": {"on": "moon"}}, "/trigger/on"),
        ({"trigger": {"on": "no_reply"}}, "/trigger/after_s"),
        ({"actions": []}, "/actions"),
        ({"actions": [{"do": "crm_note", "text": "Hello"}]}, "/actions/0/do"),  # no account is connected
        ({"actions": [{"do": "assign", "user": "nobody@example.com"}]}, "/actions/0/user"),
        ({"actions": [{"do": "assign"}]}, "/actions/0/user"),
        ({"actions": [{"do": "crm_fields", "fields": {"size": "L"}}]}, "/actions/0/fields/size"),
        ({"actions": [{"do": "send_script", "script": "delivery"}]}, "/actions/0/script"),
        ({"when": {"all": [{"fact": "message.txt", "op": "is", "value": 1}]}}, "/when/all/0/fact"),
        ({"when": {"all": [{"fact": "message.text", "op": "matches", "value": "(a"}]}}, "/when/all/0/value"),
        ({"timezone": "Mars"}, "/timezone"),
        ({"unknown": 1}, "/unknown"),
    ],
)
async def test_a_fault_is_refused_with_its_place(desk: Desk, rules: str, change: dict[str, Any], pointer: str) -> None:
    refused = await desk.do("POST", rules, {**TAG, **change}, expect=422)
    assert [flaw["pointer"] for flaw in refused["errors"]] == [pointer]


async def test_texts_are_cleaned_at_any_depth_and_bombs_refused(desk: Desk, rules: str) -> None:
    body = {**TAG, "actions": [{"do": "send", "text": {"en": "a\x00b\ud800"}}]}
    assert (await desk.do("POST", rules, body, expect=201))["actions"] == [{"do": "send", "text": {"en": "ab"}}]
    deep: Any = {"fact": "message.text", "op": "known"}
    for _ in range(60):
        deep = {"not": deep}
    await desk.do("POST", rules, {**TAG, "key": "deep", "when": deep}, expect=422)


async def test_a_rule_is_checked_while_it_is_written(desk: Desk, rules: str) -> None:
    draft = {"trigger": {"on": "tag_set", "of": "a"}, "actions": [{"do": "add_tag", "tag": "b"}], "wakes": True}
    path = f"{rules}/validate"
    assert (await desk.do("POST", path, {"rule": draft}, level="viewer"))["valid"] is True
    back = {"name": "Back", "trigger": {"on": "tag_set", "of": "b"}, "actions": [{"do": "add_tag", "tag": "a"}], "wakes": True}
    await desk.do("POST", rules, back, expect=201)
    found = await desk.do("POST", path, {"rule": {**draft, "when": {"any": []}}}, level="viewer")
    assert (found["valid"], [fault["pointer"] for fault in found["problems"]]) == (False, ["/when/any", "/wakes"])
    words = await desk.do("GET", "/api/rules/vocabulary", level="viewer")
    assert "message_received" in words["triggers"]
    assert {"name": "contact.blocked", "kind": "flag", "operators": ["is", "known", "unknown"], "in_scripts": True} in words["facts"]


ASKING: dict[str, Any] = {
    "name": "Order",
    "key": "order",
    "phrases": ["order"],
    "answer": {"en": "Gladly."},
    "steps": [{"id": "size", "ask": {"en": "Which size?"}}],
    "finish": {"en": "Noted."},
}


async def test_a_dialogue_is_not_begun_by_rules_and_sequences(desk: Desk, rules: str) -> None:
    agent = rules.removesuffix("/rules")
    script = await desk.do("POST", f"{agent}/scripts", {**ASKING, "steps": []}, expect=201)
    act = {"do": "send_script", "script": "order"}
    await desk.do("POST", rules, {**TAG, "actions": [act]}, expect=201)
    await desk.do("PUT", f"{agent}/scripts/{script['id']}", ASKING, match=script["etag"])
    saved = [
        (rules, {**TAG, "key": "again", "actions": [act]}, "/actions/0/script"),
        (f"{agent}/sequences", {"name": "S", "steps": [act]}, "/steps/0/script"),
    ]
    for path, body, pointer in saved:
        refused = await desk.do("POST", path, body, expect=422)
        assert [flaw["pointer"] for flaw in refused["errors"]] == [pointer]
        assert "begins only by what a customer says" in refused["errors"][0]["detail"]
    await desk.do("POST", f"{agent}/publish", {})  # what was saved before goes on, and says the answer


async def test_publishing_takes_enabled_rules_and_refuses_what_cannot_run(desk: Desk, rules: str) -> None:
    agent = rules.removesuffix("/rules")
    script = await desk.do("POST", f"{agent}/scripts", DELIVERY, expect=201)
    await desk.do("POST", rules, {**TAG, "actions": [{"do": "send_script", "script": "delivery"}]}, expect=201)
    await desk.do("POST", rules, {**TAG, "key": "off", "enabled": False}, expect=201)
    version = await desk.do("POST", f"{agent}/publish", {})
    definition = (await desk.do("GET", f"{agent}/versions/{version['version']}"))["definition"]
    assert [rule["id"] for rule in definition["rules"]] == ["tag"]
    await desk.do("DELETE", f"{agent}/scripts/{script['id']}", match=script["etag"], expect=204)
    refused = await desk.do("POST", f"{agent}/publish", {}, expect=422)
    assert [flaw["pointer"] for flaw in refused["errors"]] == ["/rules/0/actions/0/script"]
    copy = await desk.do("POST", f"{agent}/duplicate", {}, expect=201)
    copied = await desk.do("GET", f"/api/agents/{copy['id']}/rules")
    assert [item["key"] for item in copied["items"]] == ["tag", "off"]


async def test_actions_are_listed_retried_and_switched(desk: Desk, company: Company, database: str) -> None:
    owner = await asyncpg.connect(database)
    chat = await owner.fetchval(
        "insert into conversations (tenant_id, integration_id, kind, key, partition) values ($1, $2, 'chat', 'x', 1) returning id",
        company.tenant_id,
        company.test_id,
    )
    turn = uuid4()
    insert = """
    insert into actions (tenant_id, agent_id, conversation_id, shard, turn_id, seq, kind, params, rule, state, error)
    values ($1, $2, $3, 0, $4, 0, 'webhook.call', '{}', 'tag', 'failed', 'it answered 404') returning id"""
    action = await owner.fetchval(insert, company.tenant_id, company.agent_id, chat, turn)
    path = f"/api/agents/{company.agent_id}/actions"
    [listed] = (await desk.do("GET", f"{path}?state=failed", level="viewer"))["items"]
    assert (listed["id"], listed["error"], listed["rule"]) == (str(action), "it answered 404", "tag")
    assert (await desk.do("GET", f"{path}?state=done"))["items"] == []
    again = await desk.do("POST", f"/api/actions/{action}/retry", level="operator")
    assert (again["state"], again["error"]) == ("pending", None)
    assert await owner.fetchval("select data->>'by' from activity_logs where kind = 'action.retried'") == "operator"
    switch = f"/api/conversations/{chat}/acts"
    assert (await desk.do("GET", switch, level="viewer"))["acts"] is False
    assert (await desk.do("PUT", switch, {"acts": True}, level="operator"))["acts"] is True
    assert (await desk.do("GET", switch, level="viewer"))["acts"] is True
    secret = await desk.do("GET", "/api/webhook-secret")
    assert secret["secret"].startswith("whsec_")
    await owner.close()
