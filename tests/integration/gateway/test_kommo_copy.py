"""Asking for a sync over the API, and what is shown of an account."""

from pathlib import Path
from typing import Any

import asyncpg

from tests.integration.gateway.company import found
from tests.integration.gateway.desk import Desk
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.gateway.test_who_may import connect_kommo

_MIRROR = """
insert into kommo_mirror (tenant_id, integration_id, kind, key, name, data, seen_by, change, changed_by)
select $1, $2, x.kind, x.key, x.name, x.data::jsonb, $3, x.change, case when x.change = 'added' then gen_random_uuid() else $3 end
from (values ('pipeline', '7', 'Sales', '{"sort": 1, "is_main": true}', 'added'), ('stage', '7:142', 'Won', '{"sort": 2}', 'changed'),
             ('stage', '7:1', 'New', '{"sort": 1, "color": "#99ccff"}', 'added'), ('lead', '9', 'Tyres', '{}', 'added'))
     x (kind, key, name, data, change)"""
_SYNCED = """
insert into kommo_syncs (tenant_id, integration_id, what, synced_by, full_at, counts)
values ($1, $2, 'pipelines', $3, now(), '{"pipelines": {"added": 0, "changed": 1, "removed": 0}}')"""


async def test_a_sync_is_asked_for_once_and_shown(database: str, redis_url: str, tmp_path: Path) -> None:
    company, stranger = await found(database, "shop"), await found(database, "other")
    account = await connect_kommo(company, database, tmp_path)
    path = f"/api/agents/{company.agent_id}/integrations/{account}"
    async with GatewayProcess(database, redis_url, tmp_path) as gateway:
        desk, other = Desk(gateway, company), Desk(gateway, stranger)
        shown = await desk.do("GET", f"{path}/pipelines", level="viewer")
        assert (shown["sync"], shown["pipelines"], shown["pipelines_synced"]) == (None, [], None)
        await desk.do("POST", f"{path}/sync", level="operator", expect=403)
        job_id = (await desk.do("POST", f"{path}/sync", expect=202))["job_id"]
        assert (await desk.do("POST", f"{path}/sync", expect=202))["job_id"] == job_id
        assert (await desk.do("GET", f"/api/jobs/{job_id}"))["name"] == "crm:sync-pipelines"
        shown = await desk.do("GET", f"{path}/pipelines", level="viewer")
        assert (shown["sync"]["job_id"], shown["sync"]["state"]) == (job_id, "queued")
        await other.do("POST", f"{path}/sync", expect=404)
        await other.do("GET", f"{path}/pipelines", expect=404)
        await desk.do("POST", f"{path.rpartition('/')[0]}/{company.test_id}/sync", expect=404)
        await _synced(database, company.tenant_id, account, job_id)
        shown = await desk.do("GET", f"{path}/pipelines", level="viewer")
    assert (shown["sync"], shown["problem"]) == (None, "no such account")
    assert shown["pipelines_synced"]["pipelines"] == {"added": 0, "changed": 1, "removed": 0}
    stages = [{"id": 1, "name": "New", "color": "#99ccff", "change": None}, {"id": 142, "name": "Won", "color": "", "change": "changed"}]
    assert shown["pipelines"] == [{"id": 7, "name": "Sales", "is_main": True, "change": None, "stages": stages}]


async def _synced(dsn: str, tenant_id: Any, account: Any, job_id: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_MIRROR, tenant_id, account, job_id)
        await connection.execute(_SYNCED, tenant_id, account, job_id)
        await connection.execute("update jobs set state = 'failed', error = 'no such account', finished_at = now() where id = $1", job_id)
    finally:
        await connection.close()
