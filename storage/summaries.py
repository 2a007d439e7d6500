"""What the counters say of a range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from actors.domain.rollups import Grain, Tally, begin
from storage.postgres import Database
from storage.rollups import COUNTERS, tally_of

_MINE = """
where tenant_id = $1 and grain = $2 and at >= $3 and at < $4
  and ($5::uuid is null or agent_id = $5) and ($6::text is null or channel = $6)"""
_ROWS = f"select agent_id, channel, {', '.join(COUNTERS)}, times from activity_rollups {_MINE}"  # noqa: S608
_SUMS = ", ".join(f"sum({name})::int as {name}" for name in COUNTERS)
_SERIES = f"select at, {_SUMS} from activity_rollups {_MINE} group by at order by at"  # noqa: S608
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
        of: dict[tuple[UUID | None, str], Tally] = {}
        async with self._database.tenant_transaction(tenant_id) as connection:
            for grain, since, until in spans(asked.since, asked.until):
                for r in await connection.fetch(_ROWS, tenant_id, grain, since, until, asked.agent_id, asked.channel):
                    of.setdefault((r["agent_id"], r["channel"]), Tally()).add(tally_of(r, r["times"]))
            series = await connection.fetch(_SERIES, tenant_id, points, asked.since, asked.until, asked.agent_id, asked.channel)
            waiting = await connection.fetch(_WAITING, tenant_id, asked.agent_id, asked.channel)
            as_of = await connection.fetchval(_AS_OF)
        return Summary(of, [(r["at"], tally_of(r)) for r in series], [Waiting(*r.values()) for r in waiting], as_of)


def spans(since: datetime, until: datetime) -> list[tuple[Grain, datetime, datetime]]:
    """Cut a range of whole hours into whole days and the hours around them."""
    first = begin(since, "day") if begin(since, "day") == since else begin(since, "day") + timedelta(days=1)
    last = begin(until, "day")
    if first >= last:
        return [("hour", since, until)]
    cut: list[tuple[Grain, datetime, datetime]] = [("hour", since, first), ("day", first, last), ("hour", last, until)]
    return [span for span in cut if span[1] < span[2]]
