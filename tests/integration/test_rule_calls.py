"""Rules that the clock and systems of the tenant's own wake, on a real host and PostgreSQL: each moment and call once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from actors.domain.ids import Address
from actors.ports.inbox import NewInput
from storage import chats
from storage.accounts.audit import Actor
from storage.authoring.drafts import Drafts
from storage.authoring.rules import Rules
from storage.authoring.versions import Versions
from storage.endpoints import Endpoints
from storage.inbox import PostgresInbox
from storage.rule_clock import PostgresRuleClock
from storage.rule_hooks import RuleHooks, chat_address
from storage.rule_log import RuleLog
from tests.integration.host_lab import HostLab
from tests.integration.shop import open_shop

OLGA = Actor("Olga")
SHOP: dict[str, Any] = {"persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0.0}}
CALL = {"do": "call_webhook", "url": "https://shop.example/morning"}
MORNING: dict[str, Any] = {
    "id": "morning",
    "name": "Every minute",
    "trigger": {"on": "schedule", "cron": "* * * * *"},
    "actions": [CALL, {"do": "notify", "text": "Good morning"}, {"do": "add_tag", "tag": "called"}],
}


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    async with open_shop(database, tmp_path) as shop:
        yield HostLab(shop)


async def scheduled(lab: HostLab, *rules: dict[str, Any]) -> UUID:
    agent = await lab.add_agent({**SHOP, "rules": list(rules or (MORNING,))})
    assert await clock(lab).fire(100) == max(len(rules), 1), "when it is due is worked out first"
    return agent


def clock(lab: HostLab) -> PostgresRuleClock:
    return PostgresRuleClock(lab.shop.engine)


async def later(lab: HostLab, seconds: int) -> None:
    """Let time pass as far as schedules know."""
    await lab.shop.owner.execute("update rule_schedules set next_at = next_at - $1 * interval '1 second'", seconds)


async def calls(lab: HostLab) -> list[Any]:
    query = "select a.*, c.key, c.kind as what from actions a join conversations c on c.id = a.conversation_id order by a.id"
    return list(await lab.shop.owner.fetch(query))


async def test_a_moment_fires_once_however_many_look(lab: HostLab) -> None:
    agent = await scheduled(lab)
    await later(lab, 60)
    async with lab.running(lab.host()):
        assert sum(await asyncio.gather(*[clock(lab).fire(100) for _ in range(4)])) == 1
        await lab.settled()
        assert await clock(lab).fire(100) == 0
    [call] = await calls(lab)
    assert (call["kind"], call["state"], call["rule"], call["key"], call["what"]) == (
        "webhook.call",
        "pending",
        "morning",
        "rule:morning",
        "tenant",
    )
    [execution] = await RuleLog(lab.shop.api).executions(lab.shop.tenant_id, agent, "morning", None, 10)
    assert execution.data["done"] == ["webhook", "notice", "tag called"]
    assert await lab.shop.owner.fetchval("select count(*) from activity_logs where kind = 'operator.notice'") == 1
    assert await lab.shop.owner.fetchval("select count(*) from messages") == 0


async def test_of_an_outage_the_last_moment_is_made_up_for_and_told(lab: HostLab) -> None:
    agent = await scheduled(lab)
    await later(lab, 6 * 3600)
    async with lab.running(lab.host()):
        await clock(lab).fire(100)
        await lab.settled()
        assert await clock(lab).fire(100) == 0
    assert len(await calls(lab)) == 1
    missed = await lab.shop.owner.fetchrow("select agent_id, data from activity_logs where kind = 'rule.missed'")
    assert missed is not None
    assert missed["agent_id"] == agent
    assert '"rule": "morning"' in missed["data"]


async def test_a_clock_that_is_put_back_fires_nothing_twice(lab: HostLab) -> None:
    await scheduled(lab)
    await later(lab, 60)
    async with lab.running(lab.host()):
        await clock(lab).fire(100)
        # As if the clock, an hour ahead a moment ago, showed the hour again: what is due next lies an hour ahead.
        await later(lab, -3600)
        assert await clock(lab).fire(100) == 0
        # Even one that has forgotten what it fired cannot store a moment twice.
        first = await lab.shop.owner.fetchval("select dedupe_key from inbox_keys where dedupe_key like 'schedule:%'")
        moment = first.rpartition(":morning:")[2]
        await lab.shop.owner.execute("update rule_schedules set next_at = $1::text::timestamptz", moment)
        await clock(lab).fire(100)
        await lab.settled()
    stored = await lab.shop.owner.fetchval("select count(*) from inbox where raw like ('%' || $1 || '%')::bytea", moment)
    assert stored == 1


async def test_schedules_follow_what_is_published(lab: HostLab) -> None:
    shop, rules, versions, drafts = lab.shop, Rules(lab.shop.api), Versions(lab.shop.api), Drafts(lab.shop.api)
    agent = (await drafts.create(shop.tenant_id, OLGA, "Anna", {"languages": ["en"]})).id
    known = "select rule, cron, time_zone, next_at from rule_schedules"
    made = await rules.create(shop.tenant_id, OLGA, agent, MORNING)
    assert made is not None
    assert await shop.owner.fetch(known) == []
    await versions.publish(shop.tenant_id, OLGA, agent)
    assert [tuple(row) for row in await shop.owner.fetch(known)] == [("morning", "* * * * *", "UTC", None)]
    await clock(lab).fire(100)
    worked_out = await shop.owner.fetchval("select next_at from rule_schedules")
    await rules.create(shop.tenant_id, OLGA, agent, {**MORNING, "id": "noon", "trigger": {"on": "schedule", "cron": "0 12 * * *"}})
    await versions.publish(shop.tenant_id, OLGA, agent)
    rows = {row["rule"]: row["next_at"] for row in await shop.owner.fetch(known)}
    assert rows == {"morning": worked_out, "noon": None}, "what did not change goes on as it was"
    assert [e.channel for e in await Endpoints(shop.api).of_agent(shop.tenant_id, agent)] == ["test"]
    assert await drafts.archive(shop.tenant_id, OLGA, agent, None)
    assert await shop.owner.fetch(known) == []


async def test_a_stopped_agent_does_nothing(lab: HostLab) -> None:
    agent = await scheduled(lab)
    await lab.shop.owner.execute("select * from bots_stop($1, $2, true, 'olga')", lab.shop.tenant_id, agent)
    await later(lab, 60)
    async with lab.running(lab.host()):
        await clock(lab).fire(100)
        await lab.settled()
    assert await calls(lab) == []


async def call(lab: HostLab, address: Address, *bodies: dict[str, Any]) -> None:
    raws = [orjson.dumps({"kind": "webhook", "payload": {"rule": "order", "body": body}}) for body in bodies]
    news = [NewInput(lab.shop.tenant_id, address, "result", f"rule:{uuid4()}", raw) for raw in raws]
    await PostgresInbox(lab.shop.engine).ingest(news)
    await lab.settled()


async def test_each_call_is_a_turn_of_its_own_and_one_that_names_a_chat_speaks_there(lab: HostLab) -> None:
    paid = {"all": [{"fact": "hook.paid", "op": "is", "value": "true"}]}
    say = {"do": "send", "text": {"en": "Your order is ready"}}
    order = {"id": "order", "trigger": {"on": "webhook"}, "when": paid, "actions": [say, CALL]}
    agent = await lab.add_agent({**SHOP, "rules": [order]})
    hook = await RuleHooks(lab.shop.api, lab.shop.box).of(lab.shop.tenant_id, agent)
    assert hook is not None
    await lab.add_integration(agent, "test")
    chat = await chats.TestChats(lab.shop.api).start(lab.shop.tenant_id, agent, "olga")
    assert chat is not None
    assert await chat_address(lab.shop.api, lab.shop.tenant_id, agent, chat.conversation_id) == chat.address
    assert await chat_address(lab.shop.api, lab.shop.tenant_id, lab.shop.agent_id, chat.conversation_id) is None
    async with lab.running(lab.host()):
        await call(lab, Address(hook.integration_id, "rule:order"), {"paid": True, "n": 1}, {"paid": False}, {"paid": True, "n": 2})
        await call(lab, chat.address, {"paid": True, "n": 3})
    said = await lab.shop.owner.fetch("select body, conversation_id from messages")
    assert [tuple(row) for row in said] == [("Your order is ready", chat.conversation_id)]
    asked = await calls(lab)
    assert [orjson.loads(row["params"])["data"]["hook.n"] for row in asked] == ["1", "2", "3"]
    assert len({row["turn_id"] for row in asked}) == 3
    assert [row["state"] for row in asked] == ["pending", "pending", "would_do"]  # the test chat does not act in earnest
