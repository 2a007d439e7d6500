"""A Salesbot asks for the answer: from Kommo's request through the gateway, a host and a sender back to Kommo."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from actors.domain.ids import IntegrationId
from actors.ports.kommo import KommoAccount
from integrations.kommo.account_api import subscribe
from integrations.kommo.continuing import Continuing
from storage.housekeeping import Housekeeping
from storage.kommo_salesbots import PostgresSalesbots
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.host_lab import HostLab
from tests.integration.kommo.office import CHAT, Office
from tests.integration.kommo.sending import sending
from tests.integration.sender_process import SenderProcess

Sender = Callable[[], AbstractAsyncContextManager[None]]
LONG = "Delivery is tomorrow, between nine and eleven in the morning; the courier will call you half an hour before."
SCRIPTS = [
    {"id": "delivery", "keywords": ["delivery"], "answer": {"en": "Tomorrow"}},
    {"id": "when", "keywords": ["when"], "answer": {"en": LONG}},
]
SHOP = {"persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0.05}, "scripts": SCRIPTS}
ASKED = "kind = 'event' and convert_from(raw, 'UTF8') like '%asked%'"
SECRET = "secret-1"  # of the integration with which the office is connected


@pytest.fixture
def sender(office: Office, database: str, redis_url: str) -> Sender:
    return lambda: sending(office, database, redis_url)


@pytest.fixture
async def gateway(office: Office, database: str, redis_url: str, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    async with GatewayProcess(database, redis_url, tmp_path, {"CALLBOARD_KOMMO_API": office.kommo.url}) as opened:
        yield opened


async def hook_of(office: Office, account: KommoAccount) -> str:
    secret = await office.connections.webhook_secret(account.tenant_id, office.shop.agent_id, account.integration_id)
    return f"/webhooks/kommo/{account.integration_id}/{secret}"


async def asking(office: Office, gateway: GatewayProcess, account: KommoAccount, **bot: Any) -> None:
    """Let a Salesbot ask the gateway whenever a customer writes; the plan has no direct way."""
    await office.kommo.control("account", id=1, has_sending=False)
    url = f"{gateway.url}{await hook_of(office, account)}/widget"
    await office.kommo.control("asking-bot", account=1, id=77, url=url, secret=SECRET, **bot)


async def kept(office: Office, *paths: int, lead: int) -> None:
    """Put bots that wait into the store, as turns do, the last one the newest."""
    for age, number in enumerate(reversed(paths)):
        await office.shop.owner.execute(
            """insert into kommo_asks (tenant_id, integration_id, path, entity, asked_at)
            select tenant_id, integration_id, $1, $2, now() - $3 * interval '1 second' from kommo_accounts""",
            f"/api/v4/salesbot/77/continue/{number}",
            f"lead:{lead}",
            age,
        )
    await office.shop.owner.execute("update kommo_accounts set asked_at = now()")


async def left(office: Office) -> list[str]:
    return [row[0] for row in await office.shop.owner.fetch("select path from kommo_asks order by path")]


@pytest.mark.parametrize("bot", [{}, {"form": True, "algorithm": "HS512"}, {"times": 3}], ids=["json", "form", "repeated"])
async def test_a_message_by_webhook_and_by_request_is_answered_once(
    office: Office, gateway: GatewayProcess, sender: Sender, bot: dict[str, Any]
) -> None:
    lab = HostLab(office.shop)
    office.shop.agent_id = await lab.add_agent(SHOP)
    account = await office.with_oauth()
    await subscribe(office.client(), account, f"{gateway.url}{await hook_of(office, account)}")
    await asking(office, gateway, account, **bot)
    talk = await office.kommo.talk(CHAT)
    async with lab.running(lab.host()), sender():
        wrote = await office.kommo.control("customer", account=1, talk_id=talk["talk_id"], text="delivery?")
        assert (wrote["statuses"], wrote["asked"]) == ([200], [200])
        await office.shop.until("exists (select from outbox where state = 'sent')")
        await office.kommo.control("customer", account=1, talk_id=talk["talk_id"], text="when?")
        await office.shop.until("(select count(*) from outbox where state = 'sent') = 2")
        await lab.settled()
        await asyncio.sleep(1.0)  # what would be said twice would be said now
    sent = [(entry["text"], entry["author"]) for entry in office.kommo.entries("message")]
    assert sent == [("Tomorrow", "bot"), (LONG, "bot")]
    assert len(office.kommo.requests("/send_message")) == 1  # refused once, not asked again
    assert await left(office) == []
    counts = await office.shop.owner.fetchrow(
        f"""select (select count(*) from messages where role = 'customer'), (select count(*) from messages where role = 'agent'),
        (select count(*) from inbox where {ASKED}), (select count(*) from activity_logs where kind = 'salesbot.asked'),
        (select string_agg(control, ',') from conversations where key = $1)""",
        CHAT,
    )
    assert counts is not None
    assert tuple(counts) == (2, 2, 2, 2, "bot")  # the bot's own words silence nobody
    raws = await office.shop.owner.fetchval(f"select string_agg(convert_from(raw, 'UTF8'), '') from inbox where {ASKED}")
    assert "token" not in raws


async def test_a_request_that_comes_after_the_answer_was_ready_is_awaited(office: Office, sender: Sender) -> None:
    account = await office.with_token()
    await office.kommo.control("account", id=1, has_sending=False)
    await office.kommo.control("asking-bot", account=1, id=77, url="http://127.0.0.1:9/", secret=SECRET)
    talk = await office.kommo.talk(CHAT)
    await office.kommo.control("customer", account=1, talk_id=talk["talk_id"], text="delivery?")
    number = (await office.kommo.control("waiting", account=1))[0]
    await office.shop.owner.execute("update kommo_accounts set asked_at = now() - interval '1 day'")
    await office.add_rows(account, {"text": "Tomorrow", "talk_id": talk["talk_id"]})
    async with sender():
        await office.shop.until("exists (select from outbox where attempts = 1)")
        await kept(office, number, lead=talk["entity_id"])
        await office.shop.settled()
    assert dict(office.kommo.copies()) == {"Tomorrow": 1}


async def test_a_bot_that_has_gone_on_is_passed_by(office: Office, sender: Sender) -> None:
    account = await office.with_token()
    await office.kommo.control("account", id=1, has_sending=False, bots={"78": 501})
    await office.set_bot(account, 78, 501)
    await office.kommo.control("asking-bot", account=1, id=77, url="http://127.0.0.1:9/", secret=SECRET)
    talk = await office.kommo.talk(CHAT)
    await office.kommo.control("customer", account=1, talk_id=talk["talk_id"], text="delivery?")
    number = (await office.kommo.control("waiting", account=1))[0]
    await kept(office, number, 11, 12, lead=talk["entity_id"])
    texts = ("by the one that waits", "by the bot with a field")
    await office.add_rows(account, *({"text": text, "talk_id": talk["talk_id"]} for text in texts))
    async with sender():
        await office.shop.settled(60)
        await office.kommo.until("/run", 1)
        await asyncio.sleep(1.0)
    sent = office.kommo.entries("message")
    assert [entry["text"] for entry in sent] == list(texts)
    assert sent[1]["t"] - sent[0]["t"] > 8  # one bot of a lead at a time
    assert [entry["status"] for entry in office.kommo.entries("request") if "/continue/" in entry["path"]] == [404, 404, 202]
    assert await left(office) == []


@pytest.mark.parametrize("kind", ["hang_after", "reset_after", "error_504_after"])
async def test_an_answer_nobody_knows_of_is_found_and_never_repeated(office: Office, sender: Sender, kind: str) -> None:
    account = await office.with_token()
    await office.kommo.control("account", id=1, has_sending=False, bots={"78": 501})
    await office.set_bot(account, 78, 501)
    await office.kommo.control("asking-bot", account=1, id=77, url="http://127.0.0.1:9/", secret=SECRET)
    talk = await office.kommo.talk(CHAT)
    await office.kommo.control("customer", account=1, talk_id=talk["talk_id"], text="delivery?")
    number = (await office.kommo.control("waiting", account=1))[0]
    await office.kommo.fault(kind, path=f"/continue/{number}")
    await kept(office, number, lead=talk["entity_id"])
    await office.add_rows(account, {"text": "Tomorrow", "talk_id": talk["talk_id"]})
    async with sender():
        await office.shop.until("exists (select from outbox where state = 'sent')", 60)
    [row] = await office.shop.rows()
    assert (row["state"], row["uncertain"]) == ("sent", 1)
    assert dict(office.kommo.copies()) == {"Tomorrow": 1}
    assert await left(office) == []


async def test_a_bot_that_got_nothing_goes_on_waiting(office: Office, sender: Sender) -> None:
    account = await office.with_token()
    await office.kommo.control("account", id=1, has_sending=False)
    await office.kommo.control("asking-bot", account=1, id=77, url="http://127.0.0.1:9/", secret=SECRET)
    talk = await office.kommo.talk(CHAT)
    await office.kommo.control("customer", account=1, talk_id=talk["talk_id"], text="delivery?")
    number = (await office.kommo.control("waiting", account=1))[0]
    await office.kommo.fault("too_many", path=f"/continue/{number}")
    await kept(office, number, lead=talk["entity_id"])
    await office.add_rows(account, {"text": "Tomorrow", "talk_id": talk["talk_id"]})
    async with sender():
        await office.shop.settled()
    assert dict(office.kommo.copies()) == {"Tomorrow": 1}
    assert [entry["status"] for entry in office.kommo.requests(f"/continue/{number}")] == [429, 202]


@pytest.mark.parametrize("talk_id", ["the open one", "none"])
async def test_an_account_that_does_not_know_the_direct_way_answers_by_the_bot(office: Office, sender: Sender, talk_id: str) -> None:
    account = await office.with_token()
    await office.kommo.control("account", id=1, knows_sending=False)
    await office.kommo.control("asking-bot", account=1, id=77, url="http://127.0.0.1:9/", secret=SECRET)
    talk = await office.kommo.talk(CHAT)
    await office.kommo.control("customer", account=1, talk_id=talk["talk_id"], text="delivery?")
    await kept(office, (await office.kommo.control("waiting", account=1))[0], lead=talk["entity_id"])
    body = {"text": "Tomorrow"} | ({"talk_id": talk["talk_id"]} if talk_id == "the open one" else {})
    await office.add_rows(account, body)
    async with sender():
        await office.shop.settled()
    assert dict(office.kommo.copies()) == {"Tomorrow": 1}
    assert len(office.kommo.requests("/send_message")) == 2  # it is open, so it is the method that is not there


async def test_without_a_bot_that_waits_people_are_told(office: Office, sender: Sender) -> None:
    account = await office.with_token()
    await office.kommo.control("account", id=1, has_sending=False)
    talk = await office.kommo.talk(CHAT)
    await kept(office, lead=talk["entity_id"])
    await office.add_rows(account, {"text": "Tomorrow", "talk_id": talk["talk_id"]})
    async with sender():
        await office.shop.settled(60)
    [row] = await office.shop.rows()
    assert row["state"] == "failed"
    assert "no Salesbot waits" in row["error"]


async def later(office: Office, seconds: float = 180.0) -> None:
    """Let the time pass for bots that wait; who held one is dead by then."""
    await office.shop.owner.execute(
        "update kommo_asks set asked_at = asked_at - $1 * interval '1 second', held_until = held_until - $1 * interval '1 second'", seconds
    )


async def none_waits(office: Office) -> None:
    async with asyncio.timeout(20):
        while await office.kommo.control("waiting", account=1):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("why", ["a person has the conversation", "the answer goes directly"])
async def test_a_bot_without_an_answer_does_not_wait_for_ever(office: Office, gateway: GatewayProcess, sender: Sender, why: str) -> None:
    lab = HostLab(office.shop)
    office.shop.agent_id = await lab.add_agent(SHOP)
    account = await office.with_oauth()
    await subscribe(office.client(), account, f"{gateway.url}{await hook_of(office, account)}")
    await asking(office, gateway, account)
    talk = await office.kommo.talk(CHAT)
    said = ["Good day"] if why.startswith("a person") else ["Tomorrow"]
    async with lab.running(lab.host()), sender():
        if said == ["Good day"]:
            await office.kommo.control("person", account=1, talk_id=talk["talk_id"], text=said[0])
            await office.shop.until("exists (select from conversations where control = 'human')")
        else:
            await office.kommo.control("account", id=1, has_sending=True)
        wrote = await office.kommo.control("customer", account=1, talk_id=talk["talk_id"], text="delivery?")
        assert (wrote["statuses"], wrote["asked"]) == ([200], [200])
        await office.shop.until("exists (select from kommo_asks)")
        await lab.settled()
        await office.shop.settled()
        assert len(await office.kommo.control("waiting", account=1)) == 1
        await later(office)
        await none_waits(office)
        await office.shop.until("not exists (select from kommo_asks)")
    assert [entry["text"] for entry in office.kommo.entries("message")] == said
    assert [entry["status"] for entry in office.kommo.entries("request") if "/continue/" in entry["path"]] == [202]


async def test_only_those_that_wait_in_vain_are_let_go(office: Office) -> None:
    account, client, store = await office.with_token(), office.client(), PostgresSalesbots(office.shop.engine)
    continuing, mine = Continuing(client, store, office.store), [account.integration_id]
    await kept(office, 1, 2, 3, 4, lead=5)
    await later(office)
    await office.shop.owner.execute("update kommo_asks set asked_at = now() - interval '100 seconds' where path like '%/3'")
    assert await store.hold(account, "/api/v4/salesbot/77/continue/2", 60)
    assert not await store.hold(account, "/api/v4/salesbot/77/continue/2", 60)
    assert await continuing.release([IntegrationId(uuid4())]) == 0
    await office.kommo.fault("too_many", path="/continue/4")
    assert await continuing.release(mine) == 1  # Kommo says that it has gone on; the other one could not be told
    assert [entry["path"][-1] for entry in office.kommo.requests() if "/continue/" in entry["path"]] == ["1", "4"]
    assert [path[-1] for path in await left(office)] == ["2", "3", "4"]
    assert await continuing.release(mine) == 0  # those that are held are left alone
    await later(office, 70)
    assert await continuing.release(mine) == 3
    assert await left(office) == []


async def test_of_two_who_want_a_bot_one_has_it(office: Office) -> None:
    account, store = await office.with_token(), PostgresSalesbots(office.shop.engine)
    await kept(office, 1, lead=5)
    await later(office)
    path = "/api/v4/salesbot/77/continue/1"
    for _ in range(10):
        taken = await asyncio.gather(store.take(account, 5, None, 60), store.hold(account, path, 60), store.take(account, 5, 7, 60))
        assert len([one for one in taken if one]) == 1
        await store.give_back(account, path)


@pytest.mark.parametrize(
    ("point", "copies", "state"),
    [
        ("bot.after_take:1", 0, "unknown"),
        ("kommo.before_write:3", 0, "unknown"),  # behind the direct way, which is refused, and the talk
        ("bot.after_answer:1", 1, "sent"),
        ("sender.after_send:1", 1, "sent"),
    ],
)
async def test_a_sender_that_is_killed_says_it_once_or_not_at_all(
    office: Office, database: str, redis_url: str, tmp_path: Path, point: str, copies: int, state: str
) -> None:
    account = await office.with_token()
    await office.kommo.control("account", id=1, has_sending=False)
    await office.kommo.control("asking-bot", account=1, id=77, url="http://127.0.0.1:9/", secret=SECRET)
    talk = await office.kommo.talk(CHAT)
    await office.kommo.control("customer", account=1, talk_id=talk["talk_id"], text="delivery?")
    await kept(office, (await office.kommo.control("waiting", account=1))[0], lead=talk["entity_id"])
    await office.add_rows(account, {"text": "Tomorrow", "talk_id": talk["talk_id"]})
    process = SenderProcess(database, redis_url, tmp_path, "http://127.0.0.1:9", 4.0, 1.0, office.kommo.url)
    try:
        process.start(office.shop.epoch, point)
        async with asyncio.timeout(60):
            while process.ended() is None:
                await asyncio.sleep(0.05)
        assert process.ended() == -signal.SIGKILL
        process.start(office.shop.epoch)
        await office.shop.until(f"exists (select from outbox where state = '{state}' and uncertain = 1)", 60)
        await later(office)
        await none_waits(office)  # let go by the living sender, if it has got nothing
        await office.shop.until("not exists (select from kommo_asks)")
    finally:
        process.kill()
    assert office.kommo.copies()["Tomorrow"] == copies
    assert sum(office.kommo.copies().values()) == copies


async def test_an_answer_follows_no_redirect(office: Office, sender: Sender) -> None:
    account = await office.with_oauth()
    await office.kommo.control("account", id=1, has_sending=False)
    await office.kommo.control("asking-bot", account=1, id=77, url="http://127.0.0.1:9/", secret=SECRET)
    talk = await office.kommo.talk(CHAT)
    await office.kommo.control("customer", account=1, talk_id=talk["talk_id"], text="delivery?")
    number = (await office.kommo.control("waiting", account=1))[0]
    await office.kommo.fault("redirect_before", path=f"/continue/{number}", times=9)
    await kept(office, number, lead=talk["entity_id"])
    await office.add_rows(account, {"text": "Tomorrow", "talk_id": talk["talk_id"]})
    async with sender():
        await office.shop.settled()
    assert office.kommo.requests("/elsewhere") == []
    assert [row["state"] for row in await office.shop.rows()] == ["failed"]


async def test_what_waited_long_ago_is_forgotten(office: Office) -> None:
    await office.with_token()
    await kept(office, 1, 2, lead=5)
    await office.shop.owner.execute("update kommo_asks set asked_at = now() - interval '2 days' where path like '%/1'")
    await Housekeeping(office.shop.engine).tidy()
    assert await left(office) == ["/api/v4/salesbot/77/continue/2"]
