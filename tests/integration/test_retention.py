"""Retention on a real host's conversations: exactly what is over goes, with all of its rows, and nothing of anybody else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from actors.domain.ids import Address
from actors.domain.jobs import Mark, Progress
from actors.ports.inbox import NewInput
from actors.ports.jobs import NewJob
from actors.ports.retention import Keeping
from actors.services.jobs.activity_retention import ActivityRetention, RetentionPayload
from storage.accounts.audit import Actor
from storage.inbox import PostgresInbox
from storage.jobs.queue import PostgresJobQueue
from storage.jobs.views import TenantJobs
from storage.retention import PostgresRetention, RetentionPlans
from tests.integration.host_lab import HostLab
from tests.integration.office import Office
from tests.integration.shop import open_shop

RULE = {
    "id": "all",
    "trigger": {"on": "message_received"},
    "when": {"all": [{"fact": "message.text", "op": "contains", "value": "everything"}]},
    "actions": [
        {"do": "call_webhook", "url": "https://shop.example/hook"},
        {"do": "start_sequence", "sequence": "follow"},
        {"do": "hand_off"},
    ],
}
PLAN = {"id": "follow", "name": "Follow", "steps": [{"do": "wait", "days": 1}, {"do": "send", "text": {"en": "Hello again"}}]}
KEEPING = Keeping(activity_days=365, traces_days=30, conversations_days=90)
_OF_CONVERSATIONS = """
select c.relname as table from pg_attribute a join pg_class c on c.oid = a.attrelid
where a.attname = 'conversation_id' and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace order by 1"""


@pytest.fixture
async def office(database: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_shop(database, tmp_path) as shop:
        lab = HostLab(shop)
        async with lab.running(lab.host()):
            yield await Office.open(lab, [RULE], [PLAN])


async def pruned(office: Office, tenant_id: UUID, keeping: Keeping = KEEPING) -> int:
    """Prune as the job does; return how much went."""
    queue, shop = PostgresJobQueue(office.lab.shop.engine), office.lab.shop
    payload = RetentionPayload(**{name: getattr(keeping, name) for name in keeping.__slots__})
    await TenantJobs(shop.api).request(office.tenant_id, NewJob(ActivityRetention, payload), Actor("Olga"))
    [job] = await queue.exchange(uuid4(), (), 1, 60.0)
    assert job.lease.tenant_id == tenant_id
    gone = 0
    while more := await PostgresRetention(shop.engine).prune(job.lease, keeping, 20, lambda n: Mark(Progress(n), {})):
        gone += more
    return gone


async def rows_of(office: Office, conversation: int) -> dict[str, int]:
    owner = office.lab.shop.owner
    tables = [row["table"] for row in await owner.fetch(_OF_CONVERSATIONS)]
    counts = {table: await owner.fetchval(f"select count(*) from {table} where conversation_id = $1", conversation) for table in tables}
    return {table: count for table, count in counts.items() if count}


async def aged(office: Office, *chats: int, days: int = 100) -> None:
    """Let everything of these chats have happened so many days ago, and nothing be left to be done."""
    owner, ids = office.lab.shop.owner, [await office.conversation(chat) for chat in chats]
    await owner.execute("update conversations set last_at = now() - $2::interval where id = any($1)", ids, timedelta(days=days))
    await owner.execute("update outbox set state = 'sent' where conversation_id = any($1)", ids)
    await owner.execute("update actions set state = 'done' where conversation_id = any($1)", ids)
    await owner.execute("update enrollments set state = 'stopped', next_at = null, ended_at = now() where conversation_id = any($1)", ids)
    await owner.execute("delete from timers where conversation_id = any($1)", ids)


async def test_a_conversation_that_is_over_goes_with_all_its_rows_and_no_other_does(office: Office) -> None:
    owner, tenant_id = office.lab.shop.owner, office.tenant_id
    await office.operator("Ann", 101)
    elsewhere = await Office.open_elsewhere(office.lab)
    for chat in range(1, 9):
        await office.says(chat, "I want everything")
    await elsewhere.says(50, "human")
    await office.handoffs.advance(10)
    everybody = range(1, 9)
    await aged(office, *everybody, 101)
    await aged(elsewhere, 50)
    over, fresh, followed, queued, acting, timed, waiting, other = [await office.conversation(chat) for chat in everybody]
    await owner.execute("update conversations set last_at = now() - interval '89 days' where id = $1", fresh)
    await owner.execute("update enrollments set state = 'paused' where conversation_id = $1", followed)
    await owner.execute("update outbox set state = 'pending' where conversation_id = $1", queued)
    await owner.execute("update actions set state = 'pending' where conversation_id = $1", acting)
    await owner.execute("insert into timers (tenant_id, conversation_id, kind, due_at) values ($1, $2, 'x', now())", tenant_id, timed)
    news = NewInput(tenant_id, Address(office.bot, "7"), "message", "kept:7", b"{}")
    await owner.execute("update conversations set kind = 'lead' where id = $1", other)
    before = await rows_of(office, over)
    assert before.keys() >= {"messages", "outbox", "traces", "activity_logs", "actions", "enrollments", "handoffs"}
    kept = {c: await rows_of(office, c) for c in (fresh, followed, queued, acting, timed, waiting, other)}

    plans = RetentionPlans(office.lab.shop.api)
    assert (await plans.too_old(tenant_id, KEEPING))["conversations"] == 2  # nothing waits in the inbox for the seventh yet
    await owner.execute("update conversations set last_at = now() where id = $1", waiting)
    await PostgresInbox(office.lab.shop.engine).ingest([news])
    await office.lab.settled()
    await aged(office, 7, days=10)
    kept[waiting] = await rows_of(office, waiting)
    assert (await plans.too_old(tenant_id, KEEPING))["conversations"] == 1
    assert await pruned(office, tenant_id) == 1
    assert await rows_of(office, over) == {}
    assert await owner.fetchval("select count(*) from conversations where id = $1", over) == 0
    assert await owner.fetchval("select count(*) from inbox where key = '1' and integration_id = $1", office.bot) == 0
    assert {c: await rows_of(office, c) for c in kept} == kept
    assert await owner.fetchval("select count(*) from conversations where id = any($1)", list(kept)) == len(kept)
    assert await owner.fetchval("select count(*) from operator_chats") == 1
    assert await elsewhere.messages(50) != []
    await office.says(1, "delivery?")  # who comes back begins anew
    assert await office.messages(1) == [("customer", "delivery?"), ("agent", "Tomorrow")]


async def test_traces_and_what_channels_sent_go_by_age_and_messages_stay(office: Office) -> None:
    owner, tenant_id = office.lab.shop.owner, office.tenant_id
    for chat in range(1, 31):
        await office.says(chat, "delivery?")
    await owner.execute("update traces set created_at = now() - interval '31 days' where conversation_id % 2 = 0")
    await owner.execute("update inbox set received_at = now() - interval '31 days' where id % 2 = 0")
    await owner.execute("update inbox set state = 'dead' where id = (select min(id) from inbox where id % 2 = 0)")
    await owner.execute("update activity_logs set at = now() - interval '366 days' where id % 3 = 0")
    old: dict[str, Any] = dict(await RetentionPlans(office.lab.shop.api).too_old(tenant_id, KEEPING))
    messages = await owner.fetchval("select count(*) from messages")
    totals = {name: await owner.fetchval(f"select count(*) from {name}") for name in ("traces", "inbox", "activity_logs")}
    assert old["conversations"] == 0 < min(old["traces"], old["inputs"], old["activity"])
    assert await pruned(office, tenant_id) == sum(old.values())
    left = {name: await owner.fetchval(f"select count(*) from {name}") for name in totals}
    assert left == {
        "traces": totals["traces"] - old["traces"],
        "inbox": totals["inbox"] - old["inputs"],
        "activity_logs": totals["activity_logs"] - old["activity"],
    }
    assert await owner.fetchval("select count(*) from inbox where state = 'dead'") == 1  # somebody has to look at it
    assert await owner.fetchval("select count(*) from messages") == messages


async def test_who_decides_and_what_is_known_before(office: Office) -> None:
    plans, shop = RetentionPlans(office.lab.shop.api), office.lab.shop
    assert (await plans.show(office.tenant_id)).keeping == Keeping(365, 30, None)
    changed = await plans.change(office.tenant_id, KEEPING, Actor("Olga"))
    assert (changed.keeping, changed.enabled) == (KEEPING, True)
    told = await shop.owner.fetchrow("select action, before, after from audit_log order by id desc limit 1")
    assert told is not None
    assert (told["action"], '"conversations_days": 90' in told["after"]) == ("retention.changed", True)


async def test_a_message_that_comes_while_its_conversation_is_forgotten_is_answered(office: Office, database: str) -> None:
    owner = office.lab.shop.owner
    await office.says(1, "delivery?")
    await aged(office, 1)
    other = await asyncpg.connect(database)
    holding = other.transaction()
    await holding.start()
    await other.execute("select from messages for update")  # the deletion stands here, as it would among many rows
    forgetting = asyncio.create_task(pruned(office, office.tenant_id))
    waits = "select count(*) > 0 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    while not await owner.fetchval(waits):
        await asyncio.sleep(0.01)
    storing = asyncio.create_task(office.store(office.text(1, "delivery again?")))
    while not await owner.fetchval("select count(*) > 0 from inbox where state = 'pending'"):
        await asyncio.sleep(0.01)  # once it is there, the webhook is answered
    await holding.rollback()
    await other.close()
    assert await forgetting == 1
    await storing
    assert [body for role, body in await office.messages(1) if role == "customer"] == ["delivery again?"]
    assert await office.heard(1) == ["Tomorrow"]  # the earlier one went with its conversation


async def test_dead_letters_of_a_forgotten_conversation_are_kept(office: Office) -> None:
    owner = office.lab.shop.owner
    await office.says(1, "delivery?")
    await aged(office, 1)
    await owner.execute("update inbox set state = 'dead'")
    assert await pruned(office, office.tenant_id) == 1
    assert await owner.fetchval("select count(*) from inbox where state = 'dead'") == 1
