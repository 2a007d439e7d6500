"""The line reads by index only, also in a new database that was never analysed, and after a backlog."""

import time
from statistics import median
from typing import Any

from actors.ports.outbox import Outcome
from storage.unanswered import UnansweredConversations
from tests.contract.labs import RealLab, carrier, open_conversation, receive, turn

HANDLED = 3000
# Rows of one table that a batch of 40 may read, whatever the table holds: 480 when this was written. A walk reads thousands.
PER_BATCH = 1000
STEPS = 2000

_READS = """
select relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) as n from pg_stat_user_tables
where relname in ('inbox', 'outbox', 'conversations')"""


async def reads(lab: RealLab) -> dict[str, int]:
    """Rows read from each table so far, once all sessions have reported."""
    for database in (lab.engine, lab.api):
        await database.fetchval("select pg_stat_force_next_flush()")
    await lab.owner.execute("select pg_stat_force_next_flush()")  # what the test itself put there, before it is measured
    await lab.owner.execute("select pg_stat_clear_snapshot()")
    return dict(await lab.owner.fetch(_READS))


async def handle(lab: RealLab, keys: list[str], version: int, host: Any, sender: Any) -> None:
    """Take one message of each conversation along the line."""
    shop = host[1]
    for key in keys:
        await receive(lab, shop, ["x"], key)
    pulled = await lab.inbox.pull(host[0], [], [], [], 100)
    assert pulled is not None
    records = {r.address: r for r in await lab.conversations.activate([(shop.tenant_id, r.address) for r in pulled.rows])}
    commits = [turn(shop, records[r.address].id, version, [r.id], ["hi"]) for r in pulled.rows]
    assert all(await lab.turns.commit(commits, [pulled.batch_id]))
    claims = [c.id for c in await lab.outbox.claim(sender, [], 100, 100, 20)]
    assert await lab.outbox.begin(sender, claims) == set(claims)
    assert await lab.outbox.finish(sender, [Outcome(i, "sent") for i in claims]) == len(keys)
    assert await lab.outbox.expire() == {}


async def test_a_batch_reads_its_own_rows_in_a_database_without_statistics(real_lab: RealLab) -> None:
    shop, host, sender = await real_lab.endpoint(), await carrier(real_lab), await carrier(real_lab, "sender")
    keys = [str(n) for n in range(40)]
    for table in ("inbox", "outbox", "conversations"):
        await real_lab.owner.execute(f"alter table {table} set (autovacuum_enabled = off)")
    for version in range(8):  # plans are made and kept while the tables are all but empty
        await handle(real_lab, keys, version, (host, shop), sender)
    await _handled(real_lab, shop)
    before = await reads(real_lab)
    for version in range(8, 10):
        await handle(real_lab, keys, version, (host, shop), sender)
    after = await reads(real_lab)
    grown = {t: after[t] - before[t] for t in after}
    assert all(n < 2 * PER_BATCH for n in grown.values()), grown


async def test_one_pending_row_is_found_quickly_after_a_backlog(real_lab: RealLab) -> None:
    """Statistics taken while everything was pending must not turn the pull into a walk."""
    shop, host = await real_lab.endpoint(), await carrier(real_lab)
    for n in range(30):
        await receive(real_lab, shop, ["x"] * 500, str(n))
    await real_lab.owner.execute("analyze")
    await real_lab.owner.execute("update inbox set state = 'done'")
    durations = []
    for n in range(30):
        (expected,) = await receive(real_lab, shop, ["x"], str(n))
        started = time.perf_counter()
        pulled = await real_lab.inbox.pull(host, [], [], [], 500)
        durations.append(time.perf_counter() - started)
        assert pulled is not None
        assert [r.id for r in pulled.rows] == [expected]
        await real_lab.owner.execute("update inbox set state = 'done' where id = $1", expected)
    assert median(durations) < 0.02  # alone on two cores 1 ms; a walk over 15,000 rows is above 20


async def test_who_was_not_answered_is_found_among_many(real_lab: RealLab) -> None:
    shop = await real_lab.endpoint()
    await open_conversation(real_lab, shop, "first")
    many = """
    insert into conversations (tenant_id, integration_id, key, kind, partition, state)
    select tenant_id, integration_id, 'many' || n, kind, partition,
           case when n = 7 then '{"open": {"inbox": 1, "why": "late"}}'::jsonb else '{}' end
    from conversations, generate_series(1, 5000) n"""
    await real_lab.owner.execute(many)
    await real_lab.owner.execute("analyze conversations")
    before = await reads(real_lab)
    assert (await UnansweredConversations(real_lab.api).count(shop.tenant_id)).waiting == 1
    assert (await reads(real_lab))["conversations"] - before["conversations"] < 50


async def test_a_claim_looks_at_a_campaign_once_though_statistics_say_that_nothing_waits(real_lab: RealLab) -> None:
    """After a quiet hour every index of open rows is empty, and each seems as good as the others."""
    shop, sender = await real_lab.endpoint(), await carrier(real_lab, "sender")
    await real_lab.owner.execute("alter table outbox set (autovacuum_enabled = off)")
    for n in range(20):
        await open_conversation(real_lab, shop, str(n))
    await _handled(real_lab, shop)
    await real_lab.owner.execute("vacuum analyze outbox")
    campaign = """
    insert into outbox (tenant_id, conversation_id, integration_id, shard, turn_id, seq, class, policy, body)
    select c.tenant_id, c.id, c.integration_id, g.shard, gen_random_uuid(), 0, 'step', 'once', '{"text": "x"}'
    from generate_series(1, $1::int) n join (select *, row_number() over (order by id) as nth from conversations where key <> 'old') c
    on c.nth = n % 20 + 1 join integrations g on g.id = c.integration_id order by n"""
    await real_lab.owner.execute(campaign, STEPS)
    before = await reads(real_lab)
    assert len(await real_lab.outbox.claim(sender, [], 100, 100, 20)) == 20
    assert (await reads(real_lab))["outbox"] - before["outbox"] < 5 * STEPS  # 256 shards read one after another: 100 times that


async def _handled(lab: RealLab, shop: Any) -> None:
    """Fill the tables with rows that were handled."""
    conversation = await open_conversation(lab, shop, "old")
    ids = await receive(lab, shop, ["x"] * HANDLED, "old")
    await lab.owner.execute("update inbox set state = 'done' where id = any($1)", ids)
    await lab.turns.commit([turn(shop, conversation, 0, replies=["hi"] * HANDLED)], [])
    await lab.owner.execute("update outbox set state = 'sent' where conversation_id = $1", conversation)
