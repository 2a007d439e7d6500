"""Counters of the dashboard: facts are counted once, in the transaction that stores how far they are counted."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from actors.domain.activity import Place
from actors.domain.rollups import Series, Tally, tallies
from actors.ports.activity import Counted
from storage.postgres import Connection, Database
from storage.updates import COLUMNS, fact_of

KEEP_HOURS_DAYS = 100  # for so long a range may begin and end within a day
KEEP_MARKS_DAYS = 800

_PROGRESS = "select xid::text as xid, id from activity_progress for update"
_HORIZON = "select pg_snapshot_xmin(pg_current_snapshot())::text"
_FACTS = f"""
with a as materialized (
  select a.* from activity_logs a where (a.xid, a.id) > ($1::text::xid8, $2::bigint) and a.xid < $3::text::xid8
  order by a.xid, a.id limit $4)
{COLUMNS} from a order by a.xid, a.id"""  # noqa: S608
_ADVANCE = "update activity_progress set xid = $1::text::xid8, id = $2, at = $3"
_KEYS = "unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::uuid[], $5::text[]) k (tenant_id, grain, at, agent_id, channel)"
_LOCK = f"""
select r.* from {_KEYS} cross join lateral (
  select r.* from activity_rollups r where r.tenant_id = k.tenant_id and r.grain = k.grain and r.at = k.at
  and r.agent_id is not distinct from k.agent_id and r.channel = k.channel) r"""  # noqa: S608
COUNTERS = ("turns", "messages", "answered", "handoffs", "takeovers", "errors", "micros")
_STORE = f"""
insert into activity_rollups as r (tenant_id, grain, at, agent_id, channel, {", ".join(COUNTERS)}, times)
select * from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::uuid[], $5::text[],
  $6::int[], $7::int[], $8::int[], $9::int[], $10::int[], $11::int[], $12::bigint[], $13::jsonb[])
on conflict (tenant_id, grain, at, agent_id, channel) do update set
  {", ".join(f"{name} = excluded.{name}" for name in (*COUNTERS, "times"))}"""  # noqa: S608
_MARK = "insert into activity_marks default values on conflict do nothing"
_FORGET_HOURS = """
with gone as (delete from activity_rollups where grain = 'hour' and at < now() - $1 * interval '1 day' returning 1)
select count(*) from gone"""
_FORGET_MARKS = """
with gone as (delete from activity_marks where at < now() - $1 * interval '1 day' returning 1) select count(*) from gone"""


class PostgresActivity:
    """Counts what was logged; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, portion: int) -> Counted:
        """Count the facts that follow the last ones counted, at most `portion`; who comes second waits and goes on from there."""
        async with self._database.dispatch_transaction() as connection:
            progress = await connection.fetchrow(_PROGRESS)
            assert progress is not None  # the migration wrote it
            horizon, now = await connection.fetchval(_HORIZON), await connection.fetchval("select now()")
            rows = await connection.fetch(_FACTS, progress["xid"], progress["id"], horizon, portion)
            facts = [fact_of(r) for r in rows]
            await _add(connection, tallies(facts))
            whole = len(facts) < portion
            seen = Place(horizon, 0) if whole else facts[-1].place
            if facts or whole:
                await connection.execute(_ADVANCE, *_later(seen, Place(progress["xid"], progress["id"])), now if whole else facts[-1].at)
        return Counted(facts, whole)

    async def mark(self) -> None:
        """Note which transactions there are now, so that times can be found in the log."""
        await self._database.fetch(_MARK)

    async def forget(self) -> int:
        """Delete counters of hours, and marks, that are too old; return how many."""
        async with self._database.dispatch_transaction() as connection:
            hours: int = await connection.fetchval(_FORGET_HOURS, KEEP_HOURS_DAYS)
            marks: int = await connection.fetchval(_FORGET_MARKS, KEEP_MARKS_DAYS)
        return hours + marks


def _later(one: Place, other: Place) -> tuple[str, int]:
    later = max(one, other, key=lambda place: (int(place.xid), place.id))
    return later.xid, later.id


async def _add(connection: Connection, sums: Mapping[Series, Tally]) -> None:
    if not sums:
        return
    tenants = ",".join(sorted({str(series.tenant_id) for series in sums}))
    await connection.execute("select set_config('app.tenants', $1, true)", f"{{{tenants}}}")
    keys = [
        [s.tenant_id for s in sums],
        [s.grain for s in sums],
        [s.at for s in sums],
        [s.agent_id for s in sums],
        [s.channel for s in sums],
    ]
    for r in await connection.fetch(_LOCK, *keys):
        sums[Series(r["tenant_id"], r["grain"], r["at"], r["agent_id"], r["channel"])].add(tally_of(r, r["times"]))
    counters = [[getattr(t, name) for t in sums.values()] for name in COUNTERS]
    times = [orjson.dumps(dict(t.times), option=orjson.OPT_NON_STR_KEYS).decode() for t in sums.values()]
    await connection.execute(_STORE, *keys, *counters, times)


def tally_of(r: Any, times: str = "{}") -> Tally:
    """Return the tally of a row with COUNTERS, and of the histogram beside them."""
    tally = Tally(*(r[name] for name in COUNTERS))
    tally.times = Counter({int(bucket): n for bucket, n in orjson.loads(times).items()})
    return tally
