"""The dashboard: what happened, as a list and a feed, and what it adds up to."""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from actors.domain.activity import Place, update
from actors.domain.rollups import Tally, begin
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import bad_cursor
from gateway.problems import invalid
from gateway.schemas.dashboard import (
    AgentNumbers,
    ChannelNumbers,
    NumbersView,
    SummaryQuery,
    SummaryView,
    UpdatePage,
    UpdatesQuery,
    numbers,
    point_view,
    update_view,
)
from storage.postgres import Database
from storage.summaries import Range, Summaries, Summary
from storage.updates import Updates, now_of

DEFAULT_RANGE = timedelta(days=7)
LONGEST_RANGE = timedelta(days=800)
_BY_HOUR = timedelta(days=3)  # a chart of more hours than this is by days


class DashboardApi:
    """Updates and their summary."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._updates = Updates(database)
        self._summaries = Summaries(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        base, tag = "/api/dashboard", "dashboard"
        return [
            Operation("GET", f"{base}/updates", self.updates, level="viewer", tag=tag, query=UpdatesQuery, answer=UpdatePage),
            Operation("GET", f"{base}/summary", self.summary, level="viewer", tag=tag, query=SummaryQuery, answer=SummaryView),
        ]

    async def updates(self, call: Call[None, UpdatesQuery]) -> Answer:
        """List what happened, the newest first.

        `next` leads to older updates. To go on from what was read, ask with `after`, the `cursor` of the last answer: then
        what came since is listed, oldest first. Whatever is committed late, nothing is passed over or shown twice. As long
        as there are `limit` items, there may be more.
        """
        query, where, limit = call.query, call.query.where(), call.page.limit
        if query.after is not None:
            if query.cursor is not None:
                raise invalid("either `after` or `cursor`", "cursor", parameter="cursor")
            page = await self._updates.newer(call.tenant_id, where, _place(_decoded(query.after)), limit)
            items = [update_view(update(fact)) for fact in page.facts]
            return Answer(UpdatePage(items=items, next=None, cursor=_encoded(page.seen)))
        before = None if call.page.after is None else _place(call.page.after)
        page = await self._updates.older(call.tenant_id, where, before, limit + 1)
        shown = page.facts[:limit]
        following = call.page.cursor([shown[-1].place.xid, shown[-1].place.id]) if len(page.facts) > limit else None
        link = {"Link": f'<{call.request.path}?{call.page.query(following)}>; rel="next"'} if following else {}
        items = [update_view(update(fact)) for fact in shown]
        return Answer(UpdatePage(items=items, next=following, cursor=_encoded(page.seen)), headers=link)

    async def summary(self, call: Call[None, SummaryQuery]) -> Answer:
        """Count what happened in a range: messages, answers without a person, how long they took, handoffs, errors."""
        asked = _range(call.query, call.query.until or await now_of(self._database))
        step = "hour" if asked.until - asked.since <= _BY_HOUR else "day"
        found = await self._summaries.read(call.tenant_id, asked, "hour" if step == "hour" else "day")
        return Answer(_summary(asked, found, step))


def _range(query: SummaryQuery, until: datetime) -> Range:
    """Return the range that is asked for in whole hours.

    Raises:
        Problem: 422: it is too long.
    """
    since = query.since or until - DEFAULT_RANGE
    whole = begin(until, "hour")
    until = whole if whole == until else whole + timedelta(hours=1)
    since = min(begin(since, "hour"), until)
    if until - since > LONGEST_RANGE:
        raise invalid(f"a range of {LONGEST_RANGE.days} days at the most", "value_error", parameter="since")
    return Range(since, until, query.agent_id, query.channel)


def _summary(asked: Range, found: Summary, step: str) -> SummaryView:
    whole = Tally()
    for tally in found.of.values():
        whole.add(tally)
    waiting = {(w.agent_id, w.channel): w.conversations for w in found.waiting}
    agents = _grouped(found.of, waiting, lambda key: key[0])
    channels = _grouped(found.of, waiting, lambda key: key[1])
    return SummaryView.model_validate(
        {
            "since": asked.since,
            "until": asked.until,
            "as_of": found.as_of,
            "oldest_waiting_at": min((w.oldest for w in found.waiting), default=None),
            "total": NumbersView(**numbers(whole, sum(waiting.values()))),
            "agents": [AgentNumbers(agent_id=agent, **members) for agent, members in agents],
            "channels": [ChannelNumbers(channel=channel, **members) for channel, members in channels],
            "step": step,
            "points": [point_view(at, tally) for at, tally in found.points],
        }
    )


Key = tuple[UUID | None, str]


def _grouped(of: Mapping[Key, Tally], waiting: Mapping[Any, int], part: Callable[[Key], Any]) -> Sequence[tuple[Any, dict[str, Any]]]:
    """Return the counters by one part of their key, the busiest first."""
    sums: dict[Any, Tally] = {}
    waits: dict[Any, int] = {}
    for key, tally in of.items():
        sums.setdefault(part(key), Tally()).add(tally)
    for key, conversations in waiting.items():
        sums.setdefault(part(key), Tally())
        waits[part(key)] = waits.get(part(key), 0) + conversations
    ordered = sorted(sums.items(), key=lambda item: (-item[1].messages, str(item[0])))
    return [(name, numbers(tally, waits.get(name, 0))) for name, tally in ordered]


def _encoded(place: Place) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([place.xid, place.id])).rstrip(b"=").decode("ascii")


def _decoded(cursor: str) -> Any:
    try:
        return orjson.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=="))
    except ValueError:
        raise bad_cursor() from None


def _place(value: Any) -> Place:
    """Return the place that a cursor of ours names.

    Raises:
        Problem: 422.
    """
    match value:
        case [str(xid), int(row_id)] if xid.isascii() and xid.isdigit() and len(xid) <= 19 and 0 <= row_id < 2**63:
            return Place(xid, row_id)
        case _:
            raise bad_cursor()
