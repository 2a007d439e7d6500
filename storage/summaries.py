"""What the counters say of a range."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from actors.domain.rollups import Grain, Tally, begin
from storage.postgres import Database
from storage.rollups import COUNTERS, tally_of

_ROWS = f"""
select r.agent_id, r.channel, {", ".join(f"r.{name}" for name in COUNTERS)}, r.times
from unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) s (grain, since, until)
join activity_rollups r on r.tenant_id = $1 and r.grain = s.grain and r.at >= s.since and r.at < s.until
where ($5::uuid is null or r.agent_id = $5) and ($6::text is null or r.channel = $6)"""  # noqa: S608
_SUMS = ", ".join(f"sum({name})::bigint as {name}" for name in COUNTERS)
_SERIES = f"""
select at, {_SUMS} from activity_rollups
where tenant_id = $1 and grain = $2 and at >= $3 and at < $4
  and ($5::uuid is null or agent_id = $5) and ($6::text is null or channel = $6)
group by at order by at"""  # noqa: S608
_WAITING = """
select g.agent_id, g.channel, count(*)::int as waiting, min(c.last_at) as oldest
from conversations c join integrations g on g.id = c.integration_id
where c.tenant_id = $1 and c.control = 'waiting' and c.kind = 'chat'
  and ($2::uuid is null or g.agent_id = $2) and ($3::text is null or g.channel = $3)
group by 1, 2"""
_AS_OF = "select at from activity_progress"


@dataclass(frozen=True, slots=True)
class Range:
    """Whole hours, of one agent and channel or all."""

    since: datetime
    until: datetime
    agent_id: UUID | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many conversations wait for a person now, and since when the longest does."""

    agent_id: UUID
    channel: str
    conversations: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Summary:
    """What happened in a range: by agent and channel, and over time; `as_of`: what was committed before is counted."""

    of: Mapping[tuple[UUID | None, str], Tally]
    points: Sequence[tuple[datetime, Tally]]
    waiting: Sequence[Waiting]
    as_of: datetime | None


class Summaries:
    """The counters of a tenant; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, tenant_id: UUID, asked: Range, points: Grain) -> Summary:
        """Add the counters of a range up; whole days from the counters of days, the rest from those of hours."""
        cut = [list(column) for column in zip(*spans(asked.since, asked.until), strict=True)] or [[], [], []]
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_ROWS, tenant_id, *cut, asked.agent_id, asked.channel)
            series = await connection.fetch(_SERIES, tenant_id, points, asked.since, asked.until, asked.agent_id, asked.channel)
            waiting = await connection.fetch(_WAITING, tenant_id, asked.agent_id, asked.channel)
            as_of = await connection.fetchval(_AS_OF)
        return Summary(_added(rows), [(r["at"], tally_of(r)) for r in series], [Waiting(*r.values()) for r in waiting], as_of)


def _added(rows: Sequence[Any]) -> dict[tuple[UUID | None, str], Tally]:
    """Add rows up; the histograms as they are stored, a number for each bucket only at the end: a month has 30,000."""
    of: dict[tuple[UUID | None, str], Tally] = {}
    times: dict[tuple[UUID | None, str], dict[str, int]] = {}
    for r in rows:
        key = r["agent_id"], r["channel"]
        of.setdefault(key, Tally()).add(tally_of(r))
        sums = times.setdefault(key, {})
        for bucket, answers in orjson.loads(r["times"]).items():
            sums[bucket] = sums.get(bucket, 0) + answers
    for key, sums in times.items():
        of[key].times = Counter({int(bucket): answers for bucket, answers in sums.items()})
    return of


def spans(since: datetime, until: datetime) -> list[tuple[Grain, datetime, datetime]]:
    """Cut a range of whole hours into whole days and the hours around them."""
    first = begin(since, "day") if begin(since, "day") == since else begin(since, "day") + timedelta(days=1)
    last = begin(until, "day")
    if first >= last:
        return [("hour", since, until)]
    cut: list[tuple[Grain, datetime, datetime]] = [("hour", since, first), ("day", first, last), ("hour", last, until)]
    return [span for span in cut if span[1] < span[2]]
