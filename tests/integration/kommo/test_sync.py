"""Syncs of an account against the fake: what they find, one at a time, and one that is killed in the middle."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from actors.ports.jobs import NewJob
from actors.ports.kommo import KommoAccount
from actors.services.jobs.crm_sync import TRIES, ContactSync, PipelineSync, SyncPayload, dedupe_key
from config.settings import Settings
from storage.jobs.queue import enqueue
from storage.jobs.views import TenantJobs
from storage.kommo_views import KommoCopies, MirrorState
from storage.signals import RedisSignals
from tests.integration.jobs.lab import working
from tests.integration.kommo.office import OWNER, Office
from tests.integration.kommo.sync_process import SyncProcess, worker

_COUNT = "select count(*) from kommo_mirror where kind = $1 and change <> 'removed'"


@dataclass
class Syncing:
    """An account, and whoever has it synced."""

    office: Office
    account: KommoAccount
    copies: KommoCopies = field(init=False)

    def __post_init__(self) -> None:
        self.copies = KommoCopies(self.office.shop.api, [PipelineSync.name, ContactSync.name])

    def job(self, kind: Any = PipelineSync, **payload: Any) -> NewJob[SyncPayload]:
        integration_id = self.account.integration_id
        return NewJob(kind, SyncPayload(integration_id=integration_id, **payload), dedupe_key(integration_id), max_attempts=TRIES)

    async def ask(self) -> Any:
        shop = self.office.shop
        return await self.copies.request(shop.tenant_id, shop.agent_id, self.account.integration_id, self.job(), OWNER)

    async def add(self, **payload: Any) -> Any:
        async with self.office.shop.api.tenant_transaction(self.account.tenant_id) as connection:
            return await enqueue(connection, self.account.tenant_id, self.job(ContactSync, **payload))

    async def ended(self, job_id: Any, timeout_s: float = 60.0) -> Mapping[str, Any]:
        async with asyncio.timeout(timeout_s):
            while True:
                job = await TenantJobs(self.office.shop.api).find(self.account.tenant_id, job_id)
                assert job is not None
                if job.state not in ("queued", "running"):
                    assert job.state == "done", job.error
                    return dict(job.result or {})
                await asyncio.sleep(0.05)

    async def all(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Have everything synced; return the results of both jobs."""
        first = await self.ended(await self.ask())
        return first, await self.ended(first["next_job_id"])

    async def state(self) -> MirrorState:
        shop, integration_id = self.office.shop, self.account.integration_id
        state = await self.copies.state(shop.tenant_id, shop.agent_id, integration_id, dedupe_key(integration_id))
        assert state is not None
        return state

    async def count(self, kind: str) -> int:
        return int(await self.office.shop.owner.fetchval(_COUNT, kind))


@pytest.fixture
async def syncing(office: Office) -> Syncing:
    return Syncing(office, await office.with_token())


@pytest.fixture
async def at_work(syncing: Syncing, redis_url: str, tmp_path: Path) -> AsyncIterator[Syncing]:
    """A worker in this process."""
    chosen = Settings(data_dir=tmp_path, kommo_api=syncing.office.kommo.url)
    async with (
        AsyncExitStack() as stack,
        RedisSignals(redis_url) as signals,
        working(worker(syncing.office.shop.engine, signals, chosen, stack)),
    ):
        yield syncing


async def test_a_sync_shows_what_was_added_changed_and_removed(at_work: Syncing) -> None:
    kommo = at_work.office.kommo
    await kommo.control("seed", account=1, leads=600, contacts=3)
    first, second = await at_work.all()
    assert first["pipelines"] == {"added": 4, "changed": 0, "removed": 0}  # one pipeline, three stages
    assert second == {"seen": 603, "added": 603, "changed": 0, "removed": 0, "full": True}
    pipelines = [{"id": 7, "name": "Repairs", "sort": 2, "_embedded": {"statuses": [{"id": 142, "name": "Fixed", "sort": 9, "type": 0}]}}]
    [sales] = [item for item in (await at_work.state()).items if item.kind == "pipeline"]
    assert (sales.name, sales.change) == ("Sales", "added")
    stages = [{"id": 1, "name": "New", "sort": 1, "type": 1}, {"id": 142, "name": "Won", "sort": 142, "type": 0}]
    kept = {"id": int(sales.key), "name": "Sales", "sort": 1, "is_main": True, "_embedded": {"statuses": stages}}
    await kommo.control("pipelines", account=1, pipelines=[kept, *pipelines])
    leads = await at_work.office.shop.owner.fetch("select key from kommo_mirror where kind = 'lead' order by key::bigint limit 2")
    await kommo.control("change", account=1, kind="leads", id=leads[0]["key"], name="Tyres")
    again, changes = await at_work.all()
    assert again["pipelines"] == {"added": 2, "changed": 1, "removed": 1}
    assert (changes["full"], changes["removed"]) == (False, 0)
    assert changes["changed"] == 1
    found = {(item.kind, item.name): item.change for item in (await at_work.state()).items if item.kind in ("pipeline", "stage")}
    assert found == {
        ("pipeline", "Sales"): None,
        ("pipeline", "Repairs"): "added",
        ("stage", "New"): "changed",
        ("stage", "Won"): None,
        ("stage", "Fixed"): "added",  # with the id that Won has in Sales
        ("stage", "Lost"): "removed",
    }
    await kommo.control("change", account=1, kind="leads", id=leads[1]["key"], delete=True)
    assert (await at_work.ended(await at_work.add(full=True)))["removed"] == 1
    assert await at_work.count("lead") == 599
    again, _ = await at_work.all()
    assert again["pipelines"] == {"added": 0, "changed": 0, "removed": 0}
    assert "Lost" not in {item.name for item in (await at_work.state()).items}


async def test_a_short_refusal_does_not_end_the_try(at_work: Syncing) -> None:
    await at_work.office.kommo.control("seed", account=1, leads=1_000)
    await at_work.office.kommo.fault("too_many", path="/api/v4/leads", times=3)
    job_id = await at_work.add()
    assert (await at_work.ended(job_id))["seen"] == 1_000
    assert await at_work.office.shop.owner.fetchval("select attempts from jobs where id = $1", job_id) == 1


async def test_a_sync_on_its_way_is_the_answer_and_two_never_run_at_once(at_work: Syncing) -> None:
    await at_work.office.kommo.control("seed", account=1, leads=2_000)
    contacts = await at_work.add(full=True)
    async with asyncio.timeout(20):
        while (live := (await at_work.state()).live) is None or live.done == 0:
            await asyncio.sleep(0.02)
    assert await at_work.ask() == contacts
    async with at_work.office.shop.api.tenant_transaction(at_work.account.tenant_id) as connection:
        pipelines = await enqueue(connection, at_work.account.tenant_id, at_work.job(contacts=False))
    await at_work.ended(pipelines)
    asked = [entry["path"] for entry in at_work.office.kommo.requests()]
    assert asked.index("/api/v4/leads/pipelines") > max(n for n, path in enumerate(asked) if path == "/api/v4/contacts")
    assert (await at_work.ended(contacts))["seen"] == 2_000


async def test_a_worker_that_is_killed_is_followed_where_it_stopped(
    syncing: Syncing, database: str, redis_url: str, tmp_path: Path
) -> None:
    """Three lives and a Redis that forgets everything: all is there once, and hardly a page is read twice."""
    kommo = syncing.office.kommo
    await kommo.control("seed", account=1, leads=6_000, contacts=1_000)
    job_id = await syncing.add()
    for pages in (6, 16):
        process = SyncProcess(database, redis_url, tmp_path, kommo.url)
        await kommo.until("/api/v4/leads", pages, 40)
        process.kill()
        async with redis.asyncio.from_url(redis_url) as client:
            await client.flushall()
    process = SyncProcess(database, redis_url, tmp_path, kommo.url)
    try:
        found = await syncing.ended(job_id, 90)
    finally:
        process.kill()
    assert found == {"seen": 7_000, "added": 7_000, "changed": 0, "removed": 0, "full": True}
    assert (await syncing.count("lead"), await syncing.count("contact")) == (6_000, 1_000)
    attempts = await syncing.office.shop.owner.fetchval("select attempts from jobs where id = $1", job_id)
    assert attempts == 3
    assert len(kommo.requests("/api/v4/leads")) <= 24 + 2 * 8  # what was under way twice


async def test_an_account_that_is_gone_says_what_to_do(at_work: Syncing) -> None:
    shop = at_work.office.shop
    job_id = await at_work.ask()
    await shop.owner.execute("update integrations set status = 'disconnected' where id = $1", at_work.account.integration_id)
    async with asyncio.timeout(20):
        while (job := await TenantJobs(shop.api).find(shop.tenant_id, job_id)) is None or job.state in ("queued", "running"):
            await asyncio.sleep(0.02)
    assert job.state in ("failed", "done")  # done: it was faster than the disconnecting
    assert job.state == "done" or "connect it again" in str(job.error)
    assert await at_work.ask() is None
