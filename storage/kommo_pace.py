"""The pace of Kommo accounts: one row an account, moved on by whoever asks. Either role."""

from actors.ports.kommo import KommoAccount, Reservation
from storage.postgres import Database


class PostgresKommoPace:
    """Reservations over all processes, each one round trip."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, account: KommoAccount, gap_s: float, horizon_s: float) -> Reservation | None:
        """Reserve the next moment if it is within the horizon; None: no such account."""
        r = await self._database.fetchrow(
            "select * from kommo_reserve($1, $2, $3, $4)", account.tenant_id, account.integration_id, gap_s, horizon_s
        )
        return Reservation(*r.values()) if r else None

    async def slow_down(self, account: KommoAccount, seconds: float) -> None:
        """Let nobody of the account go before this is over."""
        await self._database.fetchval("select kommo_slow_down($1, $2, $3)", account.tenant_id, account.integration_id, seconds)

    async def block(self, account: KommoAccount, seconds: float, reason: str) -> None:
        """Let nobody of this installation go before this is over, and tell people."""
        await self._database.fetchval("select kommo_block($1, $2, $3, $4)", account.tenant_id, account.integration_id, seconds, reason)
