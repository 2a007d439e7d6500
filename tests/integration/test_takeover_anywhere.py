"""A person takes a conversation over while a host or a sender stands at any point of a turn, or was killed there: the bot is silent."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.conversations import ConversationControl
from storage.inbox import PostgresInbox
from tests.fakes.telegram_process import TelegramProcess
from tests.integration.host_lab import CHAIN, HostLab
from tests.integration.host_process import HostProcess
from tests.integration.sender_process import SenderProcess
from tests.integration.shop import Shop

HOST = ("host.after_pull", "host.before_commit", "host.after_commit")
SENDER = ("sender.before_begin", "sender.after_begin", "sender.after_send")
CHAT = 5
# Where the answer is on its way when the person takes over. Killed with it begun, nobody sends it: its next claim would come after.
ON_ITS_WAY = {("sender.after_begin", "stop"), ("sender.after_send", "stop"), ("sender.after_send", "kill")}


@pytest.fixture
def host(database: str, redis_url: str, tmp_path: Path) -> Iterator[HostProcess]:
    process = HostProcess(database, redis_url, tmp_path)
    yield process
    process.kill()


@pytest.fixture
def sender(database: str, redis_url: str, tmp_path: Path, telegram: TelegramProcess) -> Iterator[SenderProcess]:
    process = SenderProcess(database, redis_url, tmp_path, telegram.url, lease_s=4.0, timeout_s=1.0)
    yield process
    process.kill()


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize("point", HOST + SENDER)
async def test_the_bot_is_silent_from_a_takeover_on(
    point: str, how: str, shop: Shop, telegram: TelegramProcess, host: HostProcess, sender: SenderProcess
) -> None:
    lab, inbox, control = HostLab(shop), PostgresInbox(shop.engine), ConversationControl(shop.api)
    shop.agent_id = await lab.add_agent(CHAIN)
    bot, token = await shop.add_bot("700")
    await telegram.add_bot(token)

    async def written(n: int) -> None:
        await inbox.ingest([lab.message(bot, CHAT, n, f"question {n}")])

    def answered() -> list[str]:
        return [json.loads(entry["text"])["texts"][0] for entry in telegram.accepted()]

    host.start(shop.epoch)
    sender.start(shop.epoch)
    await written(1)
    await telegram.wait_accepted(1)
    await shop.settled()
    conversation = await shop.owner.fetchval("select id from conversations")
    host.kill()
    sender.kill()

    armed = host if point in HOST else sender
    await written(2)
    host.start(shop.epoch, f"{point}:1:{how}" if armed is host else "")
    if armed is sender:  # else it would be faster than the person
        sender.start(shop.epoch, f"{point}:1:{how}")
    async with asyncio.timeout(20):
        while not (armed.stopped() if how == "stop" else armed.ended() is not None):
            await asyncio.sleep(0.01)
    await control.take_over(shop.tenant_id, conversation, "olga")
    if how == "stop":
        armed.signal(signal.SIGCONT)
    else:
        armed.start(shop.epoch)
    if armed is host:
        sender.start(shop.epoch)
    await written(3)
    await lab.settled()
    # What came back for a retry stays, and giving back withdraws it.
    await shop.until("not exists (select from outbox where state in ('claimed', 'sending'))")
    assert answered() == ["question 1", *(["question 2"] if (point, how) in ON_ITS_WAY else [])]
    assert await shop.owner.fetchval("select count(*) from messages where role = 'customer'") == 3, "the person reads everything"

    await control.give_back(shop.tenant_id, conversation, "olga")
    before = len(answered())
    await written(4)
    await telegram.wait_accepted(before + 1)
    assert answered()[before:] == ["question 4"]
