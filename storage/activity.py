"""The activity log: facts for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from storage.postgres import Database

# Rows below the oldest running transaction: a row that commits late is never skipped by "id > last seen".
_FEED = """
select id, xid::text as xid, kind, agent_id, conversation_id, turn_id, data, at from activity_logs
where tenant_id = $1 and (xid, id) > ($2::text::xid8, $3) and xid < pg_snapshot_xmin(pg_current_snapshot())
order by xid, id limit $4"""
_LATEST = """
select id, xid::text as xid, kind, agent_id, conversation_id, turn_id, data, at from activity_logs
where tenant_id = $1 order by xid desc, id desc limit $2"""


@dataclass(frozen=True, slots=True)
class ActivityCursor:
    """A place in the feed; feeds go by (xid, id)."""

    xid: str = "0"
    id: int = 0


@dataclass(frozen=True, slots=True)
class ActivityEvent:
    """One fact."""

    cursor: ActivityCursor
    kind: str
    agent_id: UUID | None
    conversation_id: int | None
    turn_id: UUID | None
    data: Mapping[str, Any]
    at: datetime


class Activity:
    """The activity of a tenant; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def feed(self, tenant_id: UUID, after: ActivityCursor, limit: int) -> list[ActivityEvent]:
        """Return what follows `after`, oldest first; nothing is ever skipped, whatever commits late."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_event(r) for r in await connection.fetch(_FEED, tenant_id, after.xid, after.id, limit)]

    async def latest(self, tenant_id: UUID, limit: int) -> list[ActivityEvent]:
        """Return the newest events, newest first."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_event(r) for r in await connection.fetch(_LATEST, tenant_id, limit)]


def _event(r: Any) -> ActivityEvent:
    cursor = ActivityCursor(r["xid"], r["id"])
    return ActivityEvent(cursor, r["kind"], r["agent_id"], r["conversation_id"], r["turn_id"], orjson.loads(r["data"]), r["at"])
