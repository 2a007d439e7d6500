"""A sender as `callboard run` composes it, killed while it sends into Kommo: at most one copy, and what was sent is found out."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.kommo.process import KommoProcess
from tests.integration.kommo.office import CHAT, Office
from tests.integration.sender_process import SenderProcess

NOWHERE = "http://127.0.0.1:9"
SLOW_S = 80.0  # on a busy machine a sender takes its time to start


@pytest.fixture
def sender(database: str, redis_url: str, tmp_path: Path, kommo: KommoProcess) -> Iterator[SenderProcess]:
    process = SenderProcess(database, redis_url, tmp_path, NOWHERE, lease_s=6.0, timeout_s=2.0, kommo=kommo.url)
    yield process
    process.kill()


@pytest.mark.parametrize(("point", "nth"), [("sender.before_begin", 2), ("sender.after_begin", 1), ("sender.after_send", 2)])
async def test_killed_at_a_point(office: Office, sender: SenderProcess, point: str, nth: int) -> None:
    account = await office.with_token()
    for chat in range(6):
        talk = await office.kommo.talk(f"chat-{chat}")
        await office.add_rows(account, *({"text": f"{chat}/{n}", "talk_id": talk["talk_id"]} for n in range(2)), chat=f"chat-{chat}")
    sender.start(office.shop.epoch, f"{point}:{nth}")
    async with asyncio.timeout(SLOW_S):
        while sender.ended() is None:
            await office.shop.expire()
            await asyncio.sleep(0.05)
    assert sender.ended() == -signal.SIGKILL
    sender.start(office.shop.epoch)
    open_or_doubted = "select from outbox where state in ('pending', 'claimed', 'sending') or (state = 'unknown' and looks < 2)"
    await office.shop.until(f"not exists ({open_or_doubted})", SLOW_S)
    copies = office.kommo.copies()
    assert set(copies.values()) <= {1}
    for row in await office.shop.rows():
        assert row["state"] in ("sent", "unknown")
        assert (row["state"] == "sent") == (copies[row["text"]] == 1), dict(row)


async def test_killed_from_outside_while_kommo_hangs(office: Office, sender: SenderProcess) -> None:
    account = await office.with_token()
    talk = await office.kommo.talk(CHAT)
    await office.kommo.fault("hang_after", path="/send_message")
    await office.add_rows(account, {"text": "hello", "talk_id": talk["talk_id"]})
    sender.start(office.shop.epoch)
    async with asyncio.timeout(SLOW_S):
        while not office.kommo.copies():
            await asyncio.sleep(0.02)
    sender.kill()
    sender.start(office.shop.epoch)
    await office.shop.until("not exists (select from outbox where state in ('pending', 'claimed', 'sending', 'unknown'))", SLOW_S)
    [row] = await office.shop.rows()
    assert (row["state"], row["uncertain"]) == ("sent", 1)
    assert dict(office.kommo.copies()) == {"hello": 1}
