"""Polling against real PostgreSQL, real Redis and the strict fake Bot API over real HTTP."""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from actors.domain.errors import InvalidInput
from actors.domain.ids import Address, InboxId, IntegrationId
from actors.domain.messages import InboundMessage
from actors.ports.inbox import InboxRow
from integrations.telegram.parser import TelegramParser
from storage.embedded_postgres import EmbeddedPostgres
from storage.migrate import migrate
from tests.fakes.telegram_process import TelegramProcess
from tests.integration.sender_process import SenderProcess
from tests.integration.shop import Shop, open_shop


@pytest.fixture
def sender(database: str, redis_url: str, tmp_path: Path, telegram: TelegramProcess) -> Iterator[SenderProcess]:
    process = SenderProcess(database, redis_url, tmp_path, telegram.url)
    yield process
    process.kill()


def message(text: str, chat_id: int = 5, **more: Any) -> dict[str, Any]:
    """An update without its id."""
    chat = {"id": chat_id, "type": "private"}
    return {"message": {"message_id": 1, "date": 1, "chat": chat, "from": {"id": chat_id, "is_bot": False}, "text": text, **more}}


async def stored(shop: Shop) -> list[InboxRow]:
    """Return the inbox as a host would pull it."""
    rows = await shop.owner.fetch("select * from inbox order by id")
    return [
        InboxRow(
            InboxId(r["id"]),
            shop.tenant_id,
            Address(IntegrationId(r["integration_id"]), r["key"]),
            r["kind"],
            r["raw"],
            r["received_at"],
            0.0,
            r["attempts"],
        )
        for r in rows
    ]


def text_of(row: InboxRow) -> str:
    parsed = TelegramParser().parse(row)
    assert isinstance(parsed, InboundMessage)
    return parsed.text


async def waiting(telegram: TelegramProcess, token: str) -> int:
    state = await telegram.control("state")
    return int(state["waiting"][token])


async def until_stored(shop: Shop, count: int) -> None:
    await shop.until(f"(select count(*) from inbox) >= {count}")


async def test_updates_are_stored_once_in_order_and_then_confirmed(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    bot, token = await shop.add_bot("700", "poll")
    await telegram.add_bot(token)
    await telegram.push(token, *(message(f"m{n}") for n in range(250)))  # three polls of at most 100
    sender.start(shop.epoch)
    await until_stored(shop, 250)
    await telegram.push(token, message("live", 6))  # comes through the long poll that waits by now
    await until_stored(shop, 251)
    rows = await stored(shop)
    assert [text_of(r) for r in rows] == [f"m{n}" for n in range(250)] + ["live"]
    assert {r.address for r in rows} == {Address(bot, "5"), Address(bot, "6")}
    assert await shop.owner.fetchval("select count(*) from inbox_keys where dedupe_key like 'telegram:700:%'") == 251
    async with asyncio.timeout(30):
        while await waiting(telegram, token):
            await asyncio.sleep(0.05)


async def test_a_malformed_update_never_blocks_its_batch(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    _, token = await shop.add_bot("700", "poll")
    await telegram.add_bot(token)
    bad: list[Any] = [
        {"message": "a string"},
        {"message": {"chat": {"id": "five"}, "text": "no id"}},
        {"message": {"chat": {"id": 5}, "message_id": 1, "text": 17}},
        {"surprise": {"of": "a new kind"}},
        {"update_id": "no id", "message": {}},
        "not an object",
    ]
    await telegram.push(token, message("before"), *bad, message("nul \x00 inside"), message("after"))
    sender.start(shop.epoch)
    await until_stored(shop, 7)
    rows = await stored(shop)
    assert len(rows) == 7
    assert [text_of(rows[n]) for n in (0, -2, -1)] == ["before", "nul  inside", "after"]
    for row in rows[1:4]:
        with pytest.raises(InvalidInput):
            TelegramParser().parse(row)
    await shop.until("(select (status->>'poll_skipped')::int >= 2 from carriers where kind = 'sender')")
    await telegram.push(token, message("later"))
    await until_stored(shop, 8)


async def test_killed_before_the_confirmation_everything_comes_again_and_is_stored_once(
    shop: Shop, telegram: TelegramProcess, sender: SenderProcess
) -> None:
    _, token = await shop.add_bot("700", "poll")
    await telegram.add_bot(token)
    for round_ in range(3):
        await telegram.push(token, *(message(f"{round_}/{n}") for n in range(40)))
        sender.start(shop.epoch)
        await until_stored(shop, 40 * (round_ + 1))
        sender.kill()
    sender.start(shop.epoch)
    await telegram.push(token, message("last"))
    await until_stored(shop, 121)
    assert [text_of(r) for r in await stored(shop)] == [f"{k}/{n}" for k in range(3) for n in range(40)] + ["last"]


async def test_nothing_is_confirmed_while_the_database_is_away(tmp_path: Path, redis_url: str, telegram: TelegramProcess) -> None:
    """Updates that came while PostgreSQL was down are stored after it is back, in order, none missing."""
    root = Path(tempfile.mkdtemp(prefix="callboard-test-"))
    root.chmod(0o711)  # the server runs as an account without rights
    server = EmbeddedPostgres(root)
    dsn = server.start()
    sender = SenderProcess(dsn, redis_url, tmp_path, telegram.url)
    try:
        await migrate(dsn)
        token = ""
        async with open_shop(dsn, tmp_path) as shop:
            _, token = await shop.add_bot("700", "poll")
            await telegram.add_bot(token)
            sender.start(shop.epoch)
            await telegram.push(token, message("up"))
            await until_stored(shop, 1)
        server.stop()
        await telegram.push(token, *(message(f"away {n}") for n in range(20)))
        await asyncio.sleep(2)
        assert await waiting(telegram, token) == 20
        server.start()
        owner = await asyncpg.connect(dsn)
        async with asyncio.timeout(20):
            while await owner.fetchval("select count(*) from inbox") < 21:
                await asyncio.sleep(0.05)
        raws = [r["raw"] for r in await owner.fetch("select raw from inbox order by id")]
        await owner.close()
        assert [orjson.loads(raw)["message"]["text"] for raw in raws] == ["up"] + [f"away {n}" for n in range(20)]
    finally:
        sender.kill()
        server.stop()
        shutil.rmtree(root)


async def test_a_conflict_is_shown_and_goes_away(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    _, token = await shop.add_bot("700", "poll")
    await telegram.add_bot(token)
    await telegram.fault("conflict", method="getUpdates", times=2)
    await telegram.push(token, message("through"))
    sender.start(shop.epoch)
    await shop.until("exists (select from integrations where account = '700' and problem like '%409%' and problem_code = 'second_poller')")
    await until_stored(shop, 1)
    await shop.until("exists (select from integrations where account = '700' and problem is null and status = 'live')")


async def test_a_webhook_in_the_way_is_removed(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    _, token = await shop.add_bot("700", "poll")
    await telegram.add_bot(token)
    await telegram.control("../bot" + token + "/setWebhook", url="http://127.0.0.1:9/hook")
    sender.start(shop.epoch)
    await telegram.push(token, message("waited"))
    async with asyncio.timeout(20):
        while (await telegram.control("../bot" + token + "/getWebhookInfo"))["result"]["url"]:
            await asyncio.sleep(0.05)
    await telegram.push(token, message("polled"))
    await until_stored(shop, 1)
    assert "polled" in [text_of(r) for r in await stored(shop)]


async def test_a_webhook_that_we_set_ourselves_is_not_taken_away(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    """Switching: the row says `push`, the webhook is set, and the one who still polls gets a 409."""
    _, token = await shop.add_bot("700", "poll")
    await telegram.add_bot(token)
    sender.start(shop.epoch)
    await telegram.push(token, message("polled"))
    await until_stored(shop, 1)
    await shop.owner.execute("update integrations set mode = 'push' where account = '700'")
    await telegram.control("../bot" + token + "/setWebhook", url="http://127.0.0.1:9/hook")
    await asyncio.sleep(6)  # the list is read every 3 s, a conflict is repeated within 2 s
    assert (await telegram.control("../bot" + token + "/getWebhookInfo"))["result"]["url"] == "http://127.0.0.1:9/hook"
    assert await shop.owner.fetchval("select problem from integrations where account = '700'") is None


async def test_a_revoked_token_breaks_that_integration_alone(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    await shop.add_bot("700", "poll")
    _, token = await shop.add_bot("701", "poll")
    await telegram.add_bot(token)
    sender.start(shop.epoch)
    broken = (
        "select from integrations where account = '700' and status = 'broken' and problem like '%401%' and problem_code = 'token_refused'"
    )
    await shop.until(f"exists ({broken})")
    told = await shop.owner.fetch("select action, actor from audit_log where action = 'integration.broken'")
    assert [tuple(r) for r in told] == [("integration.broken", "Callboard")]
    assert await shop.owner.fetchval("select count(*) from activity_logs where kind = 'integration.broken'") == 1
    await telegram.push(token, message("other bot"))
    await until_stored(shop, 1)
    assert await shop.owner.fetchval("select status from integrations where account = '701'") == "live"


@pytest.mark.parametrize("kind", ["too_many", "html_502", "error_500_before", "reset_before", "garbage_after", "forbidden"])
async def test_a_failing_server_delays_and_loses_nothing(shop: Shop, telegram: TelegramProcess, sender: SenderProcess, kind: str) -> None:
    _, token = await shop.add_bot("700", "poll")
    await telegram.add_bot(token)
    await telegram.fault(kind, method="getUpdates", times=2)
    await telegram.push(token, message("one"), message("two"))
    sender.start(shop.epoch)
    await until_stored(shop, 2)
    assert [text_of(r) for r in await stored(shop)] == ["one", "two"]


async def test_ids_that_start_again_at_random_lose_nothing(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    """After a quiet week the next id is random: below what was confirmed before, far above it, and below again."""
    _, token = await shop.add_bot("700", "poll")
    await telegram.add_bot(token)
    sender.start(shop.epoch)
    for n, update_id in enumerate((900_000_000, 17, 2_000_000_000, 5)):
        await telegram.push(token, {"update_id": update_id, **message(f"week {n}")}, message(f"next {n}"))
        await until_stored(shop, 2 * n + 2)
        async with asyncio.timeout(30):
            while await waiting(telegram, token):
                await asyncio.sleep(0.05)
    assert [text_of(r) for r in await stored(shop)] == [f"{what} {n}" for n in range(4) for what in ("week", "next")]


async def test_a_poll_that_hangs_is_given_up_and_loses_nothing(
    shop: Shop, telegram: TelegramProcess, database: str, redis_url: str, tmp_path: Path
) -> None:
    """The answer was made, its updates were not confirmed: they come again after the client's own timeout."""
    _, token = await shop.add_bot("700", "poll")
    await telegram.add_bot(token)
    await telegram.fault("hang_after", method="getUpdates", times=1)
    await telegram.push(token, message("one"), message("two"))
    sender = SenderProcess(database, redis_url, tmp_path, telegram.url, lease_s=4.0, timeout_s=1.0)
    try:
        sender.start(shop.epoch)
        await shop.until("(select count(*) from inbox) >= 2", 45.0)
        assert [text_of(r) for r in await stored(shop)] == ["one", "two"]
    finally:
        sender.kill()


async def test_bots_come_and_go_while_it_runs(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    sender.start(shop.epoch)
    _, token = await shop.add_bot("700", "poll")
    await telegram.add_bot(token)
    await telegram.push(token, message("found"))
    await until_stored(shop, 1)
    await shop.owner.execute("update integrations set status = 'paused' where account = '700'")
    await asyncio.sleep(5)  # the list is read every 3 s
    await telegram.push(token, message("paused"))
    await asyncio.sleep(1)
    assert await waiting(telegram, token) >= 1
    await shop.owner.execute("update integrations set status = 'live' where account = '700'")
    await until_stored(shop, 2)
    sender.signal(signal.SIGTERM)
    assert await asyncio.to_thread(sender.wait) == 0


async def test_lone_surrogates_are_kept_out_of_the_text(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    """JSON can spell what no UTF-8 can: the fake sends it as an escape."""
    _, token = await shop.add_bot("700", "poll")
    await telegram.add_bot(token)
    await telegram.push(token, message("half \ud83d of a smile"))
    sender.start(shop.epoch)
    await until_stored(shop, 1)
    [row] = await stored(shop)
    assert text_of(row) == "half  of a smile"
    assert b"\\ud83d" in row.raw  # as it came
