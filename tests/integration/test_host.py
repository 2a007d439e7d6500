"""The conversation host on real PostgreSQL: races, deaths, poison, takeover, standstill."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from actors.domain.errors import OwnershipLost
from actors.runtime.host.conversation_host import ConversationHost
from storage.conversations import ConversationControl
from storage.inbox import PostgresInbox
from storage.postgres import Database, Role
from tests.integration.host_lab import CHAIN, Died, HostLab, Verdict, check, new_epoch
from tests.integration.shop import open_shop

VERSION_GAPS = """
select count(*) from (
  select version - lag(version, 1, 0) over (partition by conversation_id order by version) as step
  from (select distinct conversation_id, version from messages) v
) s where step <> 1"""


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    async with open_shop(database, tmp_path) as shop:
        yield HostLab(shop)


async def test_two_hosts_that_own_everything(lab: HostLab, database: str) -> None:
    """Every webhook twice, by two gateways in opposite order; random deaths; two poison messages. Nothing lost, doubled, out of order."""
    rng, load = random.Random(7), random.Random(8)  # what the hosts draw depends on time; who writes what must not
    agent = await lab.add_agent(CHAIN)
    integrations = [await lab.add_integration(agent) for _ in range(3)]
    await new_epoch(lab.shop, 2)
    gateways = [await Database.open(database, Role.ENGINE, f"gateway {n}", size=1) for n in range(2)]
    acknowledged: dict[str, list[str]] = defaultdict(list)

    def racing(part: int) -> Callable[[Database], ConversationHost]:
        return lambda db: lab.host(part, 2, database=db, greedy=True, rng=rng, deadly=0.04)

    async with lab.kept_alive(database, racing(0), racing(1)):
        sent = 0
        while sent < 1200:
            news = []
            for chat in load.sample(range(1, 61), 20):
                sent += 1
                text = f"{chat}:{sent}" + (" poison" if sent in (300, 800) else "")
                acknowledged[str(chat)].append(text)
                news.append(lab.message(integrations[chat % 3], chat, sent, text))
            await asyncio.gather(PostgresInbox(gateways[0]).ingest(news), PostgresInbox(gateways[1]).ingest(news[::-1]))
            await asyncio.sleep(0.005)
        await lab.settled(60)
    for gateway in gateways:
        await gateway.close()
    assert await check(lab.shop.owner, acknowledged) == Verdict()
    # Poison in two conversations: in one of them, the second would be a turn without a message.
    dead = [json.loads(r["raw"])["message"]["text"] for r in await lab.shop.owner.fetch("select raw from inbox where state = 'dead'")]
    assert sorted(text.split()[-1] for text in dead) == ["poison", "poison"]
    assert len({text.split(":")[0] for text in dead}) == 2
    assert lab.deaths >= 8
    assert lab.fenced > 0
    assert await lab.shop.owner.fetchval(VERSION_GAPS) == 0


async def test_poison_in_a_full_mailbox_is_one_dead_letter(lab: HostLab, database: str) -> None:
    agent = await lab.add_agent(CHAIN)
    bot = await lab.add_integration(agent)
    acknowledged: dict[str, list[str]] = defaultdict(list)
    news = []
    for n in range(1, 81):
        chat = 500 if n % 4 == 0 else 500 + n
        acknowledged[str(chat)].append(f"{chat}:{n}" + (" poison" if n == 40 else ""))
        news.append(lab.message(bot, chat, n, acknowledged[str(chat)][-1]))
    await PostgresInbox(lab.shop.engine).ingest(news)
    async with lab.kept_alive(database, lambda db: lab.host(database=db)):
        await lab.settled(30)
    assert await check(lab.shop.owner, acknowledged) == Verdict()
    rows = await lab.shop.owner.fetch("select raw, state, attempts, reason from inbox where attempts > 1 or state <> 'done'")
    assert [(r["state"], r["attempts"]) for r in rows] == [("dead", 4)]
    assert b"poison" in rows[0]["raw"]
    assert lab.deaths == 4  # once with everything in hand, three times alone
    told = await lab.shop.owner.fetch("select data from activity_logs where kind = 'message.dead'")
    assert len(told) == 1
    handed_off = await lab.shop.owner.fetchval("select count(*) from messages where mode = 'handoff'")
    assert handed_off == 1


async def test_a_drained_host_leaves_no_suspects(lab: HostLab) -> None:
    agent = await lab.add_agent({"persona": {**CHAIN["persona"], "debounce_s": 30.0}})
    bot = await lab.add_integration(agent)
    await PostgresInbox(lab.shop.engine).ingest([lab.message(bot, 1, n, f"1:{n}") for n in range(5)])
    async with lab.running(lab.host()) as host:
        async with asyncio.timeout(30):
            while host.status()["in_hand"] < 5:
                await asyncio.sleep(0.02)
    assert await lab.counts("batches", "messages") == {"batches": 0, "messages": 0}
    assert await lab.shop.owner.fetchval("select count(*) from inbox where state = 'pending' and attempts = 0") == 5


async def test_an_older_generation_stops(lab: HostLab) -> None:
    agent = await lab.add_agent(CHAIN)
    bot = await lab.add_integration(agent)
    old = asyncio.create_task(lab.host().run())
    await asyncio.sleep(0.3)
    async with lab.running(lab.host()):
        with pytest.raises(OwnershipLost):
            await asyncio.wait_for(old, 5)
        await PostgresInbox(lab.shop.engine).ingest([lab.message(bot, 1, 1, "1:1")])
        await lab.settled()
    assert await check(lab.shop.owner, {"1": ["1:1"]}) == Verdict()


async def test_takeover_silences_the_bot(lab: HostLab) -> None:
    """The activation in memory does not know of the takeover; its commit is refused, and the turn is done again in silence."""
    agent = await lab.add_agent(CHAIN)
    bot = await lab.add_integration(agent)
    inbox = PostgresInbox(lab.shop.engine)
    async with lab.running(lab.host()) as host:
        await inbox.ingest([lab.message(bot, 1, 1, "1:1")])
        await lab.settled()
        conversation_id = await lab.shop.owner.fetchval("select id from conversations")
        control = ConversationControl(lab.shop.api)
        await control.take_over(lab.shop.tenant_id, conversation_id, "test")
        await inbox.ingest([lab.message(bot, 1, 2, "1:2")])
        await lab.settled()
        assert await lab.counts("outbox") == {"outbox": 1}
        await control.give_back(lab.shop.tenant_id, conversation_id, "test")
        await inbox.ingest([lab.message(bot, 1, 3, "1:3")])
        await lab.settled()
        assert host.status()["fence_rejections"] == 2
    texts = [json.loads(r["body"])["texts"] for r in await lab.shop.owner.fetch("select body->>'text' as body from outbox order by id")]
    assert texts == [["1:1"], ["1:3"]]
    assert [r["body"] for r in await lab.shop.owner.fetch("select body from messages where role = 'customer' order by id")] == [
        "1:1",
        "1:2",
        "1:3",
    ]


async def test_one_unreadable_update_is_dead_alone(lab: HostLab) -> None:
    agent = await lab.add_agent(CHAIN)
    bot = await lab.add_integration(agent)
    good = [lab.message(bot, 1, n, f"1:{n}") for n in (1, 3)]
    bad = lab.message(bot, 1, 2, "1:2")
    bad = type(bad)(bad.tenant_id, bad.address, bad.kind, bad.dedupe_key, b'{"update_id": 2, "message": [\x00]}')
    nul = lab.message(bot, 1, 4, "1:4\x00\ud800")
    await PostgresInbox(lab.shop.engine).ingest([good[0], bad, good[1], nul])
    async with lab.running(lab.host()):
        await lab.settled()
    rows = await lab.shop.owner.fetch("select state, reason from inbox order by id")
    assert [r["state"] for r in rows] == ["done", "dead", "done", "done"]
    assert rows[1]["reason"]
    bodies = [r["body"] for r in await lab.shop.owner.fetch("select body from messages where role = 'customer' order by id")]
    assert bodies == ["1:1", "1:3", "1:4"]


async def test_standing_still_drops_everything_and_goes_on(lab: HostLab, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = await lab.add_agent({"persona": {**CHAIN["persona"], "debounce_s": 1.0}})
    bot = await lab.add_integration(agent)
    async with lab.running(lab.host()) as host:
        await PostgresInbox(lab.shop.engine).ingest([lab.message(bot, 1, n, f"1:{n}") for n in range(3)])
        async with asyncio.timeout(30):
            while host.status()["in_hand"] < 3:
                await asyncio.sleep(0.02)
        (before,) = host._roster.values()
        monkeypatch.setattr(host._gap, "_seen", host._gap._seen - 10.0)
        async with asyncio.timeout(30):
            while before in list(host._roster.values()):
                await asyncio.sleep(0.005)
        await lab.settled()
    assert await check(lab.shop.owner, {"1": ["1:0", "1:1", "1:2"]}) == Verdict()
    assert await lab.counts("batches") == {"batches": 0}


def test_died_is_seen_by_no_handler() -> None:
    assert not issubclass(Died, Exception)
