"""Forward-only migrations under a lock; the only code that works as the owner of the tables."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from actors.domain.errors import CallboardError
from storage.postgres import translated

DIRECTORY = Path(__file__).parent / "migrations"
_LOCK = 0x63616C6C  # "call": the advisory lock every migrator takes

_TABLE = """
create table if not exists schema_migrations (
  name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default now()
)"""


class MigrationRefused(CallboardError):
    """Code and database do not fit together; the message says how."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file, applied once and never changed afterwards."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Return the fingerprint that is kept with the applied migration."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(directory: Path = DIRECTORY) -> list[Migration]:
    """Return all migrations of this code in order."""
    return [Migration(path.name, path.read_text(encoding="utf-8")) for path in sorted(directory.glob("*.sql"))]


async def migrate(dsn: str, directory: Path = DIRECTORY, timeout_s: float = 300.0) -> list[str]:
    """Bring the database to this code's version and return the names of what was applied.

    Safe to run at the same time from several processes: the later ones wait and find nothing to do.

    Raises:
        MigrationRefused: an applied file was changed, or the database is newer than the code.
        TransientError, TerminalError: from the server.
    """
    with translated():
        connection = await asyncpg.connect(dsn, timeout=10, command_timeout=timeout_s, server_settings={"jit": "off"})
        try:
            await connection.execute("select pg_advisory_lock($1)", _LOCK)
            await connection.execute(_TABLE)
            return await _apply(connection, migrations(directory))
        finally:
            await connection.close(timeout=5)  # ends the lock, too


async def pending(dsn: str, directory: Path = DIRECTORY) -> list[str]:
    """Return the names of migrations that are not applied yet."""
    with translated():
        connection = await asyncpg.connect(dsn, timeout=10, command_timeout=30, server_settings={"jit": "off"})
        try:
            if await connection.fetchval("select to_regclass('schema_migrations')") is None:
                return [m.name for m in migrations(directory)]
            return [m.name for m in _todo(migrations(directory), await _applied(connection))]
        finally:
            await connection.close(timeout=5)


async def _applied(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, str]:
    return {r["name"]: r["sha256"] for r in await connection.fetch("select name, sha256 from schema_migrations")}


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", known: list[Migration]) -> list[str]:
    todo = _todo(known, await _applied(connection))
    for migration in todo:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute("insert into schema_migrations (name, sha256) values ($1, $2)", migration.name, migration.sha256)
    return [m.name for m in todo]


def _todo(known: list[Migration], applied: dict[str, str]) -> list[Migration]:
    if newer := sorted(applied.keys() - {m.name for m in known}):
        raise MigrationRefused(f"the database is newer than this code: it has {', '.join(newer)}. Start the newer version of Callboard")
    for migration in known:
        if applied.get(migration.name, migration.sha256) != migration.sha256:
            raise MigrationRefused(f"{migration.name} was changed after it was applied: restore the file, put the change into a new one")
    todo = [m for m in known if m.name not in applied]
    if todo and applied and todo[0].name < max(applied):
        raise MigrationRefused(f"{todo[0].name} sorts before {max(applied)}, which is applied already: give it a higher number")
    return todo
