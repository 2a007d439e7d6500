"""What the copies of an agent's Kommo accounts hold, for checking what rules name; either role."""

from uuid import UUID

from actors.domain.rules.crm import CrmKnown
from storage.postgres import Database

_ACCOUNTS = """
select g.id, exists (select from kommo_syncs s where s.integration_id = g.id and s.what = 'pipelines') as synced
from integrations g join kommo_accounts k on k.integration_id = g.id where g.agent_id = $1 and g.status <> 'disconnected'"""
_ITEMS = """
select kind, key from kommo_mirror
where integration_id = any ($1) and kind in ('stage', 'user', 'field') and change <> 'removed'"""


class CrmCopies:
    """The copies of a tenant's accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, tenant_id: UUID, agent_id: UUID) -> CrmKnown:
        """Return what an agent's accounts have; nothing can be said before each of them was synced."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            accounts = await connection.fetch(_ACCOUNTS, agent_id)
            if not accounts or not all(r["synced"] for r in accounts):
                return CrmKnown(bool(accounts))
            rows = await connection.fetch(_ITEMS, [r["id"] for r in accounts])
        keys: dict[str, list[str]] = {"stage": [], "user": [], "field": []}
        for r in rows:
            keys[r["kind"]].append(r["key"])
        stages = {(int(pipeline), int(stage)) for pipeline, _, stage in (key.partition(":") for key in keys["stage"])}
        fields = {(of.removesuffix("s"), int(number)) for of, _, number in (key.partition(":") for key in keys["field"])}
        return CrmKnown(True, True, stages, {int(key) for key in keys["user"]} or None, fields)
