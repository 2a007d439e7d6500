"""Salesbots that wait for an answer; needs the role callboard_engine."""

from collections.abc import Sequence
from datetime import timedelta

from actors.domain.ids import IntegrationId, TenantId
from actors.ports.kommo import KommoAccount
from storage.postgres import Database

WAITS_S = 3_600.0  # an older one has surely gone on; whether a younger one has, Kommo says
ASKS_DAYS = 30  # so long after its last question an account is known to have such bots

# One statement decides: whoever moves the row has the bot.
_TAKE = """
update kommo_asks set held_until = clock_timestamp() + $3::interval
where integration_id = $1 and path = (
  select path from kommo_asks
  where integration_id = $1 and entity = any ($2) and asked_at > clock_timestamp() - $4::interval and held_until <= clock_timestamp()
  order by asked_at desc limit 1 for update skip locked)
returning path"""
_OVERDUE = """
select tenant_id, integration_id, path from kommo_asks
where integration_id = any ($1) and asked_at < clock_timestamp() - $2::interval and held_until <= clock_timestamp()
order by asked_at limit $3"""
_HOLD = """
update kommo_asks set held_until = clock_timestamp() + $3::interval
where integration_id = $1 and path = $2 and held_until <= clock_timestamp() returning true"""
_ASKS = "select asked_at > now() - $2::interval from kommo_accounts where integration_id = $1"


class PostgresSalesbots:
    """Where they wait."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, account: KommoAccount, lead_id: int | None, contact_id: int | None, seconds: float) -> str | None:
        """Return where the one that asked last in a chat of this lead or contact waits; nobody else gets it for some time."""
        known = (("lead", lead_id), ("contact", contact_id))
        entities = [f"{kind}:{number}" for kind, number in known if number is not None]
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            lives = (timedelta(seconds=seconds), timedelta(seconds=WAITS_S))
            path: str | None = await connection.fetchval(_TAKE, account.integration_id, entities, *lives)
        return path

    async def overdue(self, integrations: Sequence[IntegrationId], seconds: float, most: int) -> list[tuple[KommoAccount, str]]:
        """Return those that have waited longer and are nobody's, the oldest first."""
        async with self._database.dispatch_transaction() as connection:
            rows = await connection.fetch(_OVERDUE, integrations, timedelta(seconds=seconds), most)
        return [(KommoAccount(TenantId(r["tenant_id"]), IntegrationId(r["integration_id"])), r["path"]) for r in rows]

    async def hold(self, account: KommoAccount, path: str, seconds: float) -> bool:
        """Take one for some time; False: somebody else has it, or it waits no more."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            return bool(await connection.fetchval(_HOLD, account.integration_id, path, timedelta(seconds=seconds)))

    async def give_back(self, account: KommoAccount, path: str) -> None:
        """It got nothing and goes on waiting."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            await connection.execute(
                "update kommo_asks set held_until = '-infinity' where integration_id = $1 and path = $2", account.integration_id, path
            )

    async def done(self, account: KommoAccount, path: str) -> None:
        """It waits no more."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            await connection.execute("delete from kommo_asks where integration_id = $1 and path = $2", account.integration_id, path)

    async def asks(self, account: KommoAccount) -> bool:
        """Whether the account has bots that ask."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            return bool(await connection.fetchval(_ASKS, account.integration_id, timedelta(days=ASKS_DAYS)))
