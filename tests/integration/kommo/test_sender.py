"""Answers out: a real DeliveryActor on real PostgreSQL and Redis, the fake Kommo over real HTTP."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.integration.kommo.office import CHAT, Office
from tests.integration.kommo.sending import sending
from tests.integration.shop import Shop

Sender = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture
def sender(office: Office, database: str, redis_url: str) -> Sender:
    return lambda: sending(office, database, redis_url)


async def settled(shop: Shop) -> None:
    """Wait until no row is open or looked for."""
    await shop.until("not exists (select from outbox where state in ('pending', 'claimed', 'sending', 'unknown'))", 60.0)


async def test_answers_go_out_in_order_with_or_without_a_known_talk(office: Office, sender: Sender) -> None:
    account = await office.with_oauth()
    talk = await office.kommo.talk(CHAT)
    known = {"talk_id": str(talk["talk_id"]), "contact_id": str(talk["contact_id"])}
    await office.add_rows(account, {"text": "one", **known}, {"text": "two"}, {"text": "three", **known})
    async with sender():
        await office.shop.settled()
    sent = office.kommo.entries("message")
    assert [entry["text"] for entry in sent] == ["one", "two", "three"]
    rows = await office.shop.rows()
    assert {(r["state"], r["uncertain"], r["policy"]) for r in rows} == {("sent", 0, "once")}
    assert [r["provider_message_id"] for r in rows] == [entry["id"] for entry in sent]
    assert await office.shop.owner.fetchval("select sent from kommo_sends") == 3


@pytest.mark.parametrize("kind", ["hang_after", "reset_after", "error_504_after", "garbage_after"])
async def test_a_send_nobody_knows_of_is_found_and_never_repeated(office: Office, sender: Sender, kind: str) -> None:
    account = await office.with_token()
    talk = await office.kommo.talk(CHAT)
    await office.kommo.fault(kind, path="/send_message")
    await office.add_rows(account, {"text": "the same", "talk_id": talk["talk_id"]}, {"text": "the same", "talk_id": talk["talk_id"]})
    async with sender():
        await settled(office.shop)
    first, second = await office.shop.rows()
    assert (first["state"], first["uncertain"]) == ("sent", 1)
    assert (second["state"], second["uncertain"]) == ("sent", 0)
    sent = [entry["id"] for entry in office.kommo.entries("message")]
    assert len(sent) == 2  # each once
    assert [first["provider_message_id"], second["provider_message_id"]] == sent
    kinds = [r["kind"] for r in await office.shop.owner.fetch("select kind from activity_logs where kind like 'delivery.%' order by id")]
    assert kinds == ["delivery.unknown", "delivery.found"]


async def test_what_is_not_in_the_history_stays_in_doubt(office: Office, sender: Sender) -> None:
    account = await office.with_token()
    talk = await office.kommo.talk(CHAT)
    await office.kommo.fault("reset_before", path="/send_message")
    await office.add_rows(account, {"text": "lost", "talk_id": talk["talk_id"]}, {"text": "next", "talk_id": talk["talk_id"]})
    async with sender():
        await office.shop.until("exists (select from outbox where looks >= 2) and exists (select from outbox where state = 'sent')")
    lost, following = await office.shop.rows()
    assert (lost["state"], lost["uncertain"]) == ("unknown", 1)
    assert following["state"] == "sent"  # it does not wait for people
    assert dict(office.kommo.copies()) == {"next": 1}


async def test_without_quota_a_salesbot_answers_one_after_the_other(office: Office, sender: Sender) -> None:
    account = await office.with_token()
    await office.kommo.control("account", id=1, quota=1, bots={"77": 501})
    await office.set_bot(account, 77, 501)
    talk = await office.kommo.talk(CHAT)
    await office.add_rows(account, *({"text": text, "talk_id": talk["talk_id"]} for text in ("direct", "by bot", "by bot again")))
    async with sender():
        await office.shop.settled(60)
    async with asyncio.timeout(20):
        while sum(office.kommo.copies().values()) < 3:
            await asyncio.sleep(0.05)
    sent = office.kommo.entries("message")
    assert [(entry["text"], entry["author"]) for entry in sent] == [("direct", "internal"), ("by bot", "bot"), ("by bot again", "bot")]
    assert sent[2]["t"] - sent[1]["t"] > 8  # the field of the lead is not overwritten before the bot has read it
    assert {r["state"] for r in await office.shop.rows()} == {"sent"}
    assert len(office.kommo.requests("/send_message")) == 2  # refused once, not asked again
    assert "limit" in await office.shop.owner.fetchval("select quota_problem from kommo_accounts")
    echoes = "select e -> 'fields' ->> '501' from conversations, jsonb_array_elements(state -> 'echoes') e where kind = 'lead' order by 1"
    # What the sender writes into the lead is expected there, so that its webhook wakes no rule.
    assert [r[0] for r in await office.shop.owner.fetch(echoes)] == ["by bot", "by bot again"]


async def test_a_bot_run_nobody_knows_of_is_found_and_never_repeated(office: Office, sender: Sender) -> None:
    account = await office.with_token()
    await office.kommo.control("account", id=1, has_sending=False, bots={"77": 501})
    await office.set_bot(account, 77, 501)
    talk = await office.kommo.talk(CHAT)
    await office.kommo.fault("reset_after", path="/run")
    await office.add_rows(account, {"text": "hello", "talk_id": talk["talk_id"]})
    async with sender():
        await settled(office.shop)
    [row] = await office.shop.rows()
    assert (row["state"], row["uncertain"]) == ("sent", 1)
    assert dict(office.kommo.copies()) == {"hello": 1}


async def test_without_quota_and_bot_people_are_told_what_to_do(office: Office, sender: Sender) -> None:
    account = await office.with_token()
    await office.kommo.control("account", id=1, has_sending=False)
    talk = await office.kommo.talk(CHAT)
    await office.add_rows(account, {"text": "hello", "talk_id": talk["talk_id"]})
    async with sender():
        await office.shop.settled()
    [row] = await office.shop.rows()
    assert row["state"] == "failed"
    assert "tariff" in row["error"]
    assert "Salesbot" in row["error"]


async def test_a_missing_scope_is_no_reason_to_stop_answering(office: Office, sender: Sender) -> None:
    account = await office.with_oauth()
    await office.kommo.control("account", id=1, scopes=["crm"], bots={"77": 501})
    await office.set_bot(account, 77, 501)
    await office.kommo.talk(CHAT)
    await office.add_rows(account, {"text": "hello"})
    async with sender():
        await office.shop.settled()
    assert "scope" in await office.shop.owner.fetchval("select quota_problem from kommo_accounts")
    assert [r["state"] for r in await office.shop.rows()] == ["sent"]


async def test_a_closed_talk_is_followed_by_the_open_one(office: Office, sender: Sender) -> None:
    account = await office.with_token()
    old = await office.kommo.talk(CHAT)
    new = await office.kommo.talk(CHAT)  # closes the one before
    gone = await office.kommo.talk("other")
    await office.kommo.control("close", account=1, talk_id=gone["talk_id"])
    await office.add_rows(account, {"text": "hello", "talk_id": old["talk_id"]})
    await office.add_rows(account, {"text": "too late", "talk_id": gone["talk_id"]}, chat="other")
    async with sender():
        await office.shop.settled()
    hello, late = await office.shop.rows()
    assert hello["state"] == "sent"
    assert [entry["talk_id"] for entry in office.kommo.entries("message")] == [new["talk_id"]]
    assert late["state"] == "failed"
    assert "closed" in late["error"]


async def test_a_block_of_the_address_loses_nothing(office: Office, sender: Sender) -> None:
    account = await office.with_token()
    talk = await office.kommo.talk(CHAT)
    await office.kommo.control("block", seconds=600)
    await office.add_rows(account, {"text": "hello", "talk_id": talk["talk_id"]})
    async with sender():
        await office.shop.until(
            "exists (select from outbox where attempts = 1 and state = 'pending' and due_at > now() + interval '10 min')"
        )
    assert len(office.kommo.requests("/send_message")) == 1
    await office.kommo.control("block", seconds=0)
    await office.shop.owner.execute("update kommo_address set blocked_until = now()")
    await office.shop.owner.execute("update outbox set due_at = now()")
    async with sender():
        await office.shop.settled()
    assert dict(office.kommo.copies()) == {"hello": 1}


async def test_access_that_was_taken_back_breaks_the_integration(office: Office, sender: Sender) -> None:
    account = await office.with_oauth()
    talk = await office.kommo.talk(CHAT)
    await office.kommo.control("revoke", account=1)
    await office.add_rows(account, {"text": "hello", "talk_id": talk["talk_id"]})
    async with sender():
        await office.shop.until("exists (select from integrations where channel = 'kommo' and status = 'broken')")
    problem = await office.shop.owner.fetchval("select problem from integrations where channel = 'kommo'")
    assert "connect the account again" in problem
