"""The activity log as people ask for it: filtered, by pages from the newest on, or as a feed from a place on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.domain.activity import Fact, Place
from storage.conversations import TITLE
from storage.postgres import Connection, Database

MOST = 1_000  # facts of one page
_SLACK = "interval '10 minutes'"  # no transaction of ours lives as long, so none that began before a time writes so late
# In a statement of its own, before the page: what is below the horizon then is committed or never will be, so no page or
# feed that ends there passes over anything.
_BOUNDS = f"""
select pg_snapshot_xmin(pg_current_snapshot())::text,
  (select m.low::text from activity_marks m where m.at <= $1::timestamptz order by m.at desc limit 1),
  (select m.high::text from activity_marks m where m.at >= $2::timestamptz + {_SLACK} order by m.at limit 1)"""  # noqa: S608
COLUMNS = f"""
select a.id, a.xid::text as xid, a.tenant_id, a.kind, a.at, a.agent_id, a.conversation_id, a.data,
  (select n.name from agents n where n.id = a.agent_id) as agent_name,
  (select {TITLE} from conversations c where c.id = a.conversation_id) as conversation_title,
  coalesce((select g.channel from conversations c join integrations g on g.id = c.integration_id
            where c.id = a.conversation_id), '') as channel
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class UpdateFilter:
    """Which facts; None or nothing means any. `until` itself is not in the range."""

    kinds: Sequence[str] = ()
    agent_id: UUID | None = None
    conversation_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class UpdatePage:
    """Facts, and the place up to which a feed has seen everything when it has read them."""

    facts: Sequence[Fact]
    seen: Place


class Updates:
    """The activity of a tenant; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def older(self, tenant_id: UUID, where: UpdateFilter, before: Place | None, limit: int) -> UpdatePage:
        """Return facts, the newest first, from before a place (None: from the newest on); `seen` is where the newest ends."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            horizon, rows = await _page(connection, tenant_id, where, before, limit, newest_first=True)
        return UpdatePage([fact_of(r) for r in rows], Place(horizon, 0))

    async def newer(self, tenant_id: UUID, where: UpdateFilter, after: Place, limit: int) -> UpdatePage:
        """Return what follows a place, oldest first; whatever commits late, nothing is passed over or told twice."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            horizon, rows = await _page(connection, tenant_id, where, after, limit, newest_first=False)
        facts = [fact_of(r) for r in rows]
        return UpdatePage(facts, facts[-1].place if len(facts) == limit else max(Place(horizon, 0), after, key=_order))


async def now_of(database: Database) -> datetime:
    """Return the time by the clock that the log is written with."""
    now: datetime = await database.fetchval("select now()")
    return now


def fact_of(r: Any) -> Fact:
    """Return the fact of a row with COLUMNS."""
    return Fact(
        Place(r["xid"], r["id"]),
        r["tenant_id"],
        r["kind"],
        r["at"],
        r["agent_id"],
        r["conversation_id"],
        orjson.loads(r["data"]),
        r["agent_name"],
        r["conversation_title"],
        r["channel"],
    )


def _order(place: Place) -> tuple[int, int]:
    return int(place.xid), place.id


async def _page(
    connection: Connection, tenant_id: UUID, where: UpdateFilter, place: Place | None, limit: int, *, newest_first: bool
) -> tuple[str, list[Any]]:
    assert 0 < limit <= MOST
    bounds = await connection.fetchrow(_BOUNDS, where.since, where.until)
    assert bounds is not None  # it reads no table that could be empty
    horizon, low, high = bounds
    query = _Query(tenant_id, where, newest_first)
    rows = query.rows(horizon, place or Place(horizon, 0), low, high)
    return horizon, await connection.fetch(query.statement(rows, limit), *query.arguments)


class _Query:
    """Builds the statement whose index fits the filter; it begins at the place, and ends with the page."""

    def __init__(self, tenant_id: UUID, where: UpdateFilter, newest_first: bool) -> None:
        self.arguments: list[Any] = []
        self._where = where
        self._before = "<" if newest_first else ">"
        self._order = "order by a.xid desc, a.id desc" if newest_first else "order by a.xid, a.id"
        self._tenant = self._given(tenant_id, "uuid")

    def rows(self, horizon: str, place: Place, low: str | None, high: str | None) -> str:
        """Return the condition on place and time; `low` and `high` are the transactions there were at those times."""
        xid, row_id = self._xid(place.xid), self._given(place.id, "bigint")
        terms = [f"a.tenant_id = {self._tenant}", f"(a.xid, a.id) {self._before} ({xid}, {row_id})", f"a.xid < {self._xid(horizon)}"]
        if self._where.since:
            terms += [f"a.xid >= {self._xid(low or '0')}", f"a.at >= {self._given(self._where.since, 'timestamptz')}"]
        if self._where.until:
            terms += [f"a.xid <= {self._xid(high or horizon)}", f"a.at < {self._given(self._where.until, 'timestamptz')}"]
        return " and ".join(terms)

    def statement(self, rows: str, limit: int) -> str:
        """Return the whole statement."""
        picked = f"select a.* from {self._source(rows)} a {self._order} limit {self._given(limit, 'int')}"  # noqa: S608
        return f"with a as materialized ({picked}) {COLUMNS} from a {self._order}"

    def _source(self, rows: str) -> str:
        where = self._where
        # The limit inside is a number that the planner knows: with a parameter it would sort instead of walking the index.
        every, ended = f"select a.* from activity_logs a where {rows}", f"{self._order} limit {MOST}"  # noqa: S608
        if where.conversation_id is not None:
            more = f" and a.conversation_id = {self._given(where.conversation_id, 'bigint')}"
            more += f" and a.kind = any ({self._given(list(where.kinds), 'text[]')})" if where.kinds else ""
            more += f" and a.agent_id = {self._given(where.agent_id, 'uuid')}" if where.agent_id else ""
            return f"({every}{more} {ended})"
        agent = self._given(where.agent_id, "uuid") if where.agent_id else ""
        of_agent = f" and a.agent_id = {agent}" if agent else ""
        if where.kinds:
            kinds = f"unnest({self._given(list(dict.fromkeys(where.kinds)), 'text[]')}) k (kind)"
        elif agent:
            kinds = f"({self._kinds_of(agent)}) k"
        else:
            return f"({every} {ended})"
        return f"{kinds} cross join lateral ({every}{of_agent} and a.kind = k.kind {ended})"

    def _kinds_of(self, agent: str) -> str:
        """Return the kinds an agent has, found by jumps along the index: it has many rows, and few kinds."""
        least = f"select min(a.kind) from activity_logs a where a.tenant_id = {self._tenant} and a.agent_id = {agent}"  # noqa: S608
        return f"""
            with recursive k (kind) as (
              select ({least}) union all select ({least} and a.kind > k.kind) from k where k.kind is not null)
            select k.kind from k where k.kind is not null"""  # noqa: S608

    def _xid(self, xid: str) -> str:
        return self._given(xid, "text") + "::xid8"

    def _given(self, value: Any, kind: str) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}::{kind}"
