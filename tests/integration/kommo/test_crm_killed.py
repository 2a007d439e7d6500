"""A turn that finds or makes a contact, a lead and a CRM task, whose host or sender is killed on its way: one of each.

Most of a trial is waiting: for the lease of who was killed to end, for the doubt after it. So lanes of trials go side by side, each
with a tenant, a database, a Kommo, a host and a sender of its own. The long form:

TRIALS=500 python -m pytest tests/integration/kommo/test_crm_killed.py -s
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from actors.domain.ids import Address, IntegrationId
from actors.ports.inbox import NewInput
from storage.catalogue import Agents
from storage.inbox import PostgresInbox
from tests.conftest import fresh_database
from tests.fakes.kommo.process import KommoProcess
from tests.integration.host_process import HostProcess
from tests.integration.kommo.acting import OPEN, look
from tests.integration.kommo.office import Office
from tests.integration.sender_process import SenderProcess
from tests.integration.shop import open_shop

TRIALS = int(os.environ.get("TRIALS", "4"))
LANES = 4  # processes take turns on few cores, and connections of one PostgreSQL
LEASE_S, TIMEOUT_S = 2.0, 0.8  # of a sender; a killed one's action waits for a lease and a half
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
_TRIES = "select sum(attempts) - 3 from (select * from actions order by id desc limit 3) a"
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


@dataclass
class Lane:
    """Trials one after the other."""

    office: Office
    host: HostProcess
    sender: SenderProcess
    bot: IntegrationId
    done: int = 0

    async def run(self, trials: Iterator[int]) -> None:
        """Take trials as long as there are any; each is checked at its end."""
        self.host.start(self.office.shop.epoch)
        self.sender.start(self.office.shop.epoch)
        for trial in trials:
            began = time.monotonic()
            point, nth = POINTS[trial % len(POINTS)]
            await self._kill(trial, point, nth)
            await self._end(3 * (self.done + 1))
            there, self.done = await look(self.office.kommo), self.done + 1
            tries = await self.office.shop.owner.fetchval(_TRIES)
            print(f"{trial + 1}: {point}:{nth}, {tries} tries more, {time.monotonic() - began:.1f} s", flush=True)
            assert {kind: len(there[kind]) for kind in MADE} == dict.fromkeys(MADE, self.done), (point, nth)

    async def check(self) -> None:
        """What was made belongs together."""
        there = await look(self.office.kommo)
        states = await self.office.shop.owner.fetch("select state, count(*) from actions group by 1")
        assert [tuple(row) for row in states] == [("done", 3 * self.done)]
        assert sorted(task["entity_id"] for task in there["tasks"]) == sorted(lead["id"] for lead in there["leads"])
        assert len({lead["_embedded"]["contacts"][0]["id"] for lead in there["leads"]}) == self.done

    async def _kill(self, trial: int, point: str, nth: int) -> None:
        victim: HostProcess | SenderProcess = self.host if point.startswith("host.") else self.sender
        victim.kill()
        victim.start(self.office.shop.epoch, f"{point}:{nth}")
        await _order(self.office, self.bot, trial)
        async with asyncio.timeout(SLOW_S):
            while victim.ended() is None:
                await asyncio.sleep(0.02)
        assert victim.ended() == -signal.SIGKILL
        victim.start(self.office.shop.epoch)

    async def _end(self, actions: int) -> None:
        """Wait until so many actions are done; leases that are over end at once, not at the next look of the sender."""
        async with asyncio.timeout(SLOW_S):
            while not await self.office.shop.owner.fetchval(f"select (select count(*) from actions) = {actions} and not exists ({OPEN})"):
                await self.office.shop.engine.fetchval("select actions_expire()")
                await asyncio.sleep(0.05)


@asynccontextmanager
async def open_lane(database: str, redis_url: str, directory: Path) -> AsyncIterator[Lane]:
    """Make everything that a lane has; its processes end with it."""
    directory.mkdir()
    async with AsyncExitStack() as stack:
        kommo = KommoProcess(directory / "kommo.jsonl").start()
        stack.callback(kommo.stop)
        office = await stack.enter_async_context(Office(await stack.enter_async_context(open_shop(database, directory)), kommo))
        office.shop.agent_id = await Agents(office.shop.api).create(office.shop.tenant_id, "Anna", SHOP)
        await office.with_token()
        bot, _ = await office.shop.add_bot("700")
        sender = SenderProcess(database, redis_url, directory, NOWHERE, LEASE_S, TIMEOUT_S, kommo.url)
        host = HostProcess(database, redis_url, directory)
        stack.callback(sender.kill)
        stack.callback(host.kill)
        yield Lane(office, host, sender, bot)


@pytest.mark.timeout(120 + 60 * TRIALS)
async def test_one_of_each_whoever_is_killed_where(postgres_dsn: str, migrated_template: str, redis_url: str, tmp_path: Path) -> None:
    trials, began = iter(range(TRIALS)), time.monotonic()
    async with AsyncExitStack() as stack:
        lanes = []
        for number in range(min(LANES, TRIALS)):
            database = await stack.enter_async_context(fresh_database(postgres_dsn, migrated_template))
            lanes.append(await stack.enter_async_context(open_lane(database, redis_url, tmp_path / str(number))))
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(lane.run(trials))
        for lane in lanes:
            await lane.check()
    assert sum(lane.done for lane in lanes) == TRIALS
    each_s = (time.monotonic() - began) / TRIALS
    print(f"{TRIALS} kills at {min(TRIALS, len(POINTS))} points: {TRIALS} contacts, leads and tasks; {each_s:.1f} s a trial")


async def _order(office: Office, bot: IntegrationId, chat: int) -> None:
    who = {"id": chat, "first_name": "Ivan"}
    message = {"message_id": 1, "date": 1_900_000_000, "chat": {"id": chat, "type": "private"}, "from": who, "text": "spring"}
    raw = json.dumps({"update_id": chat, "message": message}).encode()
    await PostgresInbox(office.shop.engine).ingest(
        [NewInput(office.shop.tenant_id, Address(bot, str(chat)), "message", f"telegram:{bot}:{chat}", raw)]
    )
