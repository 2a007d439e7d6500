"""InboxStore: stored once, pulled fairly, never lost with a host."""

from dataclasses import replace
from uuid import uuid4

import pytest

from actors.domain.errors import OwnershipLost, TerminalError
from actors.domain.ids import Address, InboxId, IntegrationId
from actors.ports.inbox import NewInput
from actors.ports.turns import TimerRow
from tests.contract.labs import Lab, carrier, open_conversation, receive, turn


async def test_ids_rise_in_the_order_of_arrival(lab: Lab) -> None:
    shop = await lab.endpoint()
    inputs = [NewInput(shop.tenant_id, shop.address(), "message", key, key.encode()) for key in ("z", "a", "m")]
    ids = [s.inbox_id for s in await lab.inbox.ingest(inputs)]
    assert ids == sorted(ids)
    pulled = await lab.inbox.pull(await carrier(lab), [], [], [], 100)
    assert pulled is not None
    assert [r.raw for r in pulled.rows] == [b"z", b"a", b"m"]


async def test_a_dedupe_key_is_stored_once_within_and_across_batches(lab: Lab) -> None:
    shop = await lab.endpoint()
    first = NewInput(shop.tenant_id, shop.address(), "message", "telegram:1:1", b"first")
    assert [s.fresh for s in await lab.inbox.ingest([first, replace(first, raw=b"again")])] == [True, False]
    assert [s.fresh for s in await lab.inbox.ingest([first])] == [False]
    pulled = await lab.inbox.pull(await carrier(lab), [], [], [], 100)
    assert pulled is not None
    assert [r.raw for r in pulled.rows] == [b"first"]


async def test_one_refused_input_refuses_the_batch(lab: Lab) -> None:
    shop = await lab.endpoint()
    good = NewInput(shop.tenant_id, shop.address(), "message", "good", b"x")
    bad = NewInput(shop.tenant_id, Address(IntegrationId(uuid4()), "7"), "message", "bad", b"x")
    with pytest.raises(TerminalError):
        await lab.inbox.ingest([good, bad])
    assert [s.fresh for s in await lab.inbox.ingest([good])] == [True]


async def test_nothing_to_ingest_is_nothing(lab: Lab) -> None:
    assert await lab.inbox.ingest([]) == []


async def test_a_partition_gives_eight_at_a_time_and_not_what_is_in_hand(lab: Lab) -> None:
    shop, host = await lab.endpoint(), await carrier(lab)
    ids = await receive(lab, shop, [str(n) for n in range(20)])
    seen: list[InboxId] = []
    for expected in (8, 8, 4):
        pulled = await lab.inbox.pull(host, seen, [], [], 100)
        assert pulled is not None
        assert len(pulled.rows) == expected
        seen.extend(r.id for r in pulled.rows)
    assert seen == ids
    assert await lab.inbox.pull(host, seen, [], [], 100) is None


async def test_a_busy_customer_does_not_starve_a_new_one(lab: Lab) -> None:
    shop, host = await lab.endpoint(), await carrier(lab)
    await receive(lab, shop, ["x"] * 300, "busy")
    other = next(str(n) for n in range(100) if shop.address(str(n)).partition != shop.address("busy").partition)
    (new,) = await receive(lab, shop, ["hello"], other)
    pulled = await lab.inbox.pull(host, [], [], [], 100)
    assert pulled is not None
    assert new in [r.id for r in pulled.rows]


async def test_one_integration_gives_fifty_at_a_time(lab: Lab) -> None:
    shop, other, host = await lab.endpoint(), await lab.endpoint(), await carrier(lab)
    for n in range(60):
        await receive(lab, shop, ["a", "b"], f"c{n}")
    await receive(lab, other, ["hello"])
    pulled = await lab.inbox.pull(host, [], [], [], 500)
    assert pulled is not None
    by = [r.address.integration_id for r in pulled.rows]
    assert by.count(shop.integration_id) == 50
    assert by.count(other.integration_id) == 1


async def test_full_integrations_and_addresses_are_left_alone(lab: Lab) -> None:
    shop, other, host = await lab.endpoint(), await lab.endpoint(), await carrier(lab)
    await receive(lab, shop, ["a"], "full")
    (free,) = await receive(lab, shop, ["b"], "free")
    await receive(lab, other, ["c"])
    pulled = await lab.inbox.pull(host, [], [other.integration_id], [shop.address("full")], 100)
    assert pulled is not None
    assert [r.id for r in pulled.rows] == [free]


async def test_timers_take_at_most_half_of_a_pull(lab: Lab) -> None:
    shop, host = await lab.endpoint(), await carrier(lab)
    for n in range(12):
        conversation = await open_conversation(lab, shop, f"t{n}")
        assert await lab.turns.commit([turn(shop, conversation, 0, timers=[TimerRow("wake", 0.0, {})])], []) == [True]
    assert await lab.timers.fire(100) == 12
    await receive(lab, shop, ["hello"], "customer")
    pulled = await lab.inbox.pull(host, [], [], [], 10)
    assert pulled is not None
    assert [r.kind for r in pulled.rows].count("timer") == 5
    assert [r.kind for r in pulled.rows].count("message") == 1


async def test_hosts_pull_only_their_own_partitions(lab: Lab) -> None:
    shop = await lab.endpoint()
    hosts = [await carrier(lab, "host", part, 2) for part in (0, 1)]
    ids = [i for n in range(20) for i in await receive(lab, shop, ["x"], f"c{n}")]
    pulls = [await lab.inbox.pull(h, [], [], [], 100) for h in hosts]
    rows = [list(p.rows) for p in pulls if p]
    assert sorted(r.id for part in rows for r in part) == ids
    assert all(r.address.partition % 2 == part for part, of in enumerate(rows) for r in of)


async def test_an_old_generation_and_an_old_epoch_own_nothing(lab: Lab) -> None:
    old = await carrier(lab)
    new = await carrier(lab)
    with pytest.raises(OwnershipLost):
        await lab.inbox.pull(old, [], [], [], 10)
    with pytest.raises(OwnershipLost):
        await lab.inbox.suspects(old)
    assert await lab.inbox.pull(new, [], [], [], 10) is None
    await lab.new_epoch()
    with pytest.raises(OwnershipLost):
        await lab.inbox.pull(new, [], [], [], 10)


async def test_what_a_dead_host_had_in_hand_is_suspect_until_it_is_settled(lab: Lab) -> None:
    shop, dead = await lab.endpoint(), await carrier(lab)
    ids = await receive(lab, shop, ["a", "b", "c"])
    pulled = await lab.inbox.pull(dead, [], [], [], 10)
    assert pulled is not None
    conversation = await open_conversation(lab, shop)
    assert await lab.turns.commit([turn(shop, conversation, 0, ids[:1])], []) == [True]
    assert await lab.inbox.suspects(await carrier(lab)) == ids[1:]
    assert await lab.inbox.suspects(await carrier(lab)) == ids[1:]  # the second host died, too


async def test_a_finished_batch_leaves_no_suspects(lab: Lab) -> None:
    shop, host = await lab.endpoint(), await carrier(lab)
    ids = await receive(lab, shop, ["a"])
    pulled = await lab.inbox.pull(host, [], [], [], 10)
    assert pulled is not None
    conversation = await open_conversation(lab, shop)
    assert await lab.turns.commit([turn(shop, conversation, 0, ids)], [pulled.batch_id]) == [True]
    assert await lab.inbox.suspects(await carrier(lab)) == []


async def test_suspects_follow_their_partitions_when_the_number_of_hosts_changes(lab: Lab) -> None:
    shop, dead = await lab.endpoint(), await carrier(lab)
    ids = [i for n in range(10) for i in await receive(lab, shop, ["x"], f"c{n}")]
    assert await lab.inbox.pull(dead, [], [], [], 100)
    await lab.new_epoch()
    hosts = [await carrier(lab, "host", part, 2) for part in (0, 1)]
    found = [await lab.inbox.suspects(h) for h in hosts]
    assert sorted(i for part in found for i in part) == ids
    mine = {i: shop.address(f"c{n}").partition % 2 for n, i in enumerate(ids)}
    assert all(mine[i] == part for part, of in enumerate(found) for i in of)


async def test_living_hosts_have_no_suspects(lab: Lab) -> None:
    shop = await lab.endpoint()
    hosts = [await carrier(lab, "host", part, 2) for part in (0, 1)]
    for n in range(10):
        await receive(lab, shop, ["x"], f"c{n}")
    for host in hosts:
        assert await lab.inbox.pull(host, [], [], [], 100)
    assert [await lab.inbox.suspects(h) for h in hosts] == [[], []]


async def test_a_try_alone_is_counted_before_it_is_made(lab: Lab) -> None:
    shop = await lab.endpoint()
    first, second = await receive(lab, shop, ["a", "b"])
    for attempts in (1, 2):
        row = await lab.inbox.try_alone(first)
        assert row is not None
        assert (row.id, row.attempts, row.raw) == (first, attempts, b"a")
    assert await lab.inbox.try_alone(second) is None  # an older one of the conversation is still open
    assert (await lab.inbox_states())[second] == ("pending", 0)
    conversation = await open_conversation(lab, shop)
    assert await lab.turns.commit([turn(shop, conversation, 0, [first])], []) == [True]
    assert await lab.inbox.try_alone(first) is None
    assert (await lab.inbox.try_alone(second)) is not None
