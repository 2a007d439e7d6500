"""One probe of everything the gateway needs; /health and /metrics both show it, so they cannot disagree."""

import asyncio
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from actors.domain.errors import CallboardError
from actors.ports.jobs import CONCURRENCY, QUEUE
from gateway.cache import Cache
from gateway.patience import Patience
from gateway.spooler import Spooler
from storage.heartbeat import Heartbeat, Heartbeats
from storage.jobs.counts import JobCounts, Jobs
from storage.oddities import Oddities, OddityCounts
from storage.postgres import Database
from storage.signals import RedisHealth, RedisSignals
from storage.spool import Spool

KEPT_S = 1.0
TIMEOUT_S = 1.0
STAGE_SILENCE_S = 10.0  # the stage writes its row every 2 s


@dataclass(frozen=True, slots=True)
class Health:
    """The state of the gateway and what it needs, at most KEPT_S old."""

    postgres_error: str | None
    redis: RedisHealth
    stage: Heartbeat | None
    jobs: JobCounts
    spool_depth: int
    spool_has_room: bool
    oddities: Oddities

    @property
    def accepts(self) -> bool:
        """Return whether webhooks can be accepted, by database or spool."""
        return self.postgres_error is None or self.spool_has_room

    @property
    def stage_connected(self) -> bool:
        """Return whether the stage has spoken lately."""
        return self.stage is not None and self.stage.age_s <= STAGE_SILENCE_S

    @property
    def status(self) -> Literal["ok", "degraded", "down"]:
        """Return the one word."""
        if not self.accepts:
            return "down"
        return "ok" if self.postgres_error is None and self.redis.connected and self.stage_connected else "degraded"

    def to_json(self) -> dict[str, Any]:
        """Return the document of /health."""
        return {
            "status": self.status,
            "service": "gateway",
            "postgres": {"connected": self.postgres_error is None, "error": self.postgres_error},
            "redis": {
                "connected": self.redis.connected,
                "error": self.redis.error,
                "lastError": self.redis.last_error,
                "reconnectAttempts": self.redis.reconnect_attempts,
            },
            "ray": {"connected": self.stage_connected, "actors": self._actors()},
            "worker": self._worker(),
        }

    def up(self) -> dict[str, bool]:
        """Return the same as flags for the metrics."""
        return {
            "gateway": self.accepts,
            "postgres": self.postgres_error is None,
            "redis": self.redis.connected,
            "ray": self.stage_connected,
        }

    def _worker(self) -> dict[str, Any]:
        return {
            "concurrency": CONCURRENCY,
            "queueName": QUEUE,
            "jobsProcessing": self.jobs.processing,
            "jobsQueued": self.jobs.queued,
            "jobsDone": self.jobs.completed,
            "jobsFailed": self.jobs.failed,
            "jobsDead": self.jobs.dead,
            "oldestAgeS": round(self.jobs.oldest_age_s, 1),
        }

    def _actors(self) -> int:
        if self.stage is None or not self.stage_connected:
            return 0
        match self.stage.status:
            case {"ray": {"actors": dict() as states}}:
                return sum(state == "alive" for state in states.values())
            case _:  # a stage without Ray, or of another version
                return 0


class Probe:
    """Looks at most once in KEPT_S, however many ask."""

    def __init__(self, database: Database, signals: RedisSignals, spool: Spool | None, spooler: Spooler | None, patience: Patience) -> None:
        self._heartbeats = Heartbeats(database)
        self._jobs = Jobs(database)
        self._oddities = OddityCounts(database)
        self._signals = signals
        self._spool = spool
        self._spooler = spooler
        self._patience = patience
        self._last_jobs = JobCounts()
        self._last_oddities = Oddities()
        self._cache: Cache[Literal["health"], Health] = Cache(self._probe, patience, ttl_s=KEPT_S, load_timeout_s=2 * TIMEOUT_S)

    async def look(self) -> Health:
        """Return the state; never raises."""
        return await self._cache.get("health")

    async def _probe(self, _: str) -> Health:
        (error, stage), has_room = await asyncio.gather(self._postgres(), self._has_room())
        depth = self._spooler.backlog if self._spooler else 0
        return Health(error, self._signals.health(), stage, self._last_jobs, depth, has_room, self._last_oddities)

    async def _postgres(self) -> tuple[str | None, Heartbeat | None]:
        try:
            stage, self._last_jobs, self._last_oddities = await self._patience.within(TIMEOUT_S, self._ask())
        except (CallboardError, OSError) as error:
            return str(error) or type(error).__name__, None
        return None, stage

    async def _ask(self) -> tuple[Heartbeat | None, JobCounts, Oddities]:
        return await self._heartbeats.read("stage"), await self._jobs.counts(QUEUE), await self._oddities.read()

    async def _has_room(self) -> bool:
        if self._spool is None:
            return False
        try:
            return await self._spool.has_room()
        except sqlite3.Error:
            return False


def jobs_json(jobs: JobCounts) -> Mapping[str, int]:
    """Return the counts of jobs as /metrics shows them."""
    return {
        "total": jobs.total,
        "completed": jobs.completed,
        "failed": jobs.failed,
        "processing": jobs.processing,
        "queued": jobs.queued,
        "dead": jobs.dead,
        "cancelled": jobs.cancelled,
    }
