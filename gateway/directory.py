"""Which integration a webhook belongs to."""

from uuid import UUID

import orjson

from actors.domain.ids import AgentId, IntegrationId, TenantId
from gateway.patience import Patience
from gateway.remembered import Remembered
from storage.integrations import PostgresIntegrations, Route
from storage.spool import Spool

SPOOLED_CHANNELS = frozenset({"kommo", "agent"})  # their senders do not repeat reliably


class Directory(Remembered[UUID, Route]):
    """Finds integrations by the id in a webhook's path."""

    def __init__(self, integrations: PostgresIntegrations, spool: Spool | None, patience: Patience) -> None:
        super().__init__(integrations.route, patience, spool, _place, _to_bytes, _from_bytes)


def _place(integration_id: UUID) -> UUID:
    return integration_id


def _to_bytes(route: Route) -> bytes | None:
    if route.channel not in SPOOLED_CHANNELS:
        return None
    ids = [str(route.id), str(route.tenant_id), str(route.agent_id)]  # the driver's UUIDs are a type of their own, unknown to orjson
    secrets = [secret.hex() if secret else None for secret in (route.secret_hash, route.client_secret)]
    fields = [*ids, route.channel, route.account, route.status, route.mode, secrets[0], route.host, secrets[1]]
    return orjson.dumps(fields)


def _from_bytes(record: bytes) -> Route:
    integration, tenant, agent, channel, account, status, mode, secret, *more = orjson.loads(record)
    host, client_secret = more or ("", None)  # of records that are older
    return Route(
        IntegrationId(UUID(integration)),
        TenantId(UUID(tenant)),
        AgentId(UUID(agent)),
        channel,
        account,
        status,
        mode,
        bytes.fromhex(secret) if secret else None,
        host,
        bytes.fromhex(client_secret) if client_secret else None,
    )
