"""`callboard doctor`: whether everything is as it must be, a line each."""

import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.domain.errors import CallboardError
from actors.runtime.commands.places import Places, find_places
from actors.runtime.supervisor.instance import InstanceError
from actors.runtime.supervisor.readiness import health_of
from config.settings import Settings
from storage.heartbeat import Heartbeats
from storage.inspection import RedisAway, redis_version, tenant_isolation_problems
from storage.migrate import pending
from storage.postgres import Database, Role, check_server

_FRESH_S = 10.0  # the stage beats every 2 s
_ROOM_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    good: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.good else 'BAD '} {self.text}"


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Yield a finding for each part; a bad one says what to do."""
    yield _python()
    yield _data_dir(settings.data_dir)
    try:
        places = find_places(settings)
        yield _instance(settings, places)
    except InstanceError as error:
        yield Finding(False, str(error))
        return
    async for finding in _postgres(places.database_url):
        yield finding
    if places.redis_url:
        yield await _redis(places.redis_url)
    yield await _stage(places.database_url)
    if places.running and places.running.url:
        yield _gateway(places.running.url, await health_of(places.running.url))


def _python() -> Finding:
    version = sys.version_info[:2]
    return Finding((3, 11) <= version <= (3, 13), f"Python {sys.version.split()[0]} (needs 3.11 to 3.13)")


def _data_dir(path: Path) -> Finding:
    if not path.is_dir():
        return Finding(False, f"data directory {path} does not exist: `callboard run` creates it")
    free = shutil.disk_usage(path).free
    return Finding(free > _ROOM_BYTES, f"data directory {path}, {free / 1e9:.1f} GB free")


def _instance(settings: Settings, places: Places) -> Finding:
    if places.running:
        where = f" at {places.running.url}" if places.running.url else ""  # a stage by itself has no address
        return Finding(True, f"running as process {places.running.pid}{where}")
    return Finding(True, f"nothing runs on {settings.data_dir}; using DATABASE_URL")


async def _postgres(dsn: str) -> AsyncIterator[Finding]:
    try:
        yield Finding(True, f"PostgreSQL {await check_server(dsn)}, version and settings keep the promise")
        waiting = await pending(dsn)
        yield Finding(not waiting, f"schema lacks {', '.join(waiting)}: run `callboard migrate`" if waiting else "schema is up to date")
        problems = await tenant_isolation_problems(dsn)
    except CallboardError as error:
        yield Finding(False, str(error))
        return
    for problem in problems:
        yield Finding(False, problem)
    if not problems:
        yield Finding(True, "row-level security binds both roles on every table with tenant_id")


async def _redis(url: str) -> Finding:
    try:
        return Finding(True, f"Redis {await redis_version(url)}")
    except RedisAway as error:
        return Finding(False, str(error))


async def _stage(dsn: str) -> Finding:
    try:
        async with await Database.open(dsn, Role.API, "callboard-doctor", size=1) as database:
            beat = await Heartbeats(database).read("stage")
    except CallboardError as error:
        return Finding(False, f"the stage's heartbeat cannot be read: {error}")
    if beat is None:
        return Finding(False, "the stage has never run on this database")
    return Finding(beat.age_s < _FRESH_S, f"the stage's heartbeat is {beat.age_s:.1f} s old: {_cast(beat.status)}")


def _cast(status: Mapping[str, Any]) -> str:
    """Tell in a line how the actors are; the page *Actors* tells more."""
    ray = status.get("ray", {})
    if status.get("standby"):
        return "it stands by, another installation works on this database"
    states = Counter(str(state) for state in ray.get("actors", {}).values())
    actors = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
    return f"Ray {'connected' if ray.get('connected') else 'not connected'}, actors: {actors}"


def _gateway(url: str, health: Mapping[str, Any] | None) -> Finding:
    if health is None:
        return Finding(False, f"the gateway at {url} does not answer")
    return Finding(health.get("status") != "down", f"the gateway at {url} says {health.get('status')}")
