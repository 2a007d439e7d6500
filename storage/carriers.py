"""Placement and carriers: who carries which part now. A hint; the commit is the law."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.ports.carriers import Carrier
from storage.postgres import Database

# An installation that was seen this recently is alive: the stage touches its row every 2 s.
FRESH_S = 15.0

_READ = """
select epoch, hosts, senders, installation, extract(epoch from clock_timestamp() - seen_at)::float8 as age_s from placement"""
_CLAIM = """
insert into placement as p (epoch, hosts, senders, installation) values (1, $1, $2, $3)
on conflict (one) do update set
  epoch = p.epoch + ((p.hosts, p.senders, p.installation) is distinct from (excluded.hosts, excluded.senders, excluded.installation))::int,
  hosts = excluded.hosts, senders = excluded.senders, installation = excluded.installation, seen_at = now()
where p.installation = excluded.installation or p.seen_at < now() - $4 * interval '1 second'
returning epoch"""
_TOUCH = "update placement set seen_at = now() where installation = $1 and epoch = $2 returning true"
_RESIGN = "update placement set seen_at = '-infinity' where installation = $1 returning true"
_BEAT = """
update carriers c set beat_at = now(), status = $5
from placement p
where c.kind = $1 and c.part = $2 and c.generation = $3 and c.epoch = $4 and p.epoch = $4 returning true"""


@dataclass(frozen=True, slots=True)
class Placement:
    """The one row that says how many parts there are; `age_s` since its installation was seen."""

    epoch: int
    hosts: int
    senders: int
    installation: UUID
    age_s: float


@dataclass(frozen=True, slots=True)
class CarrierStatus:
    """A carrier as it reported itself last."""

    kind: str
    part: int
    generation: UUID
    epoch: int
    pid: int
    beat_at: datetime
    status: Mapping[str, Any]


class PostgresPlacement:
    """The placement row; needs the role callboard_engine to write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> Placement | None:
        """Return the placement, None before the first start."""
        r = await self._database.fetchrow(_READ)
        return Placement(r["epoch"], r["hosts"], r["senders"], r["installation"], r["age_s"]) if r else None

    async def claim(self, installation: UUID, hosts: int, senders: int) -> int | None:
        """Return the epoch for this installation, a new one if numbers or installation changed.

        None means standby: another installation works on this database and was seen less than 15 s ago.
        """
        epoch: int | None = await self._database.fetchval(_CLAIM, hosts, senders, installation, FRESH_S)
        return epoch

    async def touch(self, installation: UUID, epoch: int) -> bool:
        """Say that this installation is alive; False if another one or another epoch took over."""
        return bool(await self._database.fetchval(_TOUCH, installation, epoch))

    async def resign(self, installation: UUID) -> bool:
        """Let a standby take over at once, at an orderly end."""
        return bool(await self._database.fetchval(_RESIGN, installation))


class PostgresCarriers:
    """Carriers; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, carrier: Carrier, pid: int) -> bool:
        """Take the part for this generation; older ones find nothing from now on. False if the epoch is not the current one."""
        return bool(
            await self._database.fetchval(
                "select carrier_take($1, $2, $3, $4, $5)", carrier.kind, carrier.part, carrier.generation, carrier.epoch, pid
            )
        )

    async def beat(self, carrier: Carrier, status: Mapping[str, Any]) -> bool:
        """Report life; False if a newer generation or epoch took over."""
        text = orjson.dumps(dict(status)).decode()
        return bool(await self._database.fetchval(_BEAT, carrier.kind, carrier.part, carrier.generation, carrier.epoch, text))

    async def all(self) -> list[CarrierStatus]:
        """Return every carrier of the current epoch."""
        rows = await self._database.fetch("select c.* from carriers c join placement p using (epoch) order by c.kind, c.part")
        return [
            CarrierStatus(r["kind"], r["part"], r["generation"], r["epoch"], r["pid"], r["beat_at"], orjson.loads(r["status"]))
            for r in rows
        ]
