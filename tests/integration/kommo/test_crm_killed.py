"""A turn that finds or makes a contact, a lead and a CRM task, whose host or sender is killed on its way: one of each. The long form:

TRIALS=500 python -m pytest tests/integration/kommo/test_crm_killed.py -s
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.domain.ids import Address, IntegrationId
from actors.ports.inbox import NewInput
from storage.catalogue import Agents
from storage.inbox import PostgresInbox
from tests.fakes.kommo.process import KommoProcess
from tests.integration.host_process import HostProcess
from tests.integration.kommo.acting import OPEN, look
from tests.integration.kommo.office import Office
from tests.integration.sender_process import SenderProcess

TRIALS = int(os.environ.get("TRIALS", "4"))
SLOW_S = 90.0  # on a busy machine a process takes its time to start
NOWHERE = "http://127.0.0.1:9"
MADE = ("contacts", "leads", "tasks")
# The most telling first: the short form has a few of them only. Nobody is known but by name: there is no number to find by.
POINTS = [
    *(("crm.after_create", 2), ("host.before_commit", 1), ("crm.after_create", 3), ("host.after_commit", 1)),
    *(("crm.after_create", 1), ("action.after_begin", 2)),
    *(("crm.after_made", 1), ("crm.after_made", 2), ("action.after_run", 1), ("action.after_run", 2), ("action.after_run", 3)),
    *(("crm.before_create", 1), ("crm.before_create", 2), ("crm.before_create", 3), ("crm.after_look", 1), ("crm.after_look", 2)),
    *(("action.before_begin", 1), ("action.before_begin", 2), ("action.before_begin", 3)),
    *(("action.after_begin", 1), ("action.after_begin", 3), ("host.after_pull", 1)),
]
ORDER = {
    "id": "order",
    "trigger": {"on": "message_received"},
    "actions": [
        {"do": "crm_contact", "name": "{contact.name}"},
        {"do": "crm_lead", "name": "Order: {message.text}"},
        {"do": "crm_task", "text": "Call {contact.name} back", "due_s": 3600},
    ],
}
SHOP = {"persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0.0}, "rules": [ORDER]}


@pytest.fixture
def sender(database: str, redis_url: str, tmp_path: Path, kommo: KommoProcess) -> Iterator[SenderProcess]:
    process = SenderProcess(database, redis_url, tmp_path, NOWHERE, lease_s=3.0, timeout_s=1.0, kommo=kommo.url)
    yield process
    process.kill()


@pytest.fixture
def host(database: str, redis_url: str, tmp_path: Path) -> Iterator[HostProcess]:
    process = HostProcess(database, redis_url, tmp_path)
    yield process
    process.kill()


@pytest.mark.timeout(120 + 60 * TRIALS)
async def test_one_of_each_whoever_is_killed_where(office: Office, host: HostProcess, sender: SenderProcess) -> None:
    office.shop.agent_id = await Agents(office.shop.api).create(office.shop.tenant_id, "Anna", SHOP)
    await office.with_token()
    bot, _ = await office.shop.add_bot("700")
    host.start(office.shop.epoch)
    sender.start(office.shop.epoch)
    for trial in range(TRIALS):
        began = time.monotonic()
        point, nth = POINTS[trial % len(POINTS)]
        victim: HostProcess | SenderProcess = host if point.startswith("host.") else sender
        victim.kill()
        victim.start(office.shop.epoch, f"{point}:{nth}")
        await _order(office, bot, trial)
        async with asyncio.timeout(SLOW_S):
            while victim.ended() is None:
                await asyncio.sleep(0.02)
        assert victim.ended() == -signal.SIGKILL
        victim.start(office.shop.epoch)
        done = f"(select count(*) from actions) = {3 * (trial + 1)} and not exists ({OPEN})"
        await office.shop.until(done, SLOW_S)
        there = await look(office.kommo)
        tries = await office.shop.owner.fetchval("select sum(attempts) - 3 from (select * from actions order by id desc limit 3) a")
        print(f"{trial + 1}: {point}:{nth}, {tries} tries more, {time.monotonic() - began:.1f} s", flush=True)
        assert {kind: len(there[kind]) for kind in MADE} == dict.fromkeys(MADE, trial + 1), (point, nth)
    states = await office.shop.owner.fetch("select state, count(*) from actions group by 1")
    assert [tuple(row) for row in states] == [("done", 3 * TRIALS)]
    assert sorted(task["entity_id"] for task in there["tasks"]) == sorted(lead["id"] for lead in there["leads"])
    assert len({lead["_embedded"]["contacts"][0]["id"] for lead in there["leads"]}) == TRIALS
    print(f"{TRIALS} kills at {min(TRIALS, len(POINTS))} points: {TRIALS} contacts, leads and tasks")


async def _order(office: Office, bot: IntegrationId, chat: int) -> None:
    who = {"id": chat, "first_name": "Ivan"}
    message = {"message_id": 1, "date": 1_900_000_000, "chat": {"id": chat, "type": "private"}, "from": who, "text": "spring"}
    raw = json.dumps({"update_id": chat, "message": message}).encode()
    await PostgresInbox(office.shop.engine).ingest(
        [NewInput(office.shop.tenant_id, Address(bot, str(chat)), "message", f"telegram:{bot}:{chat}", raw)]
    )
