"""PostgreSQL and Redis: embedded, or the ones the settings name."""

from dataclasses import dataclass
from pathlib import Path

from actors.runtime.supervisor.keeping import Say, Service, bring_up, stop_all
from config.settings import Settings
from storage.embedded_postgres import EmbeddedPostgres
from storage.embedded_redis import EmbeddedRedis
from storage.inspection import redis_version
from storage.migrate import migrate
from storage.postgres import check_server

_STOP_S = 3.0


@dataclass(frozen=True, slots=True)
class Backends:
    """Where the servers are, and those of them that are ours to keep alive."""

    database_url: str
    redis_url: str
    services: tuple[Service, ...]


async def start_backends(settings: Settings, data_dir: Path, say: Say) -> Backends:
    """Start or check both servers and bring the schema up to date.

    Raises:
        ServerFailed: an embedded server does not start.
        ServerRefused, TransientError: an existing server cannot be used.
        MigrationRefused: code and schema do not fit together.
    """
    home = data_dir / "servers"  # a directory of its own: as root it belongs to the servers' account
    postgres = None if settings.database_url else EmbeddedPostgres(home)
    redis = None if settings.redis_url else EmbeddedRedis(home)
    found = Backends(
        postgres.dsn if postgres else settings.database_url,
        redis.url if redis else settings.redis_url,
        tuple(s for s in (postgres, redis) if s),
    )
    try:
        for service in found.services:
            say(f"{service.name}: starting the embedded server")
            await bring_up(service)
        await _check(found, settings, say)
    except BaseException:
        await stop_all(found.services, _STOP_S)
        raise
    return found


async def _check(found: Backends, settings: Settings, say: Say) -> None:
    named = (" (DATABASE_URL)" if settings.database_url else "", " (REDIS_URL)" if settings.redis_url else "")
    say(f"PostgreSQL {await check_server(found.database_url)} is ready{named[0]}")
    say(f"Redis {await redis_version(found.redis_url)} is ready{named[1]}")
    applied = await migrate(found.database_url)
    say(f"Schema: applied {', '.join(applied)}" if applied else "Schema: up to date")
