"""What webhooks lost is found in the account's history, and webhooks that were switched off are set again."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from actors.domain.ids import Address, InboxId
from actors.domain.messages import CompanySpoke, InboundMessage
from actors.ports.inbox import InboxRow, NewInput
from actors.ports.jobs import NewJob
from actors.ports.kommo import KommoAccount
from actors.services.jobs.crm_reconcile import Reconcile, ReconcilePayload
from config.settings import Settings
from integrations.kommo.parser import KommoParser
from integrations.kommo.routing import dedupe_key
from storage.inbox import PostgresInbox
from storage.jobs.queue import enqueue
from storage.jobs.views import TenantJobs
from storage.signals import RedisSignals
from tests.integration.jobs.lab import working
from tests.integration.kommo.office import CHAT, Office
from tests.integration.kommo.sync_process import worker

_INBOX = """
select i.*, 0::float8 as age_s, k.dedupe_key from inbox i join inbox_keys k on k.inbox_id = i.id order by i.id"""
_RESUBSCRIBED = "select count(*) from activity_logs where kind = 'integration.resubscribed'"


@pytest.fixture
async def account(office: Office, redis_url: str, tmp_path: Path) -> AsyncIterator[KommoAccount]:
    """An account that was connected an hour ago, and a worker."""
    connected = await office.with_token()
    await office.shop.owner.execute("update kommo_accounts set created_at = now() - interval '1 hour'")
    chosen = Settings(data_dir=tmp_path, kommo_api=office.kommo.url, public_url="http://callboard.example")
    async with (
        AsyncExitStack() as stack,
        RedisSignals(redis_url) as signals,
        working(worker(office.shop.engine, signals, chosen, stack)),
    ):
        yield connected


async def reconcile(office: Office) -> Mapping[str, Any]:
    tenant_id = office.shop.tenant_id
    async with office.shop.api.tenant_transaction(tenant_id) as connection:
        job_id = await enqueue(connection, tenant_id, NewJob(Reconcile, ReconcilePayload()))
    async with asyncio.timeout(30):
        while (job := await TenantJobs(office.shop.api).find(tenant_id, job_id)) is None or job.state in ("queued", "running"):
            await asyncio.sleep(0.05)
    assert job.state == "done", job.error
    return job.result or {}


async def test_what_webhooks_lost_is_taken_in_once(office: Office, account: KommoAccount) -> None:
    kommo = office.kommo
    talk = await kommo.talk(CHAT)
    lost = await kommo.control("customer", account=1, talk_id=talk["talk_id"], text="Are you there?", ago=300)
    answered = await kommo.control("person", account=1, talk_id=talk["talk_id"], text="Yes", ago=240)
    heard = await kommo.control("customer", account=1, talk_id=talk["talk_id"], text="Thanks", ago=200)
    await kommo.control("customer", account=1, talk_id=talk["talk_id"], text="on its way")
    other = await kommo.talk("another-chat", lead=False)
    alone = await kommo.control("customer", account=1, talk_id=other["talk_id"], text="Hello", ago=100)
    key = dedupe_key("1", heard["id"])
    await PostgresInbox(office.shop.engine).ingest(
        [NewInput(account.tenant_id, Address(account.integration_id, CHAT), "message", key, b"{}")]
    )
    assert await reconcile(office) == {"accounts": 1, "found": 3, "resubscribed": 1}
    rows = (await office.shop.owner.fetch(_INBOX))[1:]
    assert {r["dedupe_key"] for r in rows} == {dedupe_key("1", one["id"]) for one in (lost, answered, alone)}
    parsed = {r["dedupe_key"]: KommoParser().parse(_row(account, r)) for r in rows}
    question, answer, hello = (parsed[dedupe_key("1", one["id"])] for one in (lost, answered, alone))
    assert isinstance(question, InboundMessage)
    assert (question.text, question.external_id) == ("Are you there?", lost["id"])
    told = {name: str(talk[name]) for name in ("chat_id", "talk_id", "contact_id", "entity_type", "entity_id", "origin")}
    assert question.reply_to == told
    assert isinstance(answer, CompanySpoke)
    assert (answer.text, answer.by) == ("Yes", "person")
    assert isinstance(hello, InboundMessage)
    assert "entity_id" not in (hello.reply_to or {})
    before = len(kommo.requests("/messages"))
    assert await reconcile(office) == {"accounts": 1, "found": 0, "resubscribed": 0}
    assert len(kommo.requests("/messages")) == before  # nothing is unheard, so no chat is read


async def test_a_webhook_that_was_switched_off_is_set_again(office: Office, account: KommoAccount) -> None:
    assert (await reconcile(office))["resubscribed"] == 1  # it was not there at all
    await office.kommo.control("disable", account=1)
    assert (await reconcile(office))["resubscribed"] == 1
    assert (await reconcile(office))["resubscribed"] == 0
    [hook] = (await office.kommo.control("state"))["webhooks"]["1"]
    assert hook["destination"].startswith(f"http://callboard.example/webhooks/kommo/{account.integration_id}/")
    assert not hook["disabled"]
    assert await office.shop.owner.fetchval(_RESUBSCRIBED) == 2


async def test_an_account_that_may_not_be_read_says_so_and_a_schedule_asks(office: Office, account: KommoAccount) -> None:
    await office.kommo.control("revoke", account=1)
    found = await reconcile(office)
    assert found["accounts"] == 0
    assert "connect the account again" in found["problems"][0]["problem"]
    schedule = await office.shop.owner.fetchrow("select name, cron, enabled from job_schedules where key = 'crm:reconcile'")
    assert schedule is not None
    assert tuple(schedule) == (Reconcile.name, "*/10 * * * *", True)


def _row(account: KommoAccount, r: Any) -> InboxRow:
    address = Address(account.integration_id, r["key"])
    return InboxRow(InboxId(r["id"]), account.tenant_id, address, r["kind"], r["raw"], r["received_at"], r["age_s"], 0)
