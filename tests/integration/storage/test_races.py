"""Two connections at once: what the statements promise when processes meet."""

import asyncio
import random
from uuid import uuid4

from actors.domain.ids import Address
from actors.ports.inbox import NewInput
from actors.ports.turns import TimerRow
from storage.conversations import ConversationControl
from storage.inbox import PostgresInbox
from storage.postgres import Database, Role
from storage.timers import PostgresTimers
from storage.unit_of_work import PostgresTurns
from tests.contract.labs import RealLab, carrier, claim_ids, open_conversation, receive, turn

ROUNDS = 60
BATCH = 300


async def test_two_gateways_with_the_same_updates_in_opposite_order(real_lab: RealLab, database: str) -> None:
    """Ordered inserts: without them this deadlocks in most rounds."""
    shop = await real_lab.endpoint()
    async with await Database.open(database, Role.ENGINE, "second") as second:
        gateways = [PostgresInbox(real_lab.engine), PostgresInbox(second)]
        for round_ in range(ROUNDS):
            inputs = [NewInput(shop.tenant_id, shop.address(str(n)), "message", f"{round_}:{n}", b"x") for n in range(BATCH)]
            random.Random(round_).shuffle(inputs)
            verdicts = await asyncio.gather(gateways[0].ingest(inputs), gateways[1].ingest(inputs[::-1]))
            fresh = [sum(s.fresh for s in v) for v in verdicts]
            assert sum(fresh) == BATCH
    assert await real_lab.owner.fetchval("select count(*) from inbox") == ROUNDS * BATCH
    assert await real_lab.owner.fetchval("select count(*) from inbox_keys k join inbox i on i.id = k.inbox_id") == ROUNDS * BATCH


async def test_two_schedulers_fire_each_timer_once(real_lab: RealLab, database: str) -> None:
    shop = await real_lab.endpoint()
    for n in range(200):
        conversation = await open_conversation(real_lab, shop, str(n))
        await real_lab.turns.commit([turn(shop, conversation, 0, timers=[TimerRow("wake", 0.0, {})])], [])
    async with await Database.open(database, Role.ENGINE, "second") as second:
        schedulers = [real_lab.timers, PostgresTimers(second)]
        fired = [sum(await asyncio.gather(*(s.fire(15) for s in schedulers))) for _ in range(12)]
    assert sum(fired) == 200
    assert await real_lab.owner.fetchval("select count(distinct key) from inbox where kind = 'timer'") == 200
    assert await real_lab.owner.fetchval("select count(*) from inbox") == 200
    assert await real_lab.owner.fetchval("select count(*) from timers") == 0


async def test_two_hosts_that_commit_the_same_inputs(real_lab: RealLab, database: str) -> None:
    """Exactly one wins, whatever versions they know; opposite order of the conversations does not deadlock."""
    shop = await real_lab.endpoint()
    async with await Database.open(database, Role.ENGINE, "second") as second:
        hosts = [real_lab.turns, PostgresTurns(second)]
        conversations = [await open_conversation(real_lab, shop, str(n)) for n in range(50)]
        for version in range(10):
            ids = [(await receive(real_lab, shop, ["x"], str(n)))[0] for n in range(50)]
            batches = [[turn(shop, c, version, [i], ["hi"]) for c, i in zip(conversations, ids, strict=True)] for _ in hosts]
            won = await asyncio.gather(hosts[0].commit(batches[0], []), hosts[1].commit(batches[1][::-1], []))
            assert [a + b for a, b in zip(won[0], won[1][::-1], strict=True)] == [1] * 50
    assert await real_lab.owner.fetchval("select count(*) from outbox") == 500
    assert set(await real_lab.owner.fetchrow("select min(version), max(version) from conversations")) == {10}


async def test_a_takeover_and_a_turn_meet(real_lab: RealLab) -> None:
    """Either the turn lost, or its row was withdrawn: nothing is left that the bot may send."""
    shop, sender = await real_lab.endpoint(), await carrier(real_lab, "sender")
    for n in range(40):
        (input_id,) = await receive(real_lab, shop, ["hi"], str(n))
        conversation = await open_conversation(real_lab, shop, str(n))
        commit = real_lab.turns.commit([turn(shop, conversation, 0, [input_id], ["hello"])], [])
        takeover = ConversationControl(real_lab.api).take_over(shop.tenant_id, conversation, "olga")
        claims, *_ = await asyncio.gather(claim_ids(real_lab, sender), *random.Random(n).sample([commit, takeover], 2))
        assert await real_lab.outbox.begin(sender, claims) == set()
        assert await claim_ids(real_lab, sender) == []
    assert await real_lab.owner.fetchval("select count(*) from outbox where state <> 'withdrawn'") == 0


async def test_two_claims_at_once_share_nothing(real_lab: RealLab) -> None:
    shop, sender = await real_lab.endpoint(), await carrier(real_lab, "sender")
    for n in range(100):
        conversation = await open_conversation(real_lab, shop, str(n))
        await real_lab.turns.commit([turn(shop, conversation, 0, replies=["hi"])], [])
    claims = await asyncio.gather(*(claim_ids(real_lab, sender) for _ in range(3)))
    ids = [i for part in claims for i in part]
    assert len(ids) == len(set(ids))
    assert len(set(ids) | set(await claim_ids(real_lab, sender))) == 100


async def test_floors_never_rise_above_an_input_that_is_still_being_stored(real_lab: RealLab, database: str) -> None:
    """Ids become visible out of order: a slow gateway's lower ids appear after the higher ones were handled."""
    shop, host = await real_lab.endpoint(), await carrier(real_lab)
    slow = await Database.open(database, Role.ENGINE, "slow")
    async with slow, slow.tenant_transaction(shop.tenant_id) as connection:
        row = [shop.tenant_id], [shop.integration_id], ["7"], [shop.address().partition], ["message"], ["slow"], [b"slow"]
        (held,) = await connection.fetch("select inbox_id from inbox_ingest($1, $2, $3, $4, $5, $6, $7)", *row)
        await receive(real_lab, shop, ["x"] * 200)
        await real_lab.owner.execute("update inbox set state = 'done' where state = 'pending'")
        for _ in range(3):
            await real_lab.owner.execute("update inbox_mark set at = '-infinity'")
            assert await real_lab.inbox.pull(host, [], [], [], 10) is None
    pulled = await real_lab.inbox.pull(host, [], [], [], 10)
    assert pulled is not None
    assert [r.id for r in pulled.rows] == [held["inbox_id"]]


async def test_floors_rise_behind_what_was_handled(real_lab: RealLab) -> None:
    shop, host = await real_lab.endpoint(), await carrier(real_lab)
    for _ in range(3):
        ids = await receive(real_lab, shop, ["x"] * 200)
        (waiting,) = await receive(real_lab, shop, ["waiting"], "other")
        await real_lab.owner.execute("update inbox set state = 'done' where id = any($1)", ids)
        await real_lab.owner.execute("update inbox_mark set at = '-infinity'")
        pulled = await real_lab.inbox.pull(host, [], [], [], 10)
        assert pulled is not None
        assert waiting in [r.id for r in pulled.rows]
    floors = dict(await real_lab.owner.fetch("select partition, id from inbox_floor"))
    assert floors[shop.address().partition] >= 200
    oldest: int = await real_lab.owner.fetchval("select min(id) from inbox where state = 'pending'")
    assert floors[Address(shop.integration_id, "other").partition] < oldest


async def test_an_unknown_generation_finds_nothing(real_lab: RealLab) -> None:
    shop, sender = await real_lab.endpoint(), await carrier(real_lab, "sender")
    conversation = await open_conversation(real_lab, shop)
    await real_lab.turns.commit([turn(shop, conversation, 0, replies=["hi"])], [])
    claims = await claim_ids(real_lab, sender)
    assert await real_lab.engine.fetchval("select outbox_begin($1, $2)", uuid4(), claims) == []
