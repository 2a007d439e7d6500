"""What people see of a Kommo account's copy, and how they ask for a newer one; either role."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.ports.jobs import NewJob
from storage.accounts.audit import Actor, record
from storage.jobs.queue import enqueue
from storage.postgres import Database

_FIND = """
select 1 from integrations g join kommo_accounts k on k.integration_id = g.id
where g.agent_id = $1 and g.id = $2 and g.status <> 'disconnected'"""
_LIVE = """
select id, name, state, progress_done, progress_total, progress_note, error from jobs
where name = any ($1) and dedupe_key = $2 and state in ('queued', 'running') order by state = 'running' desc, number limit 1"""
_LAST = "select what, counts::text, finished_at from kommo_syncs where integration_id = $1"
# What the last sync of pipelines found is shown with it; what was removed earlier is not shown at all.
_ITEMS = """
select m.kind, m.key, m.name, m.data::text, case when m.changed_by = s.synced_by then m.change end from kommo_mirror m
left join kommo_syncs s on s.integration_id = m.integration_id and s.what = 'pipelines'
where m.integration_id = $1 and m.kind in ('pipeline', 'stage', 'user', 'field') and (m.change <> 'removed' or m.changed_by = s.synced_by)
order by m.kind, (m.data ->> 'sort')::numeric, m.key"""
_FAILED = """
select error from jobs where name = any ($1) and dedupe_key = $2 and state in ('failed', 'dead', 'cancelled', 'done')
order by number desc limit 1"""


@dataclass(frozen=True, slots=True)
class LiveSync:
    """A sync on its way."""

    id: UUID
    name: str
    state: str
    done: int
    total: int | None
    note: str
    error: str | None


@dataclass(frozen=True, slots=True)
class FinishedSync:
    """The last sync of a sort."""

    counts: Mapping[str, Any]
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class MirrorItem:
    """One thing of the copy. `change`: what the last sync found of it, if anything."""

    kind: str
    key: str
    name: str
    data: Mapping[str, Any]
    change: str | None


@dataclass(frozen=True, slots=True)
class MirrorState:
    """The copy of an account, without its leads and contacts."""

    live: LiveSync | None
    error: str | None
    finished: Mapping[str, FinishedSync]
    items: list[MirrorItem]


class KommoCopies:
    """The copies of a tenant's accounts."""

    def __init__(self, database: Database, kinds: list[str]) -> None:
        self._database = database
        self._kinds = kinds

    async def state(self, tenant_id: UUID, agent_id: UUID, integration_id: UUID, key: str) -> MirrorState | None:
        """Return what is known of an account; `key`: of its live jobs. None: the agent has no such account."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await connection.fetchval(_FIND, agent_id, integration_id) is None:
                return None
            live = await connection.fetchrow(_LIVE, self._kinds, key)
            error = await connection.fetchval(_FAILED, self._kinds, key)
            last = await connection.fetch(_LAST, integration_id)
            items = await connection.fetch(_ITEMS, integration_id)
        finished = {r["what"]: FinishedSync(orjson.loads(r["counts"]), r["finished_at"]) for r in last}
        shown = [MirrorItem(kind, key, name, orjson.loads(data), change) for kind, key, name, data, change in items]
        return MirrorState(LiveSync(*live.values()) if live else None, error, finished, shown)

    async def request(self, tenant_id: UUID, agent_id: UUID, integration_id: UUID, job: NewJob[Any], by: Actor) -> UUID | None:
        """Queue a sync; return its id, or that of the sync on its way. None: the agent has no such account."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await connection.fetchval(_FIND, agent_id, integration_id) is None:
                return None
            live = await connection.fetchrow(_LIVE, self._kinds, job.dedupe_key)
            job_id: UUID = live["id"] if live else await enqueue(connection, tenant_id, job)
            about = {"name": job.handler.name, "integration_id": str(integration_id)}
            await record(connection, tenant_id, by, "job.requested", f"job:{job_id}", None, about)
        return job_id
