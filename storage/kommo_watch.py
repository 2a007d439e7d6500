"""How far connected Kommo accounts were compared with the inbox; needs the role callboard_engine."""

from collections.abc import Collection, Sequence
from datetime import datetime

from actors.domain.ids import IntegrationId, TenantId
from actors.domain.jobs import Mark
from actors.ports.crm_watch import WatchedAccount
from actors.ports.jobs import JobLease
from actors.ports.kommo import KommoAccount
from storage.crypto import SecretBox
from storage.jobs.fence import fenced
from storage.postgres import Database

# Events may be shown a little later than they happened. What was said before the account was connected is not ours, and what
# is older than a day nobody waits for any more.
_ACCOUNTS = """
select g.id, g.account, g.token_encrypted,
  greatest(k.created_at, coalesce(k.reconciled_to - interval '10 minutes', k.created_at), now() - interval '1 day') as since
from kommo_accounts k join integrations g on g.id = k.integration_id where g.status = 'live' order by g.id"""
_KNOWN = "select dedupe_key from inbox_keys where dedupe_key = any ($1)"
_TOLD = """
insert into activity_logs (tenant_id, kind, agent_id, data)
select g.tenant_id, 'integration.resubscribed', g.agent_id, jsonb_build_object('integration_id', g.id, 'channel', 'kommo')
from integrations g where g.id = $1"""
_RECONCILED = "update kommo_accounts set reconciled_to = greatest(reconciled_to, $2) where integration_id = $1"


class PostgresKommoWatch:
    """The accounts of all tenants."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def accounts(self, tenant_id: TenantId) -> Sequence[WatchedAccount]:
        """Return the connected accounts."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_ACCOUNTS)
        return [
            WatchedAccount(
                KommoAccount(tenant_id, IntegrationId(r["id"])),
                r["account"],
                self._box.decrypt(r["token_encrypted"], str(r["id"])),
                r["since"],
            )
            for r in rows
        ]

    async def known(self, dedupe_keys: Collection[str]) -> set[str]:
        """Return those that are in the inbox, or were."""
        return {r["dedupe_key"] for r in await self._database.fetch(_KNOWN, list(dedupe_keys))} if dedupe_keys else set()

    async def resubscribed(self, lease: JobLease, watched: WatchedAccount) -> None:
        """Tell people that the account did not send its events here."""
        async with fenced(self._database, lease) as writes:
            await writes.connection.execute(_TOLD, watched.account.integration_id)

    async def reconciled(self, lease: JobLease, watched: WatchedAccount, until: datetime, mark: Mark) -> None:
        """Until this moment everything was compared."""
        async with fenced(self._database, lease) as writes:
            await writes.connection.execute(_RECONCILED, watched.account.integration_id, until)
            writes.mark = mark
