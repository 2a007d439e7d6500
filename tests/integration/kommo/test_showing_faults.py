"""Showing goes on when a worker is killed, Kommo takes without an answer, refuses or hangs; nothing is shown twice.

Most channels here have no bot, so that only what customers write is shown.
"""

import asyncio
import time
from collections import Counter
from email.utils import formatdate
from uuid import uuid4

import pytest

from actors.runtime.clock import SystemClock
from integrations.kommo.chats_api import ChannelKeys, ChatsApi, SignatureRefused
from integrations.kommo.wire import Wire
from tests.fakes.kommo.process import KommoProcess
from tests.integration.kommo.showing import SECRET, Stage

ONE, TWO = ("customer", "one"), ("customer", "two")
HURRY = "update kommo_chats set due_at = now(), lease_until = null where due_at is not null"


async def killed(stage: Stage, failpoint: str) -> None:
    """Let the worker be killed at this point of the first message; another one begins where it ended."""
    stage.begin("sync", FAILPOINT=f"{failpoint}:1")
    await stage.connect(bot="")
    await stage.customer(7, "one")
    await stage.customer(7, "two")
    await asyncio.to_thread(stage.actors.pop("sync").wait, 60)
    await stage.owner.execute(HURRY)
    stage.begin("sync")


def posts(stage: Stage) -> Counter[str]:
    return Counter(str(entry["text"]) for entry in stage.kommo.entries("shown"))


@pytest.mark.parametrize("failpoint", ["showing.before_begin", "showing.after_post"])
async def test_a_worker_is_killed(stage: Stage, failpoint: str) -> None:
    stage.begin("host")
    await killed(stage, failpoint)
    await stage.until_shown([ONE, TWO])
    await stage.settled()
    assert await stage.owner.fetchval("select uncertain from kommo_chats") == 0
    assert posts(stage) == {"one": 1, "two": 1}


async def test_a_worker_is_killed_before_the_bytes(stage: Stage) -> None:
    """Nobody can know that they were not written: it is looked for three times, counted, and the chat goes on."""
    stage.begin("host")
    await killed(stage, "showing.before_post")
    for looks in (1, 2):
        await stage.until(f"exists (select from kommo_chats where looks = {looks} and lease_until is null)")
        assert not posts(stage)
        await stage.owner.execute(HURRY)
        await stage.owner.execute("update kommo_channels set due_at = '-infinity'")
    await stage.until_shown([TWO])
    assert posts(stage) == {"two": 1}
    assert await stage.owner.fetchval("select uncertain from kommo_chats") == 1
    assert await stage.owner.fetchval("select count(*) from activity_logs where kind = 'mirror.unknown'") == 1


async def test_what_kommo_took_without_an_answer_is_looked_for(stage: Stage) -> None:
    stage.begin("host", "sync")
    await stage.connect(bot="")
    scope = (await stage.desk.do("GET", stage.path))["scope_id"]
    await stage.kommo.fault("hang_after", path=scope, method="POST", seconds=20.0)
    await stage.customer(7, "one")
    await stage.customer(7, "two")
    await stage.until_shown([ONE, TWO])
    await stage.settled()
    assert posts(stage) == {"one": 1, "two": 1}
    assert len(stage.kommo.requests("/history")) >= 1
    for kind in ("error_500_before", "error_500_after", "too_many"):
        await stage.kommo.fault(kind, path=scope, method="POST")
        await stage.customer(7, kind)
    await stage.until_shown([ONE, TWO, *(("customer", kind) for kind in ("error_500_before", "error_500_after", "too_many"))])
    await stage.settled()
    assert set(posts(stage).values()) == {1}
    assert await stage.owner.fetchval("select sum(uncertain) from kommo_chats") == 0


async def test_a_refused_channel_waits_until_it_is_connected_again(stage: Stage) -> None:
    stage.begin("host", "sync")
    await stage.connect(bot="")
    await stage.kommo.control("channel", id=stage.channel, secret="1" * 40)
    await stage.customer(7, "one")
    await stage.until("exists (select from kommo_channels where problem is not null)")
    await stage.customer(7, "two")
    await stage.customer(8, "one")
    await stage.until("3 = (select count(*) from messages where role = 'customer')")
    shown = await stage.desk.do("GET", stage.path)
    assert (shown["state"], shown["problem_code"]) == ("broken", "signature-refused")
    assert "secret" in shown["problem"]
    assert await _waiting(stage) >= 3  # the agent answered, too
    assert await stage.shown() == []
    assert await stage.owner.fetchval("select count(*) from activity_logs where kind = 'integration.broken'") == 1
    assert (await stage.put("1" * 40, ""))["state"] == "connected"
    await stage.until_shown([ONE, TWO], [ONE])
    assert posts(stage) == {"one": 2, "two": 1}
    await stage.until("not exists (select from kommo_channels where problem is not null)")


async def _waiting(stage: Stage) -> int:
    """Return how many messages wait once they are all known: a broken channel is looked after, too."""
    await stage.until("2 = (select count(*) from kommo_chats where due_at is not null)")
    return int((await stage.desk.do("GET", stage.path))["waiting_messages"])


async def test_kommo_hangs_and_customers_are_answered(stage: Stage) -> None:
    stage.begin("host", "sender", "sync")
    await stage.connect()
    await stage.customer(6, "delivery?")
    await stage.until_shown([("customer", "delivery?"), ("bot", "Tomorrow")])
    await stage.settled()
    await stage.kommo.fault("hang_before", path="", times=1000, seconds=30.0)
    for chat in range(20, 26):
        started = time.monotonic()
        await stage.customer(chat, "delivery?")
        await stage.until_sent(chat, ["Tomorrow"], timeout_s=10)
        assert time.monotonic() - started < 5.0
    await stage.kommo.control("faults", clear=True)
    await stage.owner.execute("update kommo_channels set due_at = '-infinity'")
    talk = [("customer", "delivery?"), ("bot", "Tomorrow")]
    await stage.until_shown(*[talk] * 7, timeout_s=90)
    assert set(Counter((entry["chat"], entry["text"]) for entry in stage.kommo.entries("shown")).values()) == {1}


async def test_the_fake_refuses_as_kommo_does(kommo: KommoProcess) -> None:
    channel = str(uuid4())
    await kommo.control("channel", id=channel, secret=SECRET)
    async with Wire(SystemClock(), 8.0, kommo.url) as wire:
        amojo = str(uuid4())
        for secret, late_s in (("0" * 40, 0), (SECRET, 1000), (SECRET, -1000)):
            api = ChatsApi(wire, lambda late_s=late_s: formatdate(time.time() - late_s))  # type: ignore[misc]
            with pytest.raises(SignatureRefused):
                await api.disconnect(ChannelKeys(channel, "demo.kommo.com", secret), amojo)
        await ChatsApi(wire).disconnect(ChannelKeys(channel, "demo.kommo.com", SECRET), amojo)
