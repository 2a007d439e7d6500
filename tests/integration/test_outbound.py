"""What a bot sends and what Telegram says to it, against real PostgreSQL, real Redis and the strict fake Bot API."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from actors.domain.ids import Address, IntegrationId
from storage.conversations import PostgresConversations
from storage.signals import RedisSignals
from tests.fakes.telegram_process import TelegramProcess
from tests.integration.sender_process import SenderProcess
from tests.integration.shop import Shop

_ADD = """
insert into outbox (tenant_id, conversation_id, integration_id, shard, turn_id, seq, class, policy, body)
select c.tenant_id, c.id, c.integration_id, g.shard, gen_random_uuid(), 0, $3, 'repeat_once', $2::jsonb
from conversations c join integrations g on g.id = c.integration_id where c.id = $1"""
_TIMER = """
insert into timers (tenant_id, conversation_id, kind, due_at)
select tenant_id, id, 'later', now() + interval '1 h' from conversations"""
_INPUT = """
insert into inbox (id, tenant_id, integration_id, key, partition, kind, raw)
values (nextval('inbox_id_seq'), $1, $2, $3, $4, 'message', '{}') returning id"""


@pytest.fixture
def sender(database: str, redis_url: str, tmp_path: Path, telegram: TelegramProcess) -> Iterator[SenderProcess]:
    process = SenderProcess(database, redis_url, tmp_path, telegram.url, lease_s=4.0, timeout_s=1.0)
    yield process
    process.kill()


async def add(shop: Shop, bot: IntegrationId, chat: int, delivery_class: str = "reply", **body: Any) -> int:
    """Put one row into the outbox; return its conversation."""
    [record] = await PostgresConversations(shop.engine).activate([(shop.tenant_id, Address(bot, str(chat)))])
    await shop.owner.execute(_ADD, record.id, orjson.dumps(body).decode(), delivery_class)
    return record.id


async def a_bot(shop: Shop, telegram: TelegramProcess, account: str = "700") -> tuple[IntegrationId, str]:
    bot, token = await shop.add_bot(account)
    await telegram.add_bot(token)
    return bot, token


async def counted(shop: Shop, name: str, at_least: int = 1) -> None:
    """Wait until the sender's status counts so many."""
    await shop.until(f"exists (select from carriers where kind = 'sender' and (status->>'{name}')::int >= {at_least})")


async def test_formatting_buttons_and_media_arrive(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    bot, _ = await a_bot(shop, telegram)
    await add(shop, bot, 1, text="Costs **5 €**", format="markdown", buttons=[[{"text": "Buy", "data": "buy"}]])
    await add(shop, bot, 2, text="the menu", media={"kind": "document", "url": "https://shop.example/menu.pdf"})
    await add(shop, bot, 3, media={"kind": "photo", "file_id": "AgAC"}, text="x" * 1025)
    sender.start(shop.epoch)
    await shop.settled()
    assert {r["state"] for r in await shop.rows()} == {"sent"}
    got: dict[int, list[Any]] = {}
    for entry in telegram.accepted():
        got.setdefault(entry["chat_id"], []).append(entry)
    assert (got[1][0]["text"], got[1][0]["entities"]) == ("Costs 5 €", [{"type": "bold", "offset": 6, "length": 3}])
    assert got[1][0]["inline_keyboard"] == [[{"text": "Buy", "callback_data": "buy"}]]
    assert (got[2][0]["document"], got[2][0]["caption"]) == ("https://shop.example/menu.pdf", "the menu")
    assert [("photo" in e, e.get("text")) for e in got[3]] == [(True, None), (False, "x" * 1025)]


async def test_refused_formatting_goes_out_plain_in_the_same_attempt(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    bot, _ = await a_bot(shop, telegram)
    await telegram.fault("cant_parse", times=1)
    await add(shop, bot, 1, text="Costs **5 €**", format="markdown")
    sender.start(shop.epoch)
    await shop.settled()
    [row] = await shop.rows()
    assert (row["state"], row["attempts"], row["uncertain"]) == ("sent", 1, 0)
    [entry] = telegram.accepted()
    assert entry["text"] == "Costs 5 €"
    assert "entities" not in entry
    await counted(shop, "sent_plain")


@pytest.mark.parametrize("url", ["https://shop.invalid/sizes.jpg", "https://localhost/sizes.jpg", "https://shop.example/sizes.html"])
async def test_a_picture_that_telegram_cannot_fetch_leaves_its_address(
    shop: Shop, telegram: TelegramProcess, sender: SenderProcess, url: str
) -> None:
    bot, _ = await a_bot(shop, telegram)
    await add(shop, bot, 1, text="Which one?", media={"kind": "photo", "url": url}, buttons=[[{"text": "Small", "data": "0"}]])
    await add(shop, bot, 2, text="y" * 2000, media={"kind": "photo", "url": url})
    sender.start(shop.epoch)
    await shop.settled()
    assert {(row["state"], row["attempts"], row["uncertain"]) for row in await shop.rows()} == {("sent", 1, 0)}
    short, long = sorted(telegram.accepted(), key=lambda entry: int(entry["chat_id"]))
    assert (short["text"], short["inline_keyboard"]) == (f"Which one?\n{url}", [[{"text": "Small", "callback_data": "0"}]])
    assert long["text"] == "y" * 2000 + f"\n{url}"
    await counted(shop, "sent_without_file", 2)


async def test_typing_is_shown_by_the_sender_that_owns_the_bot(
    shop: Shop, telegram: TelegramProcess, sender: SenderProcess, redis_url: str
) -> None:
    bot, _ = await a_bot(shop, telegram)
    sender.start(shop.epoch)
    async with RedisSignals(redis_url) as signals, asyncio.timeout(30):
        while (await telegram.control("state"))["calls"].get("sendChatAction", 0) == 0:
            await signals.typing(Address(bot, "5"))
            await signals.typing(Address(IntegrationId(uuid4()), "5"))  # somebody else's
            await asyncio.sleep(0.1)
    await counted(shop, "typing")


async def test_typing_that_hangs_is_never_in_the_way(shop: Shop, telegram: TelegramProcess, sender: SenderProcess, redis_url: str) -> None:
    bot, _ = await a_bot(shop, telegram)
    await telegram.fault("hang_before", method="sendChatAction", times=-1)
    sender.start(shop.epoch)
    async with RedisSignals(redis_url) as signals:
        async with asyncio.timeout(30):
            while (await telegram.control("state"))["calls"].get("sendChatAction", 0) == 0:
                await signals.typing(Address(bot, "5"))
                await asyncio.sleep(0.1)
        for chat in range(200):
            await signals.typing(Address(bot, str(chat)))
        await counted(shop, "typing_dropped")
        await add(shop, bot, 5, text="answer")
        await shop.settled(5.0)
    assert [e["text"] for e in telegram.accepted()] == ["answer"]
    await counted(shop, "typing_failed")


async def test_a_contact_that_blocked_the_bot_is_left_alone(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    bot, _ = await a_bot(shop, telegram)
    await telegram.fault("forbidden", chat="5", times=-1)
    gone = await add(shop, bot, 5, text="first")
    for n in range(3):
        await add(shop, bot, 5, "step", text=f"step {n}")
    other = await add(shop, bot, 6, text="spared")
    await shop.owner.execute(_TIMER)
    before = await shop.owner.fetchval("select version from conversations where id = $1", gone)
    sender.start(shop.epoch)
    await shop.settled()
    rows = await shop.rows()
    assert [(r["text"], r["state"], r["attempts"]) for r in rows if r["conversation_id"] == gone] == [
        ("first", "failed", 1),
        *((f"step {n}", "failed", 0) for n in range(3)),
    ]
    assert [r["state"] for r in rows if r["conversation_id"] == other] == ["sent"]
    assert [r["conversation_id"] for r in await shop.owner.fetch("select conversation_id from timers")] == [other]
    marked = await shop.owner.fetchrow("select version, state->>'blocked' as blocked from conversations where id = $1", gone)
    assert marked is not None
    assert (marked["version"], marked["blocked"]) == (before + 1, "true")
    assert await shop.owner.fetchval("select count(*) from activity_logs where kind = 'contact.unreachable'") == 1
    await counted(shop, "unreachable")


async def test_a_group_that_became_a_supergroup_is_followed(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    bot, token = await a_bot(shop, telegram)
    group = await add(shop, bot, -5, text="one")
    await add(shop, bot, -5, text="two")
    old, new = Address(bot, "-5"), Address(bot, "-1005")
    waiting = await shop.owner.fetchval(_INPUT, shop.tenant_id, bot, old.key, old.partition)
    await shop.owner.execute("update inbox_floor set id = $1 where partition = $2", waiting + 1000, new.partition)
    await telegram.control("moved", token=token, chat=-5, to=-1005)
    sender.start(shop.epoch)
    await shop.settled()
    assert [(e["chat_id"], e["text"]) for e in telegram.accepted()] == [(-1005, "one"), (-1005, "two")]
    assert {(r["state"], r["uncertain"]) for r in await shop.rows()} == {("sent", 0)}
    row = await shop.owner.fetchrow("select key, partition from conversations where id = $1", group)
    assert row is not None
    assert (row["key"], row["partition"]) == (new.key, new.partition)
    moved = await shop.owner.fetchrow("select key, partition from inbox where id = $1", waiting)
    assert moved is not None
    assert (moved["key"], moved["partition"]) == (new.key, new.partition)
    assert await shop.owner.fetchval("select id from inbox_floor where partition = $1", new.partition) < waiting
    await counted(shop, "moved")


async def test_a_supergroup_that_wrote_first_gets_what_waited(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    bot, token = await a_bot(shop, telegram)
    await add(shop, bot, -5, text="one")
    await add(shop, bot, -5, text="two")
    newer = await add(shop, bot, -1005, text="three")
    await telegram.control("moved", token=token, chat=-5, to=-1005)
    sender.start(shop.epoch)
    await shop.settled()
    assert sorted((e["chat_id"], e["text"]) for e in telegram.accepted()) == [(-1005, t) for t in ("one", "three", "two")]
    assert {(r["state"], r["uncertain"], r["conversation_id"]) for r in await shop.rows()} == {("sent", 0, newer)}
