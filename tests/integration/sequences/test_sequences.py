"""Sequences on a real host and PostgreSQL: started by a rule, carried out when due, ended, paused, moved and begun anew."""

import asyncio
import json
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from actors.domain.ids import Address, ConversationId
from actors.ports.inbox import NewInput
from storage import chats
from storage.accounts.audit import Actor
from storage.authoring.sequences import Sequences
from storage.authoring.versions import Versions
from storage.conversations import ConversationControl, PostgresConversations
from storage.enrolling import PostgresSequences
from storage.enrollments import Enrollments, new_places
from storage.housekeeping import Housekeeping
from storage.inbox import PostgresInbox
from tests.integration.host_lab import HostLab

OLGA = Actor("Olga")
DAY = {"do": "wait", "days": 1}
PLAN: dict[str, Any] = {
    "id": "follow",
    "name": "Follow up",
    "steps": [
        {"id": "a", "do": "send", "text": {"en": "First"}},
        {"id": "b", **DAY},
        {"id": "c", "do": "send", "text": {"en": "Second"}},
        {"id": "d", **DAY},
        {"id": "e", "do": "add_tag", "tag": "asked"},
    ],
    "again": "ended",
}
START = {
    "id": "begin",
    "trigger": {"on": "message_received"},
    "when": {"all": [{"fact": "message.text", "op": "is", "value": "start"}]},
    "actions": [{"do": "send", "text": {"en": "Gladly"}}, {"do": "start_sequence", "sequence": "follow"}],
}
SHOP: dict[str, Any] = {
    "persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0.0},
    "scripts": [{"id": "delivery", "phrases": ["delivery"], "answer": {"en": "Tomorrow"}}],
    "rules": [START],
    "sequences": [PLAN],
}
_NUMBERS = count(1)


async def chat_with(lab: HostLab, agent: UUID, key: str = "c") -> chats.TestChat:
    if not await lab.shop.owner.fetchval("select exists (select from integrations where agent_id = $1)", agent):
        await lab.add_integration(agent, "test")
    found = await chats.TestChats(lab.shop.api).start(lab.shop.tenant_id, agent, key, None)
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


async def fire(lab: HostLab, days: int = 0) -> int:
    """Let days pass as far as enrollments know, and what is due happen."""
    await lab.shop.owner.execute("update enrollments set next_at = next_at - $1 * interval '1 day'", days)
    fired = await PostgresSequences(lab.shop.engine).fire(100)
    await lab.settled()
    return fired


async def run_of(lab: HostLab, conversation: ConversationId) -> Any:
    return await lab.shop.owner.fetchrow("select * from enrollments where conversation_id = $1", conversation)


async def told(lab: HostLab, conversation: ConversationId) -> list[str]:
    rows = await lab.shop.owner.fetch(
        "select kind from activity_logs where conversation_id = $1 and kind like 'sequence.%' order by id", conversation
    )
    return [r["kind"].removeprefix("sequence.") for r in rows]


async def test_from_the_rule_that_starts_it_to_its_end(lab: HostLab) -> None:
    agent = await lab.add_agent(SHOP)
    chat = await chat_with(lab, agent)
    async with lab.running(lab.host()):
        await say(lab, chat.address, "start")
        assert await fire(lab) == 1
        assert await fire(lab) == 0, "nothing is due for a day"
        assert await fire(lab, 1) == 1
        assert await said(lab, chat.conversation_id) == ["Gladly", "First", "Second"]
        await fire(lab, 1)
    run = await run_of(lab, chat.conversation_id)
    assert (run["state"], run["reason"], run["next_at"]) == ("finished", "end", None)
    assert await told(lab, chat.conversation_id) == ["started", "step", "step", "step", "finished"]
    state = json.loads(await lab.shop.owner.fetchval("select state from conversations where id = $1", chat.conversation_id))
    assert state["tags"] == ["asked"]
    assert state["enrolled"]["follow"]["serial"] == run["serial"]


async def test_an_answer_ends_it_and_it_may_begin_again(lab: HostLab) -> None:
    agent = await lab.add_agent(SHOP)
    chat = await chat_with(lab, agent)
    async with lab.running(lab.host()):
        await say(lab, chat.address, "start")
        await fire(lab)
        await say(lab, chat.address, "delivery")
        run = await run_of(lab, chat.conversation_id)
        assert (run["state"], run["reason"]) == ("stopped", "replied")
        await say(lab, chat.address, "start")
        assert await fire(lab) == 1
        run = await run_of(lab, chat.conversation_id)
        assert (run["state"], run["run"]) == ("active", 2)
    assert (await said(lab, chat.conversation_id)).count("First") == 2


async def test_in_our_own_channels_no_step_is_said_behind_a_message_that_waits(lab: HostLab) -> None:
    agent = await lab.add_agent(SHOP)
    chat = await chat_with(lab, agent)
    async with lab.running(lab.host()):
        await say(lab, chat.address, "start")
    await PostgresSequences(lab.shop.engine).fire(100)
    raw = json.dumps({"text": "delivery", "message_id": "late"}).encode()
    await PostgresInbox(lab.shop.engine).ingest([NewInput(lab.shop.tenant_id, chat.address, "message", "test:late", raw)])
    async with lab.running(lab.host()):
        await lab.settled()
    assert await said(lab, chat.conversation_id) == ["Gladly", "Tomorrow"]


async def test_a_takeover_ends_it_at_once(lab: HostLab) -> None:
    agent = await lab.add_agent(SHOP)
    chat = await chat_with(lab, agent)
    async with lab.running(lab.host()):
        await say(lab, chat.address, "start")
        assert await ConversationControl(lab.shop.api).take_over(lab.shop.tenant_id, chat.conversation_id, "olga")
        run = await run_of(lab, chat.conversation_id)
        assert (run["state"], run["reason"]) == ("stopped", "handed_off")
        assert await fire(lab) == 0
        assert await told(lab, chat.conversation_id) == ["started", "stopped"]


async def enrolled(lab: HostLab, agent: UUID) -> tuple[Enrollments, ConversationId]:
    """Enroll a customer of a bot by hand."""
    bot, _ = await lab.shop.add_bot("700")
    await lab.shop.owner.execute("update integrations set agent_id = $2 where id = $1", bot, agent)
    [record] = await PostgresConversations(lab.shop.engine).activate([(lab.shop.tenant_id, Address(bot, "5"))])
    store = Enrollments(lab.shop.api)
    plan = await store.published(lab.shop.tenant_id, agent, "follow")
    assert await store.control(lab.shop.tenant_id, agent, record.id, "follow", "start", "Olga", plan)
    return store, record.id


async def queued(lab: HostLab) -> list[tuple[str, str]]:
    return [(r["text"], r["state"]) for r in await lab.shop.rows()]


async def test_by_hand_stop_withdraws_skip_leaves_out_restart_begins_anew(lab: HostLab) -> None:
    agent, tenant = await lab.add_agent(SHOP), lab.shop.tenant_id
    async with lab.running(lab.host()):
        store, conversation = await enrolled(lab, agent)
        await fire(lab)
        assert await queued(lab) == [("First", "pending")]
        assert await store.control(tenant, agent, conversation, "follow", "skip", "Olga")
        await fire(lab, 1)
        run = await run_of(lab, conversation)
        assert (run["step"], await queued(lab)) == (4, [("First", "pending")])
        assert await store.control(tenant, agent, conversation, "follow", "stop", "Olga")
        assert await queued(lab) == [("First", "withdrawn")]
        assert await store.control(tenant, agent, conversation, "follow", "stop", "Olga") is None
        plan = await store.published(tenant, agent, "follow")
        assert await store.control(tenant, agent, conversation, "follow", "start", "Olga", plan)
        await fire(lab)
        assert await queued(lab) == [("First", "withdrawn"), ("First", "pending")]


async def test_a_pause_holds_what_is_queued_and_what_is_due(lab: HostLab) -> None:
    agent, tenant, sequences = await lab.add_agent(SHOP), lab.shop.tenant_id, Sequences(lab.shop.api)
    [item] = await sequences.all(tenant, agent)
    async with lab.running(lab.host()):
        _, conversation = await enrolled(lab, agent)
        await fire(lab)
        paused = await sequences.pause(tenant, OLGA, agent, item.id, paused=True)
        assert paused is not None
        assert paused.paused_at
        assert await queued(lab) == [("First", "withdrawn")]
        run = await run_of(lab, conversation)
        assert (run["state"], run["step"]) == ("paused", 0)
        assert await fire(lab, 1) == 0
        await sequences.pause(tenant, OLGA, agent, item.id, paused=False)
        assert await fire(lab) == 1
        assert await queued(lab) == [("First", "withdrawn"), ("First", "pending")]


async def test_a_step_that_was_decided_during_a_pause_is_said_after_it(lab: HostLab) -> None:
    agent, tenant, sequences = await lab.add_agent(SHOP), lab.shop.tenant_id, Sequences(lab.shop.api)
    [item] = await sequences.all(tenant, agent)
    _, conversation = await enrolled(lab, agent)
    await PostgresSequences(lab.shop.engine).fire(100)
    await sequences.pause(tenant, OLGA, agent, item.id, paused=True)
    async with lab.running(lab.host()):
        await lab.settled()
        assert await queued(lab) == [("First", "withdrawn")]
        run = await run_of(lab, conversation)
        assert (run["state"], run["step"]) == ("paused", 0)
        await sequences.pause(tenant, OLGA, agent, item.id, paused=False)
        await fire(lab)
        assert (await queued(lab))[-1] == ("First", "pending")


async def test_runs_keep_their_steps_until_they_are_moved(lab: HostLab) -> None:
    agent, tenant, sequences = await lab.add_agent(SHOP), lab.shop.tenant_id, Sequences(lab.shop.api)
    [item] = await sequences.all(tenant, agent)
    async with lab.running(lab.host()):
        store, conversation = await enrolled(lab, agent)
        await fire(lab)
        news = [{"id": "n", "do": "add_tag", "tag": "new"}, *PLAN["steps"][:2], {"id": "c", "do": "send", "text": {"en": "Changed"}}]
        assert await sequences.replace(tenant, OLGA, agent, item.id, 1, {**PLAN, "steps": news})
        assert await store.outdated(tenant, agent, "follow") == 0, "nothing was published"
        assert await Versions(lab.shop.api).publish(tenant, OLGA, agent)
        assert await store.outdated(tenant, agent, "follow") == 1
        assert await store.move(tenant, agent, "follow") == 1
        assert await store.outdated(tenant, agent, "follow") == 0
        run = await run_of(lab, conversation)
        assert run["step"] == 3
        await fire(lab, 1)
        assert [text for text, _ in await queued(lab)] == ["First", "Changed"]


@pytest.mark.parametrize(
    ("new", "places"),
    [(["a", "b", "c"], [0, 1, 2, 3]), (["x", "a", "c"], [1, 2, 2, 3]), ([], [0, 0, 0, 0]), (["c", "b", "a"], [2, 1, 0, 3])],
)
def test_every_place_has_a_place_in_the_new_steps(new: list[str], places: list[int]) -> None:
    old = {"steps": [{"id": name} for name in "abc"]}
    assert new_places(old, {"steps": [{"id": name} for name in new]}) == places


async def test_what_came_back_from_the_wire_after_the_end_is_not_tried_again(lab: HostLab) -> None:
    agent = await lab.add_agent(SHOP)
    async with lab.running(lab.host()):
        store, conversation = await enrolled(lab, agent)
        await fire(lab)
    owner = lab.shop.owner
    generation = UUID(int=9)
    await owner.execute("update outbox set state = 'sending', claimed_by = $1", generation)
    assert await store.control(lab.shop.tenant_id, agent, conversation, "follow", "stop", "Olga")
    assert await queued(lab) == [("First", "sending")]
    ids = [r["id"] for r in await lab.shop.rows()]
    await lab.shop.engine.fetch("select outbox_finish($1, $2, '{retry}', '{busy}', '{null}', '{1}')", generation, ids)
    assert await queued(lab) == [("First", "withdrawn")]


async def test_what_neither_saw_of_the_other_is_withdrawn_later(lab: HostLab) -> None:
    agent = await lab.add_agent(SHOP)
    async with lab.running(lab.host()):
        store, conversation = await enrolled(lab, agent)
        await fire(lab)
    assert await store.control(lab.shop.tenant_id, agent, conversation, "follow", "stop", "Olga")
    await lab.shop.owner.execute("update outbox set state = 'pending'")  # came back just then
    await Housekeeping(lab.shop.engine).tidy()
    assert await queued(lab) == [("First", "withdrawn")]


async def test_two_schedulers_fire_every_step_once(lab: HostLab) -> None:
    agent = await lab.add_agent(SHOP)
    bot, _ = await lab.shop.add_bot("700")
    await lab.shop.owner.execute("update integrations set agent_id = $2 where id = $1", bot, agent)
    addresses = [(lab.shop.tenant_id, Address(bot, str(n))) for n in range(60)]
    records = await PostgresConversations(lab.shop.engine).activate(addresses)
    store = Enrollments(lab.shop.api)
    plan = await store.published(lab.shop.tenant_id, agent, "follow")
    for record in records:
        await store.control(lab.shop.tenant_id, agent, record.id, "follow", "start", "Olga", plan)
    fired = await asyncio.gather(*[PostgresSequences(lab.shop.engine).fire(7) for _ in range(20)])
    assert sum(fired) == 60
    assert await lab.shop.owner.fetchval("select count(distinct key) from inbox where kind = 'timer'") == 60


async def test_its_end_wakes_a_rule_in_the_same_commit(lab: HostLab) -> None:
    plan = {**PLAN, "steps": PLAN["steps"][:1], "listens_s": 3600}
    asks = {"do": "send", "text": {"en": "How was it?"}}
    ended = {"id": "ended", "trigger": {"on": "sequence_finished", "of": "follow"}, "actions": [asks]}
    ended["when"] = {"all": [{"fact": "sequence.outcome", "op": "is", "value": "finished"}]}
    agent = await lab.add_agent({**SHOP, "sequences": [plan], "rules": [START, ended]})
    chat = await chat_with(lab, agent)
    async with lab.running(lab.host()):
        await say(lab, chat.address, "start")
        await fire(lab)
        await fire(lab, 1)
        assert await said(lab, chat.conversation_id) == ["Gladly", "First", "How was it?"]
    assert (await run_of(lab, chat.conversation_id))["state"] == "finished"
    kinds = "select kind from activity_logs where conversation_id = $1 and kind in ('sequence.finished', 'rule.fired') order by id"
    rows = await lab.shop.owner.fetch(kinds, chat.conversation_id)
    assert [r["kind"] for r in rows] == ["rule.fired", "sequence.finished", "rule.fired"]
