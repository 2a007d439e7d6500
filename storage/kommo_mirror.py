"""The copy of connected Kommo accounts. Whatever is written is written for a job, under its lease and with its mark."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson

from actors.domain.errors import TerminalError
from actors.domain.ids import IntegrationId
from actors.ports.crm import CrmItem, Difference, Kind, LastSync, Marking, SyncEnd, What
from actors.ports.jobs import JobLease
from actors.ports.kommo import KommoAccount
from storage.jobs.fence import fenced
from storage.jobs.queue import enqueue
from storage.postgres import Connection, Database

# Locked first, looked at in a new statement: what was seen while waiting for the lock would be old.
_LOCK = """
select 1 from kommo_accounts k join integrations g on g.id = k.integration_id
where k.integration_id = $1 and g.status in ('live', 'paused') for update of k"""
_TAKE = """
update kommo_accounts k set syncing_by = $2
where k.integration_id = $1
  and not exists (select from jobs j where j.id = k.syncing_by and j.id <> $2 and j.state = 'running') returning 1"""
_GIVE_BACK = "update kommo_accounts set syncing_by = null where integration_id = $1 and syncing_by = $2"
_LAST = "select since, full_at from kommo_syncs where integration_id = $1 and what = $2"
# One look into the index for each item: a join reads the whole copy where the statistics are old.
_SAVE = """
with given as (
  select g.key, g.name, g.data::jsonb as data from unnest($4::text[], $5::text[], $6::text[]) g (key, name, data)
), judged as (
  select g.*, m.change as before, m.changed_by, m.changed_at,
    case when m.key is null or m.change = 'removed' then 'added' when m.data <> g.data or m.name <> g.name then 'changed' end as found
  from given g left join lateral (
    select x.* from kommo_mirror x where x.tenant_id = $1 and x.integration_id = $2 and x.kind = $3 and x.key = g.key limit 1
  ) m on true
), written as (
  insert into kommo_mirror as m (tenant_id, integration_id, kind, key, name, data, seen_by, change, changed_by, changed_at)
  select $1, $2, $3, j.key, j.name, j.data, $7, coalesce(j.found, j.before), case when j.found is null then j.changed_by else $7 end,
    case when j.found is null then j.changed_at else now() end
  from judged j order by j.key
  on conflict (tenant_id, integration_id, kind, key) do update set name = excluded.name, data = excluded.data,
    seen_by = excluded.seen_by, change = excluded.change, changed_by = excluded.changed_by, changed_at = excluded.changed_at
)
select count(*) filter (where found = 'added'), count(*) filter (where found = 'changed') from judged"""
# What an earlier sync found removed was shown until now.
_REMOVE = """
with gone as (
  update kommo_mirror set change = 'removed', changed_by = $4, changed_at = now()
  where tenant_id = $1 and integration_id = $2 and kind = $3 and seen_by <> $4 and change <> 'removed' returning 1
), forgotten as (
  delete from kommo_mirror where tenant_id = $1 and integration_id = $2 and kind = $3 and change = 'removed' and changed_by <> $4
)
select count(*) from gone"""
_FINISH = """
insert into kommo_syncs as s (tenant_id, integration_id, what, synced_by, since, full_at, counts)
values ($1, $2, $3, $4, $5, coalesce($6, now()), $7::jsonb)
on conflict (tenant_id, integration_id, what) do update set synced_by = excluded.synced_by, since = excluded.since,
  full_at = coalesce($6, s.full_at), counts = excluded.counts, finished_at = now()"""


class PostgresKommoMirror:
    """The copy as its jobs write it; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take_turn(self, lease: JobLease, integration_id: IntegrationId) -> bool:
        """Become the account's only sync; False while another one is at work.

        Raises:
            TerminalError: the account is not connected.
        """
        async with fenced(self._database, lease) as writes:
            if await writes.connection.fetchval(_LOCK, integration_id) is None:
                raise TerminalError("this Kommo account is not connected any more: connect it again, then sync")
            return await writes.connection.fetchval(_TAKE, integration_id, lease.job_id) is not None

    async def last(self, account: KommoAccount, what: What) -> LastSync | None:
        """Return the last sync of a sort that was finished."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            r = await connection.fetchrow(_LAST, account.integration_id, what)
        return LastSync(*r.values()) if r else None

    async def save(self, lease: JobLease, account: KommoAccount, kind: Kind, items: Sequence[CrmItem], mark: Marking) -> Difference:
        """Keep items; those that are not among them stay as they are."""
        async with fenced(self._database, lease) as writes:
            found = await _save(writes.connection, lease, account, kind, items)
            writes.mark = mark(found)
        return found

    async def save_all(self, lease: JobLease, account: KommoAccount, kinds: Mapping[Kind, Sequence[CrmItem]], mark: Marking) -> Difference:
        """Keep items that are all there are of their kinds: others are removed."""
        total = Difference()
        async with fenced(self._database, lease) as writes:
            for kind, items in kinds.items():
                found = await _save(writes.connection, lease, account, kind, items)
                removed = await _remove(writes.connection, lease, account, kind)
                total = Difference(total.added + found.added, total.changed + found.changed, total.removed + removed)
            writes.mark = mark(total)
        return total

    async def remove_unseen(self, lease: JobLease, account: KommoAccount, kind: Kind, mark: Marking) -> Difference:
        """Remove what this job did not see."""
        async with fenced(self._database, lease) as writes:
            found = Difference(removed=await _remove(writes.connection, lease, account, kind))
            writes.mark = mark(found)
        return found

    async def finish(self, lease: JobLease, account: KommoAccount, end: SyncEnd) -> UUID | None:
        """Note that the sync is complete, give the turn back, queue what follows and return its id."""
        async with fenced(self._database, lease) as writes:
            where = (account.tenant_id, account.integration_id, end.what, lease.job_id)
            await writes.connection.execute(_FINISH, *where, end.since, end.full_at, orjson.dumps(dict(end.counts)).decode())
            await writes.connection.execute(_GIVE_BACK, account.integration_id, lease.job_id)
            writes.mark = end.mark
            return await enqueue(writes.connection, account.tenant_id, end.then) if end.then else None


async def _save(connection: Connection, lease: JobLease, account: KommoAccount, kind: Kind, items: Sequence[CrmItem]) -> Difference:
    unique = {item.key: item for item in items}  # a page may show one thing twice while others are added
    columns = (list(unique), [i.name for i in unique.values()], [orjson.dumps(dict(i.data)).decode() for i in unique.values()])
    r = await connection.fetchrow(_SAVE, account.tenant_id, account.integration_id, kind, *columns, lease.job_id)
    assert r is not None  # an aggregate
    return Difference(r[0], r[1])


async def _remove(connection: Connection, lease: JobLease, account: KommoAccount, kind: Kind) -> int:
    gone: int = await connection.fetchval(_REMOVE, account.tenant_id, account.integration_id, kind, lease.job_id)
    return gone
