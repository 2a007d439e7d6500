"""The daily digest: each owner who linked their Telegram is sent a day once, whoever dies and however many workers there are."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from actors.domain.cron import next_run
from actors.domain.digest import day_before
from actors.domain.errors import InvalidDefinition, OwnershipLost
from actors.ports.digests import Reader
from actors.ports.jobs import JobLease, NewJob
from actors.runtime.clock import SystemClock
from actors.runtime.sync_actor import SyncActor
from actors.services.jobs.daily_digest import DailyDigest, DigestPayload
from actors.services.jobs.registry import JobRegistry
from storage.digests import DigestPlans, PostgresDigests
from storage.jobs.queue import PostgresJobQueue, enqueue
from storage.signals import RedisSignals
from tests.integration.host_lab import HostLab
from tests.integration.jobs.lab import working
from tests.integration.office import BOSS, Office
from tests.integration.shop import open_shop

BERLIN = "Europe/Berlin"
OLGA, IVAN, ANN = 201, 202, 203


@pytest.fixture
async def office(database: str, tmp_path: Path) -> AsyncIterator[Office]:
    """Two owners and an operator with linked chats, an owner without, and a day that is over."""
    async with open_shop(database, tmp_path) as shop:
        lab = HostLab(shop)
        async with lab.running(lab.host()):
            office = await Office.open(lab)
            for name, chat, role, locale in (("Olga", OLGA, "owner", "ru"), ("Ivan", IVAN, "owner", "en"), ("Ann", ANN, "operator", "en")):
                user_id = await office.operator(name, chat, locale)
                await shop.owner.execute("update users set role = $2 where id = $1", user_id, role)
            await office.hire("Boris", "owner")
            yield office


@pytest.fixture
async def signals(redis_url: str) -> AsyncIterator[RedisSignals]:
    async with RedisSignals(redis_url) as opened:
        yield opened


class DyingDigests(PostgresDigests):
    """Loses its first worker after one digest is on its way."""

    died = 0

    async def send(self, lease: JobLease, reader: Reader, key: str, text: str) -> bool:
        sent = await super().send(lease, reader, key, text)
        if sent and not DyingDigests.died:
            DyingDigests.died += 1
            raise OSError("the worker is gone")
        return sent


def worker(office: Office, signals: RedisSignals, store: PostgresDigests | None = None) -> SyncActor:
    database = office.lab.shop.engine
    digests = DailyDigest(store or PostgresDigests(database), SystemClock(), "https://cb.example/")
    return SyncActor(uuid4(), PostgresJobQueue(database), JobRegistry(digests), signals, SystemClock(), random.random)


@asynccontextmanager
async def two_workers(office: Office, signals: RedisSignals, store: PostgresDigests | None = None) -> AsyncIterator[None]:
    async with working(worker(office, signals, store)), working(worker(office, signals, store)):
        yield


async def digests(office: Office, chat: int) -> list[str]:
    """Return the digests of a chat, in order: what else is said there is about linking it."""
    return [text for text in await office.heard(chat) if "cb.example" in text]


async def yesterday(office: Office) -> None:
    """Put counters, a failed job and spending into the day that is over."""
    owner: Any = office.lab.shop.owner
    day = f"((now() at time zone '{BERLIN}')::date - 1)"
    noon = f"({day} + time '12:00') at time zone '{BERLIN}'"
    counted = "(tenant_id, grain, at, agent_id, channel, turns, messages, answered, handoffs, errors, micros, times)"
    await owner.execute(
        f"insert into activity_rollups {counted} values ($1, 'hour', {noon}, $2, 'telegram', 10, 12, 9, 3, 2, 1500000, '{{\"97\": 10}}')",
        office.tenant_id,
        office.agent_id,
    )
    failed = f"insert into jobs (tenant_id, name, state, finished_at) values ($1, 'x', 'dead', {noon}), ($1, 'x', 'failed', now())"
    await owner.execute(failed, office.tenant_id)


async def due(office: Office) -> None:
    await office.lab.shop.owner.execute("update job_schedules set next_at = now() - interval '3 days' where key = 'digest:daily'")


async def ended(office: Office, jobs: int) -> list[Any]:
    await office.lab.shop.until(f"(select count(*) from jobs where name = 'digest:daily' and state = 'done') = {jobs}")
    rows = await office.lab.shop.owner.fetch("select result from jobs where name = 'digest:daily' order by number")
    return [orjson.loads(r["result"]) for r in rows]


async def test_each_owner_is_sent_a_day_once(office: Office, signals: RedisSignals) -> None:
    plans, queue = DigestPlans(office.lab.shop.api), PostgresJobQueue(office.lab.shop.engine)
    await yesterday(office)
    assert (await plans.show(office.tenant_id)).enabled is False
    assert await queue.tick(next_run) <= 1
    plan = await plans.change(office.tenant_id, True, 9, BERLIN, BOSS)
    assert (plan.enabled, plan.hour, plan.time_zone) == (True, 9, BERLIN)
    assert {owner.name: owner.linked for owner in plan.owners} == {"Olga": True, "Ivan": True, "Boris": False}
    assert plan.next_at is not None
    assert plan.next_at > datetime.now(UTC)
    await due(office)
    async with two_workers(office, signals, DyingDigests(office.lab.shop.engine)):
        (first,) = await ended(office, 1)
        assert DyingDigests.died == 1  # and the next try went on
        for jobs in (2, 3):  # the hour is changed, the schedule is run by hand: the day stays the same
            await plans.change(office.tenant_id, True, 9 + jobs, BERLIN, BOSS)
            await due(office)
            assert (await ended(office, jobs))[-1]["sent"] == 0
    assert (first["sent"], first["readers"]) == (1, 2)
    (russian,), (english,) = await digests(office, OLGA), await digests(office, IVAN)
    assert await digests(office, ANN) == []
    assert "Сообщений: 12\nОтвечено без участия человека: 9 (75 %)" in russian
    assert "Ошибок: 2, заданий не выполнено: 1\nМодели: 1,50 $" in russian
    assert "Messages: 12\nAnswered without a person: 9 (75 %)" in english
    assert english.endswith(f"https://cb.example/manage/{office.tenant_id}")
    told = await office.activity("digest.sent")
    assert sorted(item["title"] for item in told) == ["Ivan", "Olga"]
    classes = await office.lab.shop.owner.fetch("select class, policy from outbox where body->>'text' like '%cb.example%'")
    assert {(r["class"], r["policy"]) for r in classes} == {("operator", "once")}


async def test_the_next_day_is_told_again_and_switched_off_no_more(office: Office, signals: RedisSignals) -> None:
    plans = DigestPlans(office.lab.shop.api)
    await plans.change(office.tenant_id, True, 9, "UTC", BOSS)
    await due(office)
    async with two_workers(office, signals):
        await ended(office, 1)
        day = day_before(datetime.now(UTC), UTC)
        await office.lab.shop.owner.execute("update digests set key = $1", (day - timedelta(days=1)).isoformat())
        await due(office)
        assert (await ended(office, 2))[-1]["sent"] == 2
        await plans.change(office.tenant_id, False, 9, "UTC", BOSS)
        await due(office)
        await asyncio.sleep(1.5)  # the worker looks for due schedules every half a second
        await ended(office, 2)
    assert len(await digests(office, OLGA)) == 2
    with pytest.raises(InvalidDefinition):
        await plans.change(office.tenant_id, True, 9, "Mars/Crater", BOSS)


async def test_who_asks_for_one_gets_it_besides(office: Office, signals: RedisSignals) -> None:
    shop = office.lab.shop
    user_id: UUID = await shop.owner.fetchval("select id from users where name = 'Olga'")
    async with two_workers(office, signals):
        for jobs in (1, 2):
            async with shop.api.tenant_transaction(office.tenant_id) as connection:
                await enqueue(connection, office.tenant_id, NewJob(DailyDigest, DigestPayload(user_id=user_id)))
            assert (await ended(office, jobs))[-1]["sent"] == 1
    assert (len(await digests(office, OLGA)), len(await digests(office, IVAN))) == (2, 0)


async def test_a_chat_with_a_bot_that_is_gone_is_no_chat(office: Office) -> None:
    store = PostgresDigests(office.lab.shop.engine)
    assert [reader.name for reader in await store.readers(office.tenant_id, None)] == ["Olga", "Ivan"]
    await office.lab.shop.owner.execute("update integrations set status = 'disconnected'")
    assert await store.readers(office.tenant_id, None) == []
    plan = await DigestPlans(office.lab.shop.api).show(office.tenant_id)
    assert [owner.linked for owner in plan.owners] == [False, False, False]


async def test_a_worker_that_lost_its_job_sends_nothing(office: Office) -> None:
    shop, store = office.lab.shop, PostgresDigests(office.lab.shop.engine)
    (olga, *_) = await store.readers(office.tenant_id, None)
    async with shop.api.tenant_transaction(office.tenant_id) as connection:
        job_id = await enqueue(connection, office.tenant_id, NewJob(DailyDigest, DigestPayload()))
    with pytest.raises(OwnershipLost):
        await store.send(JobLease(job_id, office.tenant_id, 1), olga, "2026-11-26", "cb.example")
    assert await digests(office, OLGA) == []
    assert await shop.owner.fetchval("select count(*) from digests") == 0
