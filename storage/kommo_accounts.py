"""Kommo accounts as their requests need them: credentials, and the way by which answers go out. Either role."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from actors.ports.kommo import Credentials, KommoAccount, NewTokens, Outlet
from storage.crypto import SecretBox
from storage.postgres import Database

_READ = """
select host, generation, access_encrypted, client_id, client_secret_encrypted, redirect_uri, refresh_encrypted
from kommo_accounts where integration_id = $1"""
_STORE = """
update kommo_accounts set access_encrypted = $3, refresh_encrypted = $4, expires_at = now() + $5, generation = generation + 1,
  refreshing_by = null, refreshing_until = null
where integration_id = $1 and generation = $2"""
_OUTLET = """
select bot_id, field_id, case when quota_until > now() then coalesce(quota_problem, '') end from kommo_accounts where integration_id = $1"""
_COUNT = """
insert into kommo_sends as s (tenant_id, integration_id, month, sent) values ($1, $2, date_trunc('month', now()), 1)
on conflict (tenant_id, integration_id, month) do update set sent = s.sent + 1"""
_OVER = "update kommo_accounts set quota_until = now() + $2, quota_problem = $3 where integration_id = $1"
# One statement decides: whoever inserts or moves the row has the bot.
_TAKE_BOT = """
insert into kommo_bot_runs as r (tenant_id, integration_id, lead_id, free_at) values ($1, $2, $3, clock_timestamp() + $4)
on conflict (tenant_id, integration_id, lead_id) do update set free_at = excluded.free_at where r.free_at <= clock_timestamp()
returning true"""
_BOT_FREE_IN = (
    "select extract(epoch from free_at - clock_timestamp())::float8 from kommo_bot_runs where integration_id = $1 and lead_id = $2"
)


class PostgresKommo:
    """Credentials and outlets."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def read(self, account: KommoAccount) -> Credentials | None:
        """Return the credentials of now."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            r = await connection.fetchrow(_READ, account.integration_id)
        return self._credentials(account.integration_id, r) if r else None

    async def begin_refresh(self, account: KommoAccount, generation: int, owner: UUID, lease_s: float) -> bool:
        """Become the only one who may use the refresh token of this generation, for `lease_s`."""
        granted: bool = await self._database.fetchval(
            "select kommo_refresh_begin($1, $2, $3, $4, $5)", account.tenant_id, account.integration_id, generation, owner, lease_s
        )
        return granted

    async def store(self, account: KommoAccount, generation: int, tokens: NewTokens) -> bool:
        """Replace the tokens of this generation; False if somebody else did."""
        access, refresh = (self._seal(account.integration_id, secret) for secret in (tokens.access_token, tokens.refresh_token))
        lives = timedelta(seconds=tokens.expires_in_s)
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            done: str = await connection.execute(_STORE, account.integration_id, generation, access, refresh, lives)
        return done == "UPDATE 1"

    async def moved(self, account: KommoAccount, host: str) -> None:
        """The account's API is at another host now."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            await connection.execute("update kommo_accounts set host = $2 where integration_id = $1", account.integration_id, host)

    async def outlet(self, account: KommoAccount) -> Outlet | None:
        """Return by which ways answers can go out now."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            r = await connection.fetchrow(_OUTLET, account.integration_id)
        return Outlet(*r.values()) if r else None

    async def count(self, account: KommoAccount) -> None:
        """Count one message sent directly in this month."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            await connection.execute(_COUNT, account.tenant_id, account.integration_id)

    async def over_quota(self, account: KommoAccount, problem: str, seconds: float) -> None:
        """Do not try the direct way for some time; people see why."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            await connection.execute(_OVER, account.integration_id, timedelta(seconds=seconds), problem)

    async def take_bot(self, account: KommoAccount, lead_id: int, seconds: float) -> float | None:
        """Take the lead's only Salesbot run for some time; else return how long another one has it."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            key = (account.tenant_id, account.integration_id, lead_id)
            if await connection.fetchval(_TAKE_BOT, *key, timedelta(seconds=seconds)):
                return None
            free_in: float = await connection.fetchval(_BOT_FREE_IN, account.integration_id, lead_id)
        return max(free_in, 0.1)

    def _credentials(self, integration_id: UUID, r: Any) -> Credentials:
        return Credentials(
            r["host"],
            r["generation"],
            self._open(integration_id, r["access_encrypted"]) or "",
            r["client_id"],
            self._open(integration_id, r["client_secret_encrypted"]) or "",
            r["redirect_uri"] or "",
            self._open(integration_id, r["refresh_encrypted"]),
        )

    def _seal(self, integration_id: UUID, secret: str) -> bytes:
        return self._box.encrypt(secret, str(integration_id))

    def _open(self, integration_id: UUID, stored: bytes | None) -> str | None:
        return None if stored is None else self._box.decrypt(stored, str(integration_id))
