"""Connecting bots over the API, against the strict fake Bot API: with a public address, without one, and when things go wrong."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from actors.services.connecting import Connecting
from actors.services.watching import PORTION, Watching
from integrations.telegram.bot_api import BotApi
from storage.connections import Bots as StoredBots
from storage.crypto import SecretBox, load_or_create_key
from storage.postgres import Database, Role
from tests.fakes.telegram_process import TelegramProcess
from tests.integration.gateway.company import Company, found, update
from tests.integration.gateway.desk import Desk
from tests.integration.gateway.processes import GatewayProcess

TOKEN = "7100000071:AA-a_token-of-the-shop"
BOT = "7100000071"


@pytest.fixture
async def public(database: str, redis_url: str, tmp_path: Path, telegram: TelegramProcess) -> AsyncIterator[GatewayProcess]:
    """A gateway that Telegram reaches."""
    process = GatewayProcess(database, redis_url, tmp_path)
    process.env |= {"CALLBOARD_TELEGRAM_API": telegram.url, "CALLBOARD_TELEGRAM_TIMEOUT_S": "2", "CALLBOARD_PUBLIC_URL": process.url}
    await telegram.add_bot(TOKEN)
    async with process as running:
        yield running
        assert TOKEN not in running.logged()


@pytest.fixture
async def private(database: str, redis_url: str, tmp_path: Path, telegram: TelegramProcess) -> AsyncIterator[GatewayProcess]:
    """A gateway without a public address."""
    env = {"CALLBOARD_TELEGRAM_API": telegram.url, "CALLBOARD_TELEGRAM_TIMEOUT_S": "2"}
    await telegram.add_bot(TOKEN)
    async with GatewayProcess(database, redis_url, tmp_path, env) as running:
        yield running
        assert TOKEN not in running.logged()


class Bots:
    """What an owner does with bots."""

    def __init__(self, gateway: GatewayProcess, company: Company) -> None:
        self.desk, self.company = Desk(gateway, company), company
        self.all = f"/api/agents/{company.agent_id}/integrations"

    async def connect(self, text: str = TOKEN, expect: int = 201, **more: Any) -> Any:
        return await self.desk.do("POST", self.all, {"token": text, **more}, expect=expect)

    async def one(self, integration: Any, method: str, body: Any = None, what: str = "", expect: int = 200) -> Any:
        path = f"/api/agents/{integration['agent_id']}/integrations/{integration['id']}{what}"
        return await self.desk.do(method, path, body, expect=expect)

    async def listed(self) -> list[Any]:
        listed = await self.desk.do("GET", "/api/integrations", level="viewer")
        return [item for item in listed["items"] if item["account"] == BOT]


async def hook(telegram: TelegramProcess) -> str:
    """Where the fake sends the bot's updates."""
    return str((await telegram.control(f"../bot{TOKEN}/getWebhookInfo"))["result"]["url"])


async def told(database: str, company: Company) -> list[tuple[str, str]]:
    """Return what the feed and the audit log say of integrations; both must say the same."""
    connection = await asyncpg.connect(database)
    try:
        feed = await connection.fetch(
            "select kind, data->>'by' as by from activity_logs where tenant_id = $1 and kind like 'integration.%' order by id",
            company.tenant_id,
        )
        audit = await connection.fetch(
            "select action, actor from audit_log where tenant_id = $1 and action like 'integration.%' order by id", company.tenant_id
        )
        everything = await connection.fetchval("select string_agg(a::text, ' ') from audit_log a")
        stored = await connection.fetchval("select string_agg(encode(token_encrypted, 'escape'), ' ') from integrations")
    finally:
        await connection.close()
    assert TOKEN not in f"{everything} {stored}"
    assert [tuple(r) for r in feed] == [tuple(r) for r in audit]
    return [(r["kind"], r["by"]) for r in feed]


async def inbox_of(database: str) -> list[tuple[str, str]]:
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch("select integration_id, raw from inbox order by id")
        return [(str(r["integration_id"]), orjson.loads(r["raw"])["message"]["text"]) for r in rows]
    finally:
        await connection.close()


async def until_stored(database: str, count: int) -> list[tuple[str, str]]:
    async with asyncio.timeout(30):
        while len(rows := await inbox_of(database)) < count:
            await asyncio.sleep(0.05)
    return rows


async def test_a_bot_is_connected_by_webhook_tested_paused_resumed_and_disconnected(
    public: GatewayProcess, company: Company, telegram: TelegramProcess, database: str
) -> None:
    bots = Bots(public, company)
    said = f"Done! Use this token to access the HTTP API:\n{TOKEN}\nKeep your token secure."
    checked = await bots.desk.do("POST", "/api/integrations/check", {"token": said})
    assert (checked["bot"]["username"], checked["holder"], checked["elsewhere"], checked["other_program"]) == (
        f"fake{BOT}bot",
        None,
        False,
        "",
    )
    assert await bots.listed() == []

    await telegram.push(TOKEN, {"message": update(1, text="before")["message"]})  # it waited at Telegram
    connected = await bots.connect(said)
    bot = connected["integration"]
    assert (bot["status"], bot["mode"], bot["problem"], connected["moved_from"]) == ("live", "push", None, None)
    assert TOKEN not in str(connected)
    assert await hook(telegram) == f"{public.url}/webhooks/telegram/{bot['id']}"
    await telegram.push(TOKEN, {"message": update(2, text="after")["message"]})
    assert {text for _, text in await until_stored(database, 2)} == {"before", "after"}

    tested = await bots.one(bot, "POST", what="/test")
    assert (tested["bot"]["id"], tested["webhook"], tested["problem"]) == (BOT, {"set": True, "waiting": 0, "last_error": ""}, None)
    assert (await bots.one(bot, "PATCH", {"status": "paused"}))["status"] == "paused"
    assert (await bots.one(bot, "PATCH", {"status": "live", "reply_policy": "once"}))["reply_policy"] == "once"
    await bots.one(bot, "DELETE", expect=204)
    assert await hook(telegram) == ""
    assert await bots.listed() == []
    kinds = ["integration.connected", "integration.paused", "integration.resumed", "integration.disconnected"]
    assert await told(database, company) == [(kind, "admin") for kind in kinds]


async def test_switching_to_polling_and_back_loses_nothing(
    public: GatewayProcess, company: Company, telegram: TelegramProcess, database: str
) -> None:
    bots = Bots(public, company)
    bot = (await bots.connect())["integration"]
    assert (await bots.one(bot, "PATCH", {"mode": "poll"}))["mode"] == "poll"
    assert await hook(telegram) == ""
    await telegram.push(TOKEN, {"message": update(1, text="nobody polls yet")["message"]})
    assert (await bots.one(bot, "PATCH", {"mode": "push"}))["mode"] == "push"
    assert await until_stored(database, 1) == [(bot["id"], "nobody polls yet")]


async def test_without_a_public_address_it_is_polled(
    private: GatewayProcess, company: Company, telegram: TelegramProcess, database: str
) -> None:
    bots = Bots(private, company)
    refused = await bots.connect(mode="push", expect=422)
    assert [(e["code"], e["pointer"]) for e in refused["errors"]] == [("no_public_url", "/mode")]
    await telegram.control(f"../bot{TOKEN}/setWebhook", url="http://127.0.0.1:9/other/secret-path")
    checked = await bots.desk.do("POST", "/api/integrations/check", {"token": TOKEN})
    assert checked["other_program"] == "127.0.0.1"
    assert "secret-path" not in str(checked)
    bot = (await bots.connect())["integration"]
    assert (bot["mode"], bot["status"]) == ("poll", "live")
    assert await hook(telegram) == ""
    await telegram.control(f"../bot{TOKEN}/setWebhook", url="http://127.0.0.1:9/other")
    tested = await bots.one(bot, "POST", what="/test")
    assert (tested["problem"]["code"], tested["problem"]["detail"]) == ("foreign_webhook", "127.0.0.1")
    assert (await bots.listed())[0]["problem"]["code"] == "foreign_webhook"
    assert (await bots.one(bot, "PATCH", {"mode": "poll"}))["problem"] is None
    assert (await bots.desk.do("GET", "/api/integrations"))["webhooks"] is False


async def test_connecting_elsewhere_moves_it_and_both_are_told(
    public: GatewayProcess, company: Company, telegram: TelegramProcess, database: str
) -> None:
    bots, other = Bots(public, company), Bots(public, await found(database, "other"))
    first = (await bots.connect())["integration"]
    again = await bots.connect()
    assert (again["integration"]["id"], again["moved_from"]) == (first["id"], None)

    boris = await bots.desk.agent()
    second = await bots.desk.do("POST", f"{boris}/integrations", {"token": TOKEN}, expect=201)
    assert second["moved_from"] == {"agent_id": str(company.agent_id), "agent_name": "Anna"}
    assert [item["id"] for item in await bots.listed()] == [second["integration"]["id"]]

    checked = await other.desk.do("POST", "/api/integrations/check", {"token": TOKEN})
    assert (checked["holder"], checked["elsewhere"]) == (None, True)
    third = await other.connect()
    assert (third["moved_from"], third["moved_from_elsewhere"]) == (None, True)
    assert await hook(telegram) == f"{public.url}/webhooks/telegram/{third['integration']['id']}"
    (left,) = await bots.listed()
    assert (left["status"], left["problem"]["code"]) == ("disconnected", "moved")
    connected, moved = "integration.connected", "integration.moved"
    assert await told(database, company) == [
        (connected, "admin"), (connected, "admin"), (moved, "admin"), (connected, "admin"), (moved, "another company"),
    ]  # fmt: skip
    assert await told(database, other.company) == [(connected, "admin")]
    await telegram.push(TOKEN, {"message": update(1, text="to whom?")["message"]})
    assert await until_stored(database, 1) == [(third["integration"]["id"], "to whom?")]


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("unauthorized", 422, "token_refused"),
        ("too_many", 503, "slow_down"),
        ("html_502", 503, "unreachable"),
        ("hang_before", 503, "unreachable"),
        ("reset_before", 503, "unreachable"),
        ("conflict", 422, "second_poller"),
    ],
)
async def test_what_goes_wrong_with_a_token_is_said_and_nothing_is_stored(
    private: GatewayProcess, company: Company, telegram: TelegramProcess, database: str, kind: str, status: int, code: str
) -> None:
    bots = Bots(private, company)
    await telegram.fault(kind, method="getMe", times=1)
    refused = await bots.connect(expect=status)
    assert [(e["code"], e["pointer"]) for e in refused["errors"]] == [(code, "/token")]
    assert TOKEN not in str(refused)
    assert await bots.listed() == []
    assert await told(database, company) == []


@pytest.mark.parametrize("text", ["hello", "123:short", f"{TOKEN} and 81:another-token-of-mine", "привет: 12"])
async def test_what_is_no_token_never_leaves_the_house(
    private: GatewayProcess, company: Company, telegram: TelegramProcess, text: str
) -> None:
    refused = await Bots(private, company).connect(text, expect=422)
    assert refused["errors"][0]["code"] == "token_malformed"
    assert "getMe" not in (await telegram.control("state"))["calls"]


@pytest.mark.parametrize(("kind", "code"), [("bad_request", "webhook_refused"), ("html_502", "unreachable"), ("too_many", "slow_down")])
async def test_a_webhook_that_cannot_be_set_falls_back_to_polling(
    public: GatewayProcess, company: Company, telegram: TelegramProcess, kind: str, code: str
) -> None:
    bots = Bots(public, company)
    await telegram.fault(kind, method="setWebhook", times=1)
    bot = (await bots.connect())["integration"]
    assert (bot["mode"], bot["status"], bot["problem"]["code"]) == ("poll", "live", code)
    switched = await bots.one(bot, "PATCH", {"mode": "push"})
    assert (switched["mode"], switched["problem"]) == ("push", None)


async def test_a_test_says_what_is_wrong_and_a_new_token_heals(
    public: GatewayProcess, company: Company, telegram: TelegramProcess, database: str
) -> None:
    bots = Bots(public, company)
    bot = (await bots.connect())["integration"]
    ours = await hook(telegram)

    async def problem() -> Any:
        tested = await bots.one(bot, "POST", what="/test")
        assert tested["problem"] == (await bots.listed())[0]["problem"]
        return tested["problem"] and tested["problem"]["code"]

    await telegram.control(f"../bot{TOKEN}/deleteWebhook")
    assert await problem() == "webhook_missing"
    await telegram.control(f"../bot{TOKEN}/setWebhook", url="http://127.0.0.1:9/other")
    assert await problem() == "foreign_webhook"
    assert (await bots.one(bot, "PATCH", {"mode": "push"}))["problem"] is None
    assert await hook(telegram) == ours
    await telegram.fault("hang_before", method="getMe", times=1)
    assert await problem() == "unreachable"
    assert await problem() is None
    await telegram.fault("unauthorized", method="getMe", times=1)
    assert await problem() == "token_refused"
    (broken,) = await bots.listed()
    assert broken["status"] == "broken"
    assert re.search("BotFather", broken["problem"]["what_to_do"])
    healed = (await bots.connect())["integration"]
    assert (healed["id"], healed["status"], healed["problem"]) == (bot["id"], "live", None)
    assert [kind for kind, _ in await told(database, company)] == [
        "integration.connected", "integration.broken", "integration.connected",
    ]  # fmt: skip


async def test_bots_are_looked_after_round_by_round(
    public: GatewayProcess, company: Company, telegram: TelegramProcess, database: str, tmp_path: Path
) -> None:
    bots = Bots(public, company)
    numbers = range(7_300_000_001, 7_300_000_001 + PORTION + 4)  # the company has one already
    for number in numbers:
        await telegram.control("bots", token=f"{number}:AA-a_token-of-the-shop", username=f"watched{number}bot")
        await bots.connect(f"{number}:AA-a_token-of-the-shop")
    gone = f"{numbers[3]}:AA-a_token-of-the-shop"
    revoked = f"{numbers[-2]}:AA-a_token-of-the-shop"
    await telegram.control(f"../bot{gone}/deleteWebhook")
    await telegram.fault("unauthorized", token=revoked, method="getMe", times=9)
    async with await Database.open(database, Role.ENGINE, "watching", size=4) as engine, BotApi(telegram.url, 2) as api:
        box = SecretBox(load_or_create_key(tmp_path))
        watching = Watching(StoredBots(engine, lambda: box), Connecting(api, public.url))
        assert [await watching.round(), await watching.round(), await watching.round()] == [PORTION, 5, PORTION]
    listed = await bots.desk.do("GET", "/api/integrations", level="viewer")
    troubles = {item["account"]: item["problem"]["code"] for item in listed["items"] if item["problem"] and int(item["account"]) in numbers}
    assert troubles == {str(numbers[3]): "webhook_missing", str(numbers[-2]): "token_refused"}
    assert ("integration.broken", "Callboard") in await told(database, company)


async def test_disconnecting_leaves_another_programs_webhook_alone(
    public: GatewayProcess, company: Company, telegram: TelegramProcess
) -> None:
    bots = Bots(public, company)
    bot = (await bots.connect())["integration"]
    await telegram.control(f"../bot{TOKEN}/setWebhook", url="http://127.0.0.1:9/other")
    await bots.one(bot, "DELETE", expect=204)
    assert await hook(telegram) == "http://127.0.0.1:9/other"


async def test_viewers_look_and_operators_change_nothing(private: GatewayProcess, company: Company) -> None:
    bots = Bots(private, company)
    bot = (await bots.connect())["integration"]
    path = f"{bots.all}/{bot['id']}"
    for level in ("viewer", "operator"):
        await bots.desk.do("POST", bots.all, {"token": TOKEN}, level=level, expect=403)
        await bots.desk.do("POST", f"{path}/test", level=level, expect=403)
        await bots.desk.do("DELETE", path, level=level, expect=403)
        assert (await bots.desk.do("GET", bots.all, level=level))["items"]
