"""Answers out: a sender as `callboard run` composes it, real PostgreSQL and Redis, the fake Kommo over real HTTP."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.kommo.process import KommoProcess
from tests.integration.kommo.office import CHAT, Office
from tests.integration.sender_process import SenderProcess
from tests.integration.shop import Shop

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def sender(database: str, redis_url: str, tmp_path: Path, kommo: KommoProcess) -> Iterator[SenderProcess]:
    process = SenderProcess(database, redis_url, tmp_path, NOWHERE, lease_s=6.0, timeout_s=2.0, kommo=kommo.url)
    yield process
    process.kill()


async def settled(shop: Shop) -> None:
    """Wait until no row is open or looked for."""
    await shop.until("not exists (select from outbox where state in ('pending', 'claimed', 'sending', 'unknown'))", 40.0)


async def test_answers_go_out_in_order_with_or_without_a_known_talk(office: Office, sender: SenderProcess) -> None:
    account = await office.with_oauth()
    talk = await office.kommo.talk(CHAT)
    known = {"talk_id": str(talk["talk_id"]), "contact_id": str(talk["contact_id"])}
    await office.add_rows(account, {"text": "one", **known}, {"text": "two"}, {"text": "three", **known})
    sender.start(office.shop.epoch)
    await office.shop.settled()
    sent = office.kommo.entries("message")
    assert [entry["text"] for entry in sent] == ["one", "two", "three"]
    rows = await office.shop.rows()
    assert {(r["state"], r["uncertain"], r["policy"]) for r in rows} == {("sent", 0, "once")}
    assert [r["provider_message_id"] for r in rows] == [entry["id"] for entry in sent]
    assert await office.shop.owner.fetchval("select sent from kommo_sends") == 3


@pytest.mark.parametrize("kind", ["hang_after", "reset_after", "error_504_after", "garbage_after"])
async def test_a_send_nobody_knows_of_is_found_and_never_repeated(office: Office, sender: SenderProcess, kind: str) -> None:
    account = await office.with_token()
    talk = await office.kommo.talk(CHAT)
    await office.kommo.fault(kind, path="/send_message")
    await office.add_rows(account, {"text": "the same", "talk_id": talk["talk_id"]}, {"text": "the same", "talk_id": talk["talk_id"]})
    sender.start(office.shop.epoch)
    await settled(office.shop)
    first, second = await office.shop.rows()
    assert (first["state"], first["uncertain"]) == ("sent", 1)
    assert (second["state"], second["uncertain"]) == ("sent", 0)
    sent = [entry["id"] for entry in office.kommo.entries("message")]
    assert len(sent) == 2  # each once
    assert [first["provider_message_id"], second["provider_message_id"]] == sent
    kinds = [r["kind"] for r in await office.shop.owner.fetch("select kind from activity_logs where kind like 'delivery.%' order by id")]
    assert kinds == ["delivery.unknown", "delivery.found"]


async def test_what_is_not_in_the_history_stays_in_doubt(office: Office, sender: SenderProcess) -> None:
    account = await office.with_token()
    talk = await office.kommo.talk(CHAT)
    await office.kommo.fault("reset_before", path="/send_message")
    await office.add_rows(account, {"text": "lost", "talk_id": talk["talk_id"]}, {"text": "next", "talk_id": talk["talk_id"]})
    sender.start(office.shop.epoch)
    await office.shop.until("exists (select from outbox where looks >= 2)")
    lost, following = await office.shop.rows()
    assert (lost["state"], lost["uncertain"]) == ("unknown", 1)
    assert following["state"] == "sent"  # it does not wait for people
    assert dict(office.kommo.copies()) == {"next": 1}


@pytest.mark.parametrize("point", ["sender.before_begin", "sender.after_begin", "sender.after_send"])
async def test_killed_while_sending(office: Office, sender: SenderProcess, point: str) -> None:
    account = await office.with_token()
    for chat in range(6):
        talk = await office.kommo.talk(f"chat-{chat}")
        await office.add_rows(account, *({"text": f"{chat}/{n}", "talk_id": talk["talk_id"]} for n in range(2)), chat=f"chat-{chat}")
    for nth in (1, 2, 1):
        sender.start(office.shop.epoch, f"{point}:{nth}")
        async with asyncio.timeout(30):
            while sender.ended() is None:
                await office.shop.expire()
                await asyncio.sleep(0.05)
        assert sender.ended() == -signal.SIGKILL
    sender.start(office.shop.epoch)
    await office.shop.until(
        "not exists (select from outbox where state in ('pending', 'claimed', 'sending') or (state = 'unknown' and looks < 2))", 40.0
    )
    copies = office.kommo.copies()
    assert set(copies.values()) <= {1}
    for row in await office.shop.rows():
        assert (row["state"] == "sent") == (copies[row["text"]] == 1), dict(row)
        assert row["state"] in ("sent", "unknown")


async def test_killed_from_outside_while_kommo_hangs(office: Office, sender: SenderProcess) -> None:
    account = await office.with_token()
    talk = await office.kommo.talk(CHAT)
    await office.kommo.fault("hang_after", path="/send_message")
    await office.add_rows(account, {"text": "hello", "talk_id": talk["talk_id"]})
    sender.start(office.shop.epoch)
    async with asyncio.timeout(20):
        while not office.kommo.copies():
            await asyncio.sleep(0.02)
    sender.kill()
    sender.start(office.shop.epoch)
    await settled(office.shop)
    [row] = await office.shop.rows()
    assert (row["state"], row["uncertain"]) == ("sent", 1)
    assert dict(office.kommo.copies()) == {"hello": 1}


async def test_without_quota_a_salesbot_answers_one_after_the_other(office: Office, sender: SenderProcess) -> None:
    account = await office.with_token()
    await office.kommo.control("account", id=1, quota=1, bots={"77": 501})
    await office.set_bot(account, 77, 501)
    talk = await office.kommo.talk(CHAT)
    await office.add_rows(account, *({"text": text, "talk_id": talk["talk_id"]} for text in ("direct", "by bot", "by bot again")))
    sender.start(office.shop.epoch)
    await office.shop.settled(60)
    async with asyncio.timeout(5):
        while sum(office.kommo.copies().values()) < 3:
            await asyncio.sleep(0.05)
    sent = office.kommo.entries("message")
    assert [(entry["text"], entry["author"]) for entry in sent] == [("direct", "internal"), ("by bot", "bot"), ("by bot again", "bot")]
    assert sent[2]["t"] - sent[1]["t"] > 8  # the field of the lead is not overwritten before the bot has read it
    assert {r["state"] for r in await office.shop.rows()} == {"sent"}
    assert len(office.kommo.requests("/send_message")) == 2  # refused once, not asked again
    assert "limit" in await office.shop.owner.fetchval("select quota_problem from kommo_accounts")


async def test_without_quota_and_bot_people_are_told_what_to_do(office: Office, sender: SenderProcess) -> None:
    account = await office.with_token()
    await office.kommo.control("account", id=1, has_sending=False)
    talk = await office.kommo.talk(CHAT)
    await office.add_rows(account, {"text": "hello", "talk_id": talk["talk_id"]})
    sender.start(office.shop.epoch)
    await office.shop.settled()
    [row] = await office.shop.rows()
    assert row["state"] == "failed"
    assert "tariff" in row["error"]
    assert "Salesbot" in row["error"]


async def test_a_closed_talk_is_followed_by_the_open_one(office: Office, sender: SenderProcess) -> None:
    account = await office.with_token()
    old = await office.kommo.talk(CHAT)
    new = await office.kommo.talk(CHAT)  # closes the one before
    gone = await office.kommo.talk("other")
    await office.kommo.control("close", account=1, talk_id=gone["talk_id"])
    await office.add_rows(account, {"text": "hello", "talk_id": old["talk_id"]})
    await office.add_rows(account, {"text": "too late", "talk_id": gone["talk_id"]}, chat="other")
    sender.start(office.shop.epoch)
    await office.shop.settled()
    hello, late = await office.shop.rows()
    assert hello["state"] == "sent"
    assert [entry["talk_id"] for entry in office.kommo.entries("message")] == [new["talk_id"]]
    assert late["state"] == "failed"
    assert "closed" in late["error"]


async def test_a_block_of_the_address_loses_nothing(office: Office, sender: SenderProcess) -> None:
    account = await office.with_token()
    talk = await office.kommo.talk(CHAT)
    await office.kommo.control("block", seconds=600)
    await office.add_rows(account, {"text": "hello", "talk_id": talk["talk_id"]})
    sender.start(office.shop.epoch)
    await office.shop.until(
        "exists (select from outbox where attempts = 1 and state = 'pending' and due_at > now() + interval '10 minutes')"
    )
    assert len(office.kommo.requests("/send_message")) == 1
    sender.kill()
    await office.kommo.control("block", seconds=0)
    await office.shop.owner.execute("update kommo_address set blocked_until = now()")
    await office.shop.owner.execute("update outbox set due_at = now()")
    sender.start(office.shop.epoch)
    await office.shop.settled()
    assert dict(office.kommo.copies()) == {"hello": 1}


async def test_access_that_was_taken_back_breaks_the_integration(office: Office, sender: SenderProcess) -> None:
    account = await office.with_oauth()
    talk = await office.kommo.talk(CHAT)
    await office.kommo.control("revoke", account=1)
    await office.add_rows(account, {"text": "hello", "talk_id": talk["talk_id"]})
    sender.start(office.shop.epoch)
    await office.shop.until("exists (select from integrations where channel = 'kommo' and status = 'broken')")
    problem = await office.shop.owner.fetchval("select problem from integrations where channel = 'kommo'")
    assert "connect the account again" in problem
