"""PostgreSQL connections: one role per pool, a timeout on every wait, the driver's errors translated once."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from actors.domain.errors import CallboardError, OwnershipLost, TerminalError, TransientError

OWNERSHIP_LOST = "CB001"  # raised by the functions of 0003_the_line.sql

# Classes (two characters) and codes of SQLSTATE that say: not now. Everything else will fail again.
_TRANSIENT_CLASSES = frozenset({"08", "53", "57", "58"})  # connection, resources, operator intervention, system
_TRANSIENT_CODES = frozenset({"40001", "40P01", "55P03", "25P03", "25006"})  # serialization, deadlock, lock, idle, read only

_CHECKED = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    # `off` and `local` answer before the commit is on disk, here or where the standby is.
    "synchronous_commit": ("on", "remote_write", "remote_apply"),
}
_OLDEST = 15

# Everything the driver raises, a connection torn in the middle of an answer (InternalClientError) and texts it cannot encode among them.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError, UnicodeError)

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


if TYPE_CHECKING:  # the driver's classes are generic in its stubs only
    _Base = asyncpg.Connection[asyncpg.Record]
else:
    _Base = asyncpg.Connection


class Role(StrEnum):
    """What a process works as; neither is superuser nor BYPASSRLS."""

    ENGINE = "callboard_engine"
    API = "callboard_api"


class ServerRefused(CallboardError):
    """The PostgreSQL server cannot keep the promise; the message says which setting and what to do."""


class _Connection(_Base):
    """A connection that needs no reset: all settings are local to a transaction. Saves a round trip per call."""

    def get_reset_query(self) -> str:
        return ""


def domain_error(error: Exception) -> CallboardError:
    """Return the domain's error for a driver's."""
    text = f"postgres: {type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        if state == OWNERSHIP_LOST:
            return OwnershipLost(str(error))
        if state[:2] in _TRANSIENT_CLASSES or state in _TRANSIENT_CODES:
            return TransientError(text)
        return TerminalError(text)
    if isinstance(error, ValueError | TypeError):  # the driver could not encode an argument
        return TerminalError(text)
    return TransientError(text)


@contextmanager
def translated() -> Iterator[None]:
    """Raise the domain's error for every error of the driver inside the block."""
    try:
        yield
    except CallboardError:
        raise
    except DRIVER_ERRORS as error:
        raise domain_error(error) from error


class Database:
    """A pool of connections that work as one role. Every method raises only domain errors."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", acquire_timeout_s: float) -> None:
        self._pool = pool
        self._acquire_timeout_s = acquire_timeout_s

    @classmethod
    async def open(
        cls,
        dsn: str,
        role: Role,
        name: str,
        *,
        size: int = 4,
        connect_timeout_s: float = 5.0,
        command_timeout_s: float = 20.0,
        acquire_timeout_s: float = 10.0,
    ) -> Self:
        """Make a pool without connecting: a server that is away now may be back at the first use.

        Args:
            dsn: the server; the login role must be a member of `role`.
            role: what the connections work as.
            name: shown as application_name.
            size: most connections at once.
            connect_timeout_s: for one connection attempt.
            command_timeout_s: for one statement, by the client's clock.
            acquire_timeout_s: for a free connection, its connection attempt included.
        """
        settings = {
            "role": role.value,
            "application_name": name,
            "plan_cache_mode": "force_generic_plan",  # planning a statement of the line again costs as much as running it
            "jit": "off",  # the driver's own catalogue queries take seconds with it
            "timezone": "UTC",
            "statement_timeout": "30s",  # no snapshot of ours lives longer
            "idle_in_transaction_session_timeout": "30s",
            "lock_timeout": "10s",
        }
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=size,
            timeout=connect_timeout_s,
            command_timeout=command_timeout_s,
            server_settings=settings,
            connection_class=_Connection,
        )
        return cls(pool, acquire_timeout_s)

    async def close(self) -> None:
        """Close every connection within 5 s, the busy ones by force."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def ping(self, timeout_s: float = 1.0) -> None:
        """Return if the server answers.

        Raises:
            TransientError: it does not, in time.
        """
        with translated():
            async with asyncio.timeout(timeout_s), self._pool.acquire() as connection:
                await connection.fetchval("select 1")

    async def warm(self, connections: int) -> None:
        """Open connections ahead of the first burst."""
        with translated():
            held = [await self._pool.acquire(timeout=self._acquire_timeout_s) for _ in range(connections)]
            for connection in held:
                await self._pool.release(connection)

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """Run one statement in autocommit and return its rows."""
        with translated():
            async with self._pool.acquire(timeout=self._acquire_timeout_s) as connection:
                return await connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: Any) -> asyncpg.Record | None:
        """Run one statement in autocommit and return its first row."""
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """Run one statement in autocommit and return its first value."""
        rows = await self.fetch(sql, *args)
        return rows[0][0] if rows else None

    @asynccontextmanager
    async def tenant_transaction(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """Open a transaction that sees and writes one tenant only, whichever the role; within `joined_transaction` a part of that."""
        joined = _JOINED.get()
        part = joined and joined.fits(self, tenant_id)
        async with joined.savepoint() if joined and part else self.tenants_transaction([tenant_id]) as connection:
            yield connection

    @asynccontextmanager
    async def joined_transaction(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """Open a transaction of one tenant that every `tenant_transaction` of the block (and of this task) becomes a part of.

        All of it is committed at the end of the block, or nothing. Within such a block it is a part of that.
        """
        if (joined := _JOINED.get()) and joined.fits(self, tenant_id):
            async with joined.savepoint() as connection:
                yield connection
            return
        async with self.tenants_transaction([tenant_id]) as connection:
            token = _JOINED.set(_Joined(self, tenant_id, connection, asyncio.current_task()))
            try:
                yield connection
            finally:
                _JOINED.reset(token)

    @asynccontextmanager
    async def tenants_transaction(self, tenant_ids: Sequence[UUID]) -> AsyncIterator[Connection]:
        """Open a transaction over several tenants; as `callboard_api` only the first is seen."""
        one = str(UUID(str(tenant_ids[0])))  # inlined below: must be nothing but a UUID
        many = ",".join(str(UUID(str(t))) for t in tenant_ids)
        async with self._transaction(
            f"set_config('app.tenant', '{one}', true), set_config('app.tenants', '{{{many}}}', true)"
        ) as connection:
            yield connection

    @asynccontextmanager
    async def dispatch_transaction(self) -> AsyncIterator[Connection]:
        """Open a transaction that finds work (or a credential) before its tenant is known."""
        async with self._transaction("set_config('app.scope', 'dispatch', true)") as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(self, settings: str) -> AsyncIterator[Connection]:
        with translated():
            async with self._pool.acquire(timeout=self._acquire_timeout_s) as connection:
                await connection.execute(f"begin; select {settings}")  # one round trip for both
                try:
                    yield connection
                except Exception:
                    if not connection.is_closed():
                        await connection.execute("rollback")
                    raise
                await connection.execute("commit")


@dataclass(frozen=True, slots=True)
class _Joined:
    """A transaction that inner ones become parts of."""

    database: Database
    tenant_id: UUID
    connection: Connection
    task: "asyncio.Task[Any] | None"  # another task would use the connection at the same time

    def fits(self, database: Database, tenant_id: UUID) -> bool:
        return self.database is database and self.tenant_id == tenant_id and self.task is asyncio.current_task()

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[Connection]:
        """Open a part: if it fails, it alone is undone, as a transaction of its own would be."""
        with translated():
            await self.connection.execute("savepoint part")
            try:
                yield self.connection
            except Exception:
                if not self.connection.is_closed():
                    await self.connection.execute("rollback to savepoint part")
                raise
            await self.connection.execute("release savepoint part")


_JOINED: ContextVar[_Joined | None] = ContextVar("joined transaction", default=None)


async def check_server(dsn: str, timeout_s: float = 10.0) -> str:
    """Return the server's version if it can keep the promise.

    Raises:
        ServerRefused: a version or a setting under which an acknowledged message could be lost.
        TransientError: it cannot be reached.
    """
    with translated():
        connection = await asyncpg.connect(dsn, timeout=timeout_s, command_timeout=timeout_s, server_settings={"jit": "off"})
        try:
            version: str = await connection.fetchval("show server_version")
            number: int = await connection.fetchval("select current_setting('server_version_num')::int")
            values = {name: await connection.fetchval("select current_setting($1)", name) for name in _CHECKED}
        finally:
            await connection.close(timeout=5)
    if problem := _problem(number, values):
        raise ServerRefused(problem)
    return version


def _problem(number: int, values: dict[str, str]) -> str | None:
    if number < _OLDEST * 10_000:
        return f"PostgreSQL {number // 10_000} is too old: Callboard needs {_OLDEST} or newer"
    for name, good in _CHECKED.items():
        if values[name] not in good:
            return (
                f"PostgreSQL has {name} = {values[name]}: a message that was acknowledged could be lost. Set {name} = on, then start again"
            )
    return None
