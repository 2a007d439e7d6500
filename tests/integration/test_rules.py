"""Rules on a real host and PostgreSQL: written in a draft, published, fired, followed by timers and actions."""

import json
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from actors.domain.ids import Address, ConversationId
from actors.ports.inbox import NewInput
from storage import chats
from storage.accounts.audit import Actor
from storage.actions import Actions
from storage.authoring.rules import Rules
from storage.authoring.versions import Versions
from storage.conversations import ConversationControl
from storage.inbox import PostgresInbox
from storage.rule_log import RuleLog
from storage.timers import PostgresTimers
from tests.integration.host_lab import HostLab
from tests.integration.shop import open_shop

OLGA = Actor("Olga")
SHOP: dict[str, Any] = {
    "persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0.0},
    "scripts": [{"id": "delivery", "phrases": ["delivery"], "answer": {"en": "Delivery is 300 roubles."}}],
}
HOOK = {"do": "call_webhook", "url": "https://shop.example/hook"}
NIGHT: dict[str, Any] = {
    "id": "night",
    "name": "At night",
    "trigger": {"on": "message_received"},
    "when": {"all": [{"fact": "message.text", "op": "contains", "value": "night"}]},
    "actions": [{"do": "send", "text": {"en": "We sleep."}}, {"do": "add_tag", "tag": "late"}, HOOK],
}
REMIND: dict[str, Any] = {
    "id": "remind",
    "trigger": {"on": "no_reply", "after_s": 1},
    "actions": [{"do": "send", "text": {"en": "Are you still there?"}}],
}
_NUMBERS = count(1)


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    async with open_shop(database, tmp_path) as shop:
        yield HostLab(shop)


async def chat_with(lab: HostLab, agent: UUID, key: str = "c", version: int | None = None) -> chats.TestChat:
    if not await lab.shop.owner.fetchval("select exists (select from integrations where agent_id = $1)", agent):
        await lab.add_integration(agent, "test")
    found = await chats.TestChats(lab.shop.api).start(lab.shop.tenant_id, agent, key, version)
    assert found is not None
    return found


async def say(lab: HostLab, address: Address, text: str) -> None:
    number = next(_NUMBERS)
    raw = json.dumps({"text": text, "message_id": str(number)}).encode()
    await PostgresInbox(lab.shop.engine).ingest([NewInput(lab.shop.tenant_id, address, "message", f"test:{number}", raw)])
    await lab.settled()


async def said(lab: HostLab, conversation: ConversationId) -> list[str]:
    rows = await lab.shop.owner.fetch("select body from messages where conversation_id = $1 and role = 'agent' order by id", conversation)
    return [r["body"] for r in rows]


async def fire(lab: HostLab) -> int:
    """Let a second pass as far as timers know."""
    await lab.shop.owner.execute("update timers set due_at = due_at - interval '2 seconds'")
    fired = await PostgresTimers(lab.shop.engine).fire(100)
    await lab.settled()
    return fired


async def test_a_rule_is_written_tried_published_and_fires(lab: HostLab) -> None:
    shop, rules, versions = lab.shop, Rules(lab.shop.api), Versions(lab.shop.api)
    agent = await lab.add_agent(SHOP)
    published = await chat_with(lab, agent)
    assert await rules.create(shop.tenant_id, OLGA, agent, NIGHT)
    assert await rules.create(shop.tenant_id, OLGA, agent, {**NIGHT, "id": "off", "enabled": False})
    draft = await versions.snapshot(shop.tenant_id, OLGA, agent)
    tried = await chat_with(lab, agent, "draft", draft)
    async with lab.running(lab.host()):
        await say(lab, published.address, "delivery at night?")
        await say(lab, tried.address, "delivery at night?")
        assert await said(lab, published.conversation_id) == ["Delivery is 300 roubles."]
        assert await said(lab, tried.conversation_id) == ["We sleep."]
    log, actions = RuleLog(shop.api), Actions(shop.api)
    [execution] = await log.executions(shop.tenant_id, agent, "night", None, 10)
    assert execution.data["done"] == ["send", "tag late", "webhook"]
    assert execution.data["reasons"] == ["message.text contains night (delivery at night?)"]
    assert execution.turn_id
    [action] = await actions.of_turns(shop.tenant_id, [execution.turn_id])
    assert (action.state, action.kind, action.rule, action.params["data"]["conversation.tags"]) == (
        "would_do",
        "webhook.call",
        "night",
        ["late"],
    )
    assert await log.executions(shop.tenant_id, agent, "off", None, 10) == []
    item = await versions.publish(shop.tenant_id, OLGA, agent)
    assert item is not None
    assert item.version == draft


async def test_silence_wakes_and_a_reply_ends_the_wait(lab: HostLab) -> None:
    agent = await lab.add_agent({**SHOP, "rules": [REMIND]})
    quiet, lively = await chat_with(lab, agent, "quiet"), await chat_with(lab, agent, "lively")
    async with lab.running(lab.host()):
        for chat in (quiet, lively):
            await say(lab, chat.address, "delivery?")
        await lab.shop.owner.execute(
            "update timers set due_at = now() + interval '1 hour' where conversation_id = $1", lively.conversation_id
        )
        assert await fire(lab) == 1
        assert (await said(lab, quiet.conversation_id))[1:] == ["Are you still there?"]
        stale = "select payload::text from timers where conversation_id = $1"
        payload = json.loads(await lab.shop.owner.fetchval(stale, lively.conversation_id))
        await say(lab, lively.address, "delivery!")
        await lab.shop.owner.execute(
            "update timers set due_at = now(), payload = $2 where conversation_id = $1", lively.conversation_id, json.dumps(payload)
        )
        await fire(lab)  # a timer that was set before the reply
        assert "Are you still there?" not in await said(lab, lively.conversation_id)


async def test_a_persons_answer_ends_the_wait_for_one(lab: HostLab) -> None:
    waits = {"id": "late", "trigger": {"on": "no_answer", "after_s": 1}, "actions": [{"do": "notify", "text": "somebody waits"}]}
    agent = await lab.add_agent({**SHOP, "rules": [waits]})
    answered, forgotten = await chat_with(lab, agent, "answered"), await chat_with(lab, agent, "forgotten")
    control = ConversationControl(lab.shop.api)
    async with lab.running(lab.host()):
        for chat in (answered, forgotten):
            assert await control.take_over(lab.shop.tenant_id, chat.conversation_id, "olga")
            await say(lab, chat.address, "anybody?")
        assert await control.reply(lab.shop.tenant_id, answered.conversation_id, UUID(int=7), "me", "olga")
        assert await fire(lab) == 1
    told = await lab.shop.owner.fetch("select conversation_id from activity_logs where kind = 'operator.notice'")
    assert [r["conversation_id"] for r in told] == [forgotten.conversation_id]


async def test_rules_are_ordered_deleted_and_brought_back(lab: HostLab) -> None:
    rules, agent = Rules(lab.shop.api), await lab.add_agent({**SHOP, "rules": [NIGHT, REMIND]})
    tenant = lab.shop.tenant_id
    first, second = await rules.all(tenant, agent)
    ordered = await rules.order(tenant, OLGA, agent, [second.id, first.id])
    assert ordered is not None
    assert [rule.key for rule in ordered] == ["remind", "night"]
    assert await rules.delete(tenant, OLGA, agent, second.id, second.version)
    assert [rule.key for rule in await rules.all(tenant, agent)] == ["night"]
    assert await rules.restore(tenant, OLGA, agent, second.id)
    assert [rule.key for rule in await rules.all(tenant, agent)] == ["night", "remind"]
    item = await Versions(lab.shop.api).publish(tenant, OLGA, agent)
    assert item is not None
    found = await Versions(lab.shop.api).find(tenant, agent, item.version)
    assert found is not None
    assert [rule["id"] for rule in found.definition["rules"]] == ["night", "remind"]
