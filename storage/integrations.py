"""Integrations: configured endpoints, their secrets encrypted or hashed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from actors.domain.errors import TerminalError
from actors.domain.ids import AgentId, IntegrationId, TenantId, owned, shard_of
from actors.ports.carriers import Carrier
from actors.ports.integrations import IntegrationRecord
from storage.accounts.audit import Actor
from storage.crypto import SecretBox
from storage.integration_log import Subject, tell
from storage.postgres import Database

PROGRAM = Actor("Callboard")

_OWNED = """
select id, tenant_id, channel, account, mode, status, token_encrypted from integrations
where shard = any($1) and channel not in ('test', 'agent') and status in ('live', 'broken') and token_encrypted is not null order by id"""
_ROUTES = """
select g.id, g.tenant_id, g.agent_id, g.channel, g.account, g.status, g.mode, g.secret_hash, k.host, k.client_secret_encrypted
from integrations g left join kommo_accounts k on k.integration_id = g.id"""
_INSERT = """
insert into integrations (id, tenant_id, agent_id, channel, account, mode, reply_policy, secret_hash, token_encrypted, shard, username)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""
LIVE_ACCOUNT = "integrations_live_account"  # the index: one live integration per account in the whole installation
_LOCK = "select status, agent_id, username from integrations where id = $1 and status in ('live', 'broken') for update"
_MARK = "update integrations set status = $2, problem = $3, problem_code = $4 where id = $1"
_POLLED = "select status = 'live' and mode = 'poll' from integrations where id = $1"
_LIST = """
select id, agent_id, channel, account, status, mode, reply_policy, problem from integrations
where ($1::uuid is null or agent_id = $1) and status <> 'disconnected' and channel <> 'agent' order by created_at, id"""


@dataclass(frozen=True, slots=True)
class Route:
    """What the gateway needs to accept a webhook, before it knows the tenant."""

    id: IntegrationId
    tenant_id: TenantId
    agent_id: AgentId
    channel: str
    account: str
    status: str
    mode: str
    secret_hash: bytes | None = field(repr=False)
    host: str = ""  # of a Kommo account
    client_secret: bytes | None = field(default=None, repr=False)  # what Kommo signs with, sealed


@dataclass(frozen=True, slots=True)
class NewIntegration:
    """An endpoint to be configured; token and secret are plain here and only here."""

    agent_id: UUID
    channel: Literal["telegram", "kommo", "test"]
    account: str
    mode: Literal["push", "poll"] = "push"
    reply_policy: Literal["once", "repeat_once"] = "repeat_once"
    token: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    username: str = ""  # by which groups address a bot


@dataclass(frozen=True, slots=True)
class IntegrationSummary:
    """An integration as the API shows it: no secrets."""

    id: IntegrationId
    agent_id: AgentId
    channel: str
    account: str
    status: str
    mode: str
    reply_policy: str
    problem: str | None


class PostgresIntegrations:
    """Integrations as senders and gateways need them; needs the role callboard_engine."""

    def __init__(self, database: Database, box: SecretBox | None = None) -> None:
        """Take `box` only where tokens are needed: the gateway has none."""
        self._database = database
        self._box = box

    async def owned(self, carrier: Carrier) -> list[IntegrationRecord]:
        """Return the integrations of the carrier's shards that send, tokens decrypted."""
        async with self._database.dispatch_transaction() as connection:
            rows = await connection.fetch(_OWNED, owned(carrier.part, carrier.parts))
        return [self._record(r) for r in rows]

    async def mark(
        self, integration: IntegrationRecord, status: Literal["live", "broken"], problem: str | None, code: str | None = None
    ) -> None:
        """Say for people whether it works; a paused or disconnected one stays so. That it broke is told in the feed, once."""
        async with self._database.tenant_transaction(integration.tenant_id) as connection:
            r = await connection.fetchrow(_LOCK, integration.id)
            if r is None:
                return
            await connection.execute(_MARK, integration.id, status, problem, code)
            if status == "broken" and r["status"] == "live":
                about = Subject(
                    integration.tenant_id, integration.id, r["agent_id"], integration.channel, integration.account, r["username"]
                )
                await tell(connection, about, PROGRAM, "integration.broken", {"status": "live"}, {"status": "broken"}, problem_code=code)

    async def polled(self, integration: IntegrationRecord) -> bool:
        """Return whether it is live and polled at this moment."""
        async with self._database.tenant_transaction(integration.tenant_id) as connection:
            return bool(await connection.fetchval(_POLLED, integration.id))

    async def route(self, integration_id: UUID) -> Route | None:
        """Return where a webhook of this integration belongs."""
        async with self._database.dispatch_transaction() as connection:
            row = await connection.fetchrow(f"{_ROUTES} where g.id = $1", integration_id)
        return _route(row) if row else None

    async def routes(self) -> list[Route]:
        """Return every route, for the cache that outlives a database that is away."""
        async with self._database.dispatch_transaction() as connection:
            rows = await connection.fetch(f"{_ROUTES} where g.status <> 'disconnected'")
        return [_route(r) for r in rows]

    def _record(self, r: Any) -> IntegrationRecord:
        if self._box is None:
            raise RuntimeError("these integrations were opened without the secret key")
        token = self._box.decrypt(r["token_encrypted"], str(r["id"]))
        return IntegrationRecord(
            IntegrationId(r["id"]), TenantId(r["tenant_id"]), r["channel"], r["account"], r["mode"], r["status"], token
        )


class IntegrationAdmin:
    """Integrations as the API and the CLI change them; either role."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def create(self, tenant_id: UUID, new: NewIntegration) -> IntegrationId:
        """Configure an endpoint.

        Raises:
            TerminalError: the bot or account is live elsewhere in this installation, or the agent is not the tenant's.
        """
        try:
            return await self._insert(tenant_id, new)
        except TerminalError as error:
            if LIVE_ACCOUNT in str(error):
                raise TerminalError(f"this {new.channel} account is connected already: disconnect it first") from error
            raise

    async def _insert(self, tenant_id: UUID, new: NewIntegration) -> IntegrationId:
        async with self._database.tenant_transaction(tenant_id) as connection:
            integration_id: UUID = await connection.fetchval("select gen_random_uuid()")
            await connection.execute(
                _INSERT,
                integration_id,
                tenant_id,
                new.agent_id,
                new.channel,
                new.account,
                new.mode,
                new.reply_policy,
                secret_hash(new.secret) if new.secret else None,
                self._box.encrypt(new.token, str(integration_id)) if new.token else None,
                shard_of(integration_id),
                new.username,
            )
        return IntegrationId(integration_id)

    async def list(self, tenant_id: UUID, agent_id: UUID | None = None) -> Sequence[IntegrationSummary]:
        """Return the tenant's integrations, of one agent or all."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_LIST, agent_id)
        return [IntegrationSummary(*r.values()) for r in rows]

    async def find_test(self, tenant_id: UUID, agent_id: UUID) -> IntegrationId | None:
        """Return the agent's test chat."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            found = await connection.fetchval(
                "select id from integrations where agent_id = $1 and channel = 'test' and status <> 'disconnected'", agent_id
            )
        return IntegrationId(found) if found else None


def secret_hash(secret: str | bytes) -> bytes:
    """Return what is stored of a webhook secret, and what a presented one is compared by."""
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).digest()


def _route(r: Any) -> Route:
    return Route(
        IntegrationId(r["id"]),
        TenantId(r["tenant_id"]),
        AgentId(r["agent_id"]),
        r["channel"],
        r["account"],
        r["status"],
        r["mode"],
        r["secret_hash"],
        r["host"] or "",
        r["client_secret_encrypted"],
    )
