"""Which integration a webhook belongs to, remembered for seconds, and beside the spool for when the database is away."""

import logging
import sqlite3
from uuid import UUID

import orjson

from actors.domain.errors import TransientError
from actors.domain.ids import AgentId, IntegrationId, TenantId
from gateway.cache import Cache
from gateway.patience import Patience
from storage.integrations import PostgresIntegrations, Route
from storage.spool import Spool

log = logging.getLogger(__name__)

TTL_S = 3.0  # a pause or a new owner takes effect within this
REFRESH_S = 0.5  # a wrong secret asks the database anew this often: a secret that was just changed works at once
LOOKUP_TIMEOUT_S = 0.3  # within the budget of 0.7 s, with time left for the commit or the spool
SPOOLED_CHANNELS = frozenset({"kommo", "agent"})  # their senders do not repeat reliably


class Directory:
    """Finds integrations by the id in a webhook's path."""

    def __init__(self, integrations: PostgresIntegrations, spool: Spool | None, patience: Patience) -> None:
        self._integrations = integrations
        self._spool = spool
        self._cache: Cache[UUID, Route | None] = Cache(self._look_up, patience, ttl_s=TTL_S, load_timeout_s=LOOKUP_TIMEOUT_S)

    async def find(self, integration_id: UUID, *, fresh: bool = False) -> Route | None:
        """Return the integration; None if there is none.

        Args:
            integration_id: from the path.
            fresh: ask the database if the memory is older than REFRESH_S.

        Raises:
            TransientError: the database is away and we do not know.
        """
        try:
            return await self._cache.get(integration_id, max_age_s=REFRESH_S if fresh else None)
        except TransientError:
            if route := await self._recall(integration_id):
                return route
            raise

    def forget(self, integration_id: UUID) -> None:
        """Ask the database next time."""
        self._cache.forget(integration_id)

    async def _look_up(self, integration_id: UUID) -> Route | None:
        route = await self._integrations.route(integration_id)
        if route and route.channel in SPOOLED_CHANNELS:
            await self._remember(route)
        return route

    async def _remember(self, route: Route) -> None:
        if self._spool is None:
            return
        try:
            await self._spool.remember(route.id, _to_bytes(route))
        except sqlite3.Error as error:
            log.warning("spool: an integration cannot be remembered: %s", type(error).__name__)

    async def _recall(self, integration_id: UUID) -> Route | None:
        if self._spool is None:
            return None
        record = await self._spool.recall(integration_id)
        return _from_bytes(record) if record else None


def _to_bytes(route: Route) -> bytes:
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
