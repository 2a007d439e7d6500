"""Delivery against real PostgreSQL, real Redis and the strict fake Bot API over real HTTP."""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.fakes.telegram_process import TelegramProcess
from tests.integration.sender_process import SenderProcess
from tests.integration.shop import Shop


@pytest.fixture
def sender(database: str, redis_url: str, tmp_path: Path, telegram: TelegramProcess) -> Iterator[SenderProcess]:
    """A sender with a short lease, so that a test does not wait long for it to end."""
    process = SenderProcess(database, redis_url, tmp_path, telegram.url, lease_s=4.0, timeout_s=1.5)
    yield process
    process.kill()


def copies(telegram: TelegramProcess) -> Counter[str]:
    return Counter(entry["text"] for entry in telegram.accepted())


async def test_rows_arrive_once_in_the_order_of_their_chat(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    bots = [await shop.add_bot(str(n)) for n in (700, 701)]
    for bot, token in bots:
        await telegram.add_bot(token)
        for chat in range(1, 11):
            await shop.add_rows(bot, chat, [f"{token[:3]}-{chat}-{n}" for n in range(4)])
    await shop.add_rows(bots[0][0], "-500:7", ["to a topic"])
    sender.start(shop.epoch)
    await shop.settled()
    rows = await shop.rows()
    assert {r["state"] for r in rows} == {"sent"}
    assert set(copies(telegram).values()) == {1}
    assert len(telegram.accepted()) == 81
    for token in (bots[0][1], bots[1][1]):
        for chat in range(1, 11):
            got = [e["text"] for e in telegram.accepted() if (e["token"], e["chat_id"]) == (token, chat)]
            assert got == [f"{token[:3]}-{chat}-{n}" for n in range(4)]
    [topic] = [e for e in telegram.accepted() if e["text"] == "to a topic"]
    assert (topic["chat_id"], topic["message_thread_id"]) == (-500, 7)
    by_id = {str(e["message_id"]): e["text"] for e in telegram.accepted()}
    assert all(by_id[r["provider_message_id"]] == r["text"] for r in rows)


@pytest.mark.parametrize(
    ("kind", "policy", "state", "uncertain", "accepted"),
    [
        ("forbidden", "repeat_once", "failed", 0, 0),
        ("bad_request", "repeat_once", "failed", 0, 0),
        ("too_many", "repeat_once", "sent", 0, 1),
        ("too_many", "once", "sent", 0, 1),
        ("html_502", "repeat_once", "sent", 1, 1),
        ("html_502", "once", "unknown", 1, 0),
        ("error_500_before", "repeat_once", "sent", 1, 1),
        ("error_500_after", "repeat_once", "sent", 1, 2),
        ("error_500_after", "once", "unknown", 1, 1),
        ("hang_before", "once", "unknown", 1, 0),
        ("hang_after", "repeat_once", "sent", 1, 2),
        ("hang_after", "once", "unknown", 1, 1),
        ("reset_before", "once", "unknown", 1, 0),
        ("reset_after", "repeat_once", "sent", 1, 2),
        ("reset_after", "once", "unknown", 1, 1),
        ("garbage_after", "repeat_once", "sent", 1, 2),
        ("garbage_after", "once", "unknown", 1, 1),
    ],
)
async def test_a_failure_ends_as_its_class_and_policy_say(
    shop: Shop, telegram: TelegramProcess, sender: SenderProcess, kind: str, policy: str, state: str, uncertain: int, accepted: int
) -> None:
    bot, token = await shop.add_bot("700")
    await telegram.add_bot(token)
    await telegram.fault(kind, chat="5", times=1)
    await shop.add_rows(bot, 5, ["hit"], policy)
    await shop.add_rows(bot, 6, ["spared"], policy)
    sender.start(shop.epoch)
    await shop.settled()
    hit, spared = await shop.rows()
    assert (hit["state"], hit["uncertain"]) == (state, uncertain)
    assert hit["error"]
    assert token not in hit["error"]
    assert copies(telegram)["hit"] == accepted
    assert (spared["state"], spared["uncertain"], copies(telegram)["spared"]) == ("sent", 0, 1)
    told = await shop.owner.fetch("select kind, data from activity_logs where kind like 'delivery.%'")
    assert len(told) == (1 if state in ("failed", "unknown") or uncertain else 0)


async def test_two_unknown_outcomes_are_the_end_of_repeat_once(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    bot, token = await shop.add_bot("700")
    await telegram.add_bot(token)
    await telegram.fault("error_500_after", chat="5", times=-1)
    await shop.add_rows(bot, 5, ["hit", "next"], "repeat_once")
    sender.start(shop.epoch)
    await shop.settled()
    assert [(r["state"], r["uncertain"]) for r in await shop.rows()] == [("unknown", 2), ("unknown", 2)]
    assert copies(telegram) == {"hit": 2, "next": 2}


async def test_an_api_that_cannot_be_reached_loses_and_doubts_nothing(
    shop: Shop, telegram: TelegramProcess, sender: SenderProcess, tmp_path: Path
) -> None:
    bot, token = await shop.add_bot("700")
    port = int(telegram.url.rpartition(":")[2])
    telegram.stop()
    await shop.add_rows(bot, 5, ["later"], "once")
    sender.start(shop.epoch)
    await shop.until("exists (select from outbox where attempts >= 1 and state = 'pending')")
    again = TelegramProcess(tmp_path / "ledger.jsonl").start(port)
    try:
        await again.add_bot(token)
        await shop.settled()
        [row] = await shop.rows()
        assert (row["state"], row["uncertain"]) == ("sent", 0)
        assert copies(again) == {"later": 1}
    finally:
        again.stop()


async def test_a_429_pauses_that_bot_alone(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    (slow, slow_token), (other, other_token) = await shop.add_bot("700"), await shop.add_bot("701")
    await telegram.add_bot(slow_token)
    await telegram.add_bot(other_token)
    await telegram.fault("too_many", token=slow_token, times=1, retry_after=3)
    await shop.add_rows(slow, 1, ["first"])
    sender.start(shop.epoch)
    await shop.until("exists (select from outbox where attempts = 1 and state = 'pending')")
    await shop.add_rows(slow, 2, ["same bot"])
    await shop.add_rows(other, 1, ["other bot"])
    await shop.settled()
    at = {entry["text"]: entry["t"] for entry in telegram.accepted()}
    assert at["same bot"] - at["other bot"] > 1.0
    assert at["first"] - at["other bot"] > 1.0
    assert copies(telegram) == {"first": 1, "same bot": 1, "other bot": 1}


async def test_a_revoked_token_breaks_its_integration_alone(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    (revoked, token), (other, other_token) = await shop.add_bot("700"), await shop.add_bot("701")
    await telegram.add_bot(other_token)  # 700 is unknown to the server: 401
    await shop.add_rows(revoked, 1, ["refused"])
    sender.start(shop.epoch)
    await shop.until("exists (select from integrations where account = '700' and status = 'broken')")
    await shop.until("exists (select from outbox where state = 'failed')")
    await shop.add_rows(revoked, 2, ["waits"])
    await shop.add_rows(other, 1, ["other bot"])
    await telegram.wait_accepted(1)
    await asyncio.sleep(1.0)
    assert {r["text"]: r["state"] for r in await shop.rows()} == {"refused": "failed", "waits": "pending", "other bot": "sent"}
    problem = await shop.owner.fetchval("select problem from integrations where account = '700'")
    assert "401" in problem
    assert token not in problem
    # Repaired by its owner: what waited goes out.
    await telegram.add_bot(token)
    await shop.owner.execute("update integrations set status = 'live' where account = '700'")
    await shop.settled()
    assert copies(telegram)["waits"] == 1


@pytest.mark.alone
async def test_the_pace_of_a_bot_and_of_a_chat_is_kept(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    (bot, token), (second, second_token) = await shop.add_bot("700"), await shop.add_bot("701")
    await telegram.add_bot(token)
    await telegram.add_bot(second_token)
    for chat in range(1, 101):
        await shop.add_rows(bot, chat, [f"chat {chat}"])
    await shop.add_rows(second, 1, [f"burst {n}" for n in range(8)])
    sender.start(shop.epoch)
    await shop.settled()
    assert set(copies(telegram).values()) == {1}
    times = sorted(e["t"] for e in telegram.accepted() if e["token"] == token)
    assert max(sum(1 for t in times if start <= t < start + 1) for start in times) <= 30 + 5 + 1  # the rate and its burst
    assert times[-1] - times[0] < 8  # and it is used
    burst = sorted(e["t"] for e in telegram.accepted() if e["token"] == second_token)
    assert burst[7] - burst[0] > 2.5  # five at once, then one a second
    assert burst[4] - burst[0] < 1.5


async def test_a_long_text_arrives_in_order_and_whole(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    bot, token = await shop.add_bot("700")
    await telegram.add_bot(token)
    words = [f"word{n}" + "\N{GRINNING FACE}" * (n % 3) for n in range(1200)]
    await shop.add_rows(bot, 5, [" ".join(words)])
    sender.start(shop.epoch)
    await shop.settled()
    assert " ".join(e["text"] for e in telegram.accepted()).split() == words
    assert [r["state"] for r in await shop.rows()] == ["sent"]


@pytest.mark.parametrize("point", ["sender.before_begin", "sender.after_begin", "sender.after_send"])
async def test_killed_at_every_point(shop: Shop, telegram: TelegramProcess, sender: SenderProcess, point: str) -> None:
    """Killed again and again at one point: what was certain arrived once, what was not at most twice."""
    bots = [await shop.add_bot(str(700 + n)) for n in range(4)]
    for _, token in bots:
        await telegram.add_bot(token)
    begun: set[tuple[int, datetime]] = set()  # on the wire when it was killed
    for kill, nth in enumerate((1, 2, 3, 4)):
        for bot, token in bots:
            for chat in range(1, 9):
                texts = [f"{token[:3]}/{chat}/{3 * kill + n}" for n in range(3)]
                await shop.add_rows(bot, chat, texts, "once" if chat % 2 else "repeat_once")
        sender.start(shop.epoch, f"{point}:{nth}")
        await _ended_by_kill(shop, sender)
        begun |= {(r["id"], r["claimed_at"]) for r in await shop.rows() if r["state"] == "sending"}
    sender.start(shop.epoch)
    await shop.settled(60)
    seen, rows = copies(telegram), await shop.rows()
    for row in rows:
        if row["uncertain"] == 0:
            assert (row["state"], seen[row["text"]]) == ("sent", 1), dict(row)
        elif row["policy"] == "once":
            assert row["state"] == "unknown"
            assert seen[row["text"]] <= 1
        else:
            assert row["state"] == ("sent" if row["uncertain"] == 1 else "unknown")  # killed twice with it on the wire
            assert (row["state"] == "sent") <= seen[row["text"]] <= 2
    assert sum(r["uncertain"] for r in rows) == len(begun)  # nothing else is doubted
    assert begun or point == "sender.before_begin"
    assert _is_in_order(telegram)


async def _ended_by_kill(shop: Shop, sender: SenderProcess) -> None:
    async with asyncio.timeout(30):
        while sender.ended() is None:
            await shop.expire()
            await asyncio.sleep(0.05)
    assert sender.ended() == -signal.SIGKILL


def _is_in_order(telegram: TelegramProcess) -> bool:
    """A message may come again, but never one older than what the chat saw before."""
    last: dict[str, int] = {}
    for entry in telegram.accepted():
        chat, _, n = entry["text"].rpartition("/")
        if int(n) < last.get(chat, 0):
            return False
        last[chat] = int(n)
    return True


async def test_a_stopped_sender_sends_nothing_of_its_old_claims(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    """Stopped after `sending` was committed, continued after the lease: it must not write what somebody else repeated."""
    bot, token = await shop.add_bot("700")
    await telegram.add_bot(token)
    for chat in range(1, 11):
        await shop.add_rows(bot, chat, [f"chat {chat}"], "once" if chat <= 5 else "repeat_once")
    sender.start(shop.epoch, "sender.after_begin:1:stop")
    async with asyncio.timeout(20):
        while not sender.stopped():
            await asyncio.sleep(0.05)
    begun = {r["text"] for r in await shop.rows() if r["state"] == "sending"}
    assert begun
    assert telegram.accepted() == []
    await shop.until("not exists (select from outbox where state in ('claimed', 'sending'))")
    # The same process goes on, still the current generation: the old requests must end without a byte.
    sender.signal(signal.SIGCONT)
    await shop.settled()
    await asyncio.sleep(1.5)
    for row in await shop.rows():
        once = row["policy"] == "once" and row["text"] in begun
        assert row["state"] == ("unknown" if once else "sent")
        assert copies(telegram)[row["text"]] == (0 if once else 1), row["text"]


async def test_a_stopped_sender_that_was_replaced_ends(
    shop: Shop, telegram: TelegramProcess, sender: SenderProcess, database: str, redis_url: str, tmp_path: Path
) -> None:
    bot, token = await shop.add_bot("700")
    await telegram.add_bot(token)
    for chat in range(1, 21):
        await shop.add_rows(bot, chat, [f"chat {chat}"])
    sender.start(shop.epoch, "sender.before_begin:1:stop")
    async with asyncio.timeout(20):
        while not sender.stopped():
            await asyncio.sleep(0.05)
    newer = SenderProcess(database, redis_url, tmp_path, telegram.url, lease_s=4.0, timeout_s=1.5)
    try:
        newer.start(shop.epoch)
        await shop.settled()
        sender.signal(signal.SIGCONT)
        assert await asyncio.to_thread(sender.wait) == 0
    finally:
        newer.kill()
    assert set(copies(telegram).values()) == {1}
    assert {(r["state"], r["uncertain"]) for r in await shop.rows()} == {("sent", 0)}


async def test_drain_leaves_nothing_in_doubt(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    bot, token = await shop.add_bot("700")
    await telegram.add_bot(token)
    for chat in range(1, 101):
        await shop.add_rows(bot, chat, [f"chat {chat}"])
    sender.start(shop.epoch)
    await telegram.wait_accepted(10)
    sender.signal(signal.SIGTERM)
    assert await asyncio.to_thread(sender.wait) == 0
    states = Counter(r["state"] for r in await shop.rows())
    assert set(states) == {"sent", "pending"}
    assert states["sent"] == len(telegram.accepted())
    assert all(r["uncertain"] == 0 for r in await shop.rows())


async def test_silence_after_a_takeover_and_answers_of_the_operator(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    bot, token = await shop.add_bot("700")
    await telegram.add_bot(token)
    await shop.add_rows(bot, 5, [f"bot {n}" for n in range(9)])
    sender.start(shop.epoch)
    await telegram.wait_accepted(6)  # the burst is spent, the rest waits for its pace
    await shop.owner.execute("select conversation_control(tenant_id, id, 'human', 'ann') from conversations")
    told = len(telegram.accepted())
    await shop.add_rows(bot, 5, ["person"], delivery_class="operator")
    await shop.settled()
    after = [e["text"] for e in telegram.accepted()][told:]
    assert after[-1] == "person"
    assert len(after) <= 2  # one may have been on the wire at that moment
    assert Counter(r["state"] for r in await shop.rows())["withdrawn"] >= 1
