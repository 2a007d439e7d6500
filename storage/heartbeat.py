"""Heartbeat rows: what `/health` knows about the stage without asking Ray."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from storage.postgres import Database

_WRITE = """
insert into heartbeats (name, at, status) values ($1, now(), $2)
on conflict (name) do update set at = excluded.at, status = excluded.status"""
_READ = "select extract(epoch from clock_timestamp() - at)::float8 as age_s, status from heartbeats where name = $1"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a process said last, and how long ago by the database's clock."""

    age_s: float
    status: Mapping[str, Any]


class Heartbeats:
    """Heartbeats by name; writing needs the role callboard_engine, reading either."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, name: str, status: Mapping[str, Any]) -> None:
        """Replace the heartbeat of `name`."""
        await self._database.fetch(_WRITE, name, orjson.dumps(dict(status)).decode())

    async def read(self, name: str) -> Heartbeat | None:
        """Return the last heartbeat of `name`."""
        r = await self._database.fetchrow(_READ, name)
        return Heartbeat(r["age_s"], orjson.loads(r["status"])) if r else None
