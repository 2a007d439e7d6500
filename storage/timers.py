"""Durable time: a due timer becomes an input, once."""

from storage.postgres import Database


class PostgresTimers:
    """Timers of the whole installation; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fire(self, limit: int) -> int:
        """Turn at most `limit` due timers into inbox rows, each once; return how many."""
        fired: int = await self._database.fetchval("select timers_fire($1)", limit)
        return fired
