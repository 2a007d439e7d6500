"""`python -m tests.bench.kommo_sync`: which part of the reserved pace a sync of leads and contacts keeps, against the fake Kommo.

`--leads 50000 --contacts 50000` is the sync of a large account: about a minute.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

from actors.ports.jobs import NewJob
from actors.services.jobs.crm_sync import ContactSync, SyncPayload
from config.settings import Settings
from integrations.kommo.limits import PER_SECOND
from storage.accounts.audit import Actor
from storage.catalogue import Agents
from storage.crypto import SecretBox, load_or_create_key
from storage.embedded_postgres import EmbeddedPostgres
from storage.embedded_redis import EmbeddedRedis
from storage.jobs.queue import enqueue
from storage.jobs.views import TenantJobs
from storage.kommo_connections import KommoConnections, NewKommo
from storage.migrate import migrate
from storage.postgres import Database, Role
from storage.signals import RedisSignals
from storage.tenants import Tenants
from tests.fakes.kommo.process import KommoProcess
from tests.integration.jobs.lab import working
from tests.integration.kommo.sync_process import worker

TIMEOUT_S = 600.0


async def kommo_sync_pace(dsn: str, redis_url: str, home: Path, kommo: KommoProcess) -> Mapping[str, Any]:
    """Sync the account of the fake once and return the figures."""
    chosen = Settings(data_dir=home, kommo_api=kommo.url)
    async with (
        await Database.open(dsn, Role.API, "bench") as api,
        await Database.open(dsn, Role.ENGINE, "bench", size=10) as engine,
        RedisSignals(redis_url) as signals,
        AsyncExitStack() as stack,
    ):
        tenant_id = await Tenants(api).create("bench", "Bench")
        agent_id = await Agents(api).create(tenant_id, "Anna", {"persona": {"name": "Anna", "languages": ["en"]}})
        connections = KommoConnections(api, SecretBox(load_or_create_key(home)))
        new = NewKommo(agent_id, 1, "demo.kommo.com", "Demo", "demo-token")
        integration_id = (await connections.connect(tenant_id, Actor("bench"), new)).account.integration_id
        async with api.tenant_transaction(tenant_id) as connection:
            job_id = await enqueue(connection, tenant_id, NewJob(ContactSync, SyncPayload(integration_id=integration_id)))
        async with working(worker(engine, signals, chosen, stack)):
            result = await _done(api, tenant_id, job_id)
    refused = sum(entry["status"] == 429 for entry in kommo.requests())
    return {"kommo_sync_refused": refused, "kommo_sync_pace": round(_pace(kommo), 3), "kommo_sync_seen": result["seen"]}


async def _done(api: Database, tenant_id: UUID, job_id: UUID) -> Mapping[str, Any]:
    async with asyncio.timeout(TIMEOUT_S):
        while (job := await TenantJobs(api).find(tenant_id, job_id)) is None or job.state in ("queued", "running"):
            await asyncio.sleep(0.1)
    assert job.state == "done", job.error
    return job.result or {}


def _pace(kommo: KommoProcess) -> float:
    """Return the requests that brought something, by the reserved pace; refused and empty ones count for nothing."""
    asked = [entry for entry in kommo.requests() if entry["path"] in ("/api/v4/leads", "/api/v4/contacts")]
    useful = [entry["at"] for entry in asked if entry["status"] == 200]
    return float((len(useful) - 1) / (useful[-1] - useful[0]) / PER_SECOND)


def main() -> int:
    """Measure on servers of its own and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--contacts", type=int, default=20_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="callboard-bench-") as name:
        home = Path(name)
        home.chmod(0o711)
        postgres, redis, kommo = EmbeddedPostgres(home), EmbeddedRedis(home), KommoProcess(home / "kommo.jsonl").start()
        dsn, redis_url = postgres.start(), redis.start()
        try:
            asyncio.run(migrate(dsn))
            asyncio.run(kommo.control("seed", account=1, leads=chosen.leads, contacts=chosen.contacts))
            result = asyncio.run(kommo_sync_pace(dsn, redis_url, home, kommo))
        finally:
            kommo.stop()
            redis.stop()
            postgres.stop()
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
