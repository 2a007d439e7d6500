"""Kommo accounts as people connect them; needs the role callboard_api where a tenant is not known yet, else either."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from actors.domain.errors import TerminalError
from actors.domain.ids import IntegrationId, TenantId, shard_of
from actors.ports.kommo import KommoAccount
from storage.accounts.audit import Actor
from storage.authoring.changes import Change, tell
from storage.crypto import SecretBox
from storage.integrations import secret_hash
from storage.postgres import Connection, Database

STATE_MINUTES = 30  # as long as a person may take at Kommo's page

_AGENT = "select 1 from agents where id = $1 and archived_at is null for share"
_BEGIN = """
insert into kommo_authorizations (id, tenant_id, agent_id, state_hash, client_id, client_secret_encrypted, redirect_uri, actor, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, now() + $9) returning expires_at"""
_OVER = "delete from kommo_authorizations where expires_at < now()"
_FIND_STATE = "select tenant_id, id from kommo_authorizations where state_hash = $1 and expires_at > now()"
# Taken once: whoever deletes the row has it.
_TAKE = """
delete from kommo_authorizations where id = $1 and expires_at > now()
returning agent_id, client_id, client_secret_encrypted, redirect_uri, actor::text"""
_EXISTING = """
select id, agent_id, token_encrypted from integrations
where channel = 'kommo' and account = $1 and status <> 'disconnected' for update"""
_INSERT = """
insert into integrations (id, tenant_id, agent_id, channel, account, reply_policy, secret_hash, token_encrypted, shard)
values ($1, $2, $3, 'kommo', $4, 'once', $5, $6, $7)"""
_AGAIN = "update integrations set status = 'live', problem = null where id = $1"
_KEEP = """
insert into kommo_accounts as k (tenant_id, integration_id, account_id, host, name, client_id, client_secret_encrypted, redirect_uri,
  access_encrypted, refresh_encrypted, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + $11)
on conflict (tenant_id, integration_id) do update set host = excluded.host, name = excluded.name, client_id = excluded.client_id,
  client_secret_encrypted = excluded.client_secret_encrypted, redirect_uri = excluded.redirect_uri,
  access_encrypted = excluded.access_encrypted, refresh_encrypted = excluded.refresh_encrypted, expires_at = excluded.expires_at,
  generation = k.generation + 1, refreshing_by = null, refreshing_until = null, quota_until = null, quota_problem = null"""
# Connecting asked twice, without a moment: for the tokens, and whose they are. Two gaps and a little are left for that.
_PACE = """
insert into kommo_pace (tenant_id, integration_id, next_at) values ($1, $2, clock_timestamp() + interval '400 ms')
on conflict (integration_id) do update set next_at = greatest(kommo_pace.next_at, clock_timestamp()) + interval '400 ms'"""
_VIEW = """
select g.id, g.agent_id, k.account_id, k.name, k.host, g.status, g.problem, k.client_id is not null, k.bot_id, k.field_id,
  coalesce((select s.sent from kommo_sends s where s.integration_id = g.id and s.month = date_trunc('month', now())), 0),
  case when k.quota_until > now() then k.quota_problem end,
  (select case when b.blocked_until > now() then b.blocked_until end from kommo_address b), k.asked_at, g.created_at
from integrations g join kommo_accounts k on k.integration_id = g.id
where g.agent_id = $1 and g.id = $2 and g.status <> 'disconnected'"""
_HOOK = "select token_encrypted from integrations where agent_id = $1 and id = $2 and channel = 'kommo' and status <> 'disconnected'"
_SET_BOT = "update kommo_accounts set bot_id = $2, field_id = $3 where integration_id = $1"
_BY_ACCOUNT = "select tenant_id, integration_id, client_secret_encrypted from kommo_accounts where account_id = $1 and client_id = $2"
_BREAK = """
update integrations set status = 'broken', problem = $2 where id = $1 and status in ('live', 'paused') returning agent_id"""


class ConnectedElsewhere(TerminalError):
    """The account is connected already: to another agent, or by somebody else on this installation."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """What was kept while a person was at Kommo's page."""

    tenant_id: TenantId
    agent_id: UUID
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    by: Actor


@dataclass(frozen=True, slots=True)
class NewKommo:
    """An account to be connected; secrets are plain here. Without `refresh_token` the access token is a long-lived one."""

    agent_id: UUID
    account_id: int
    host: str
    name: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_in_s: float | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    redirect_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """A connected account, and the secret of its webhook's address."""

    account: KommoAccount
    webhook_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KommoState:
    """A connected account as its owners see it."""

    id: UUID
    agent_id: UUID
    account_id: int
    name: str
    host: str
    status: str
    problem: str | None
    refreshable: bool
    bot_id: int | None
    field_id: int | None
    sent_this_month: int
    quota_problem: str | None
    blocked_until: datetime | None
    asked_at: datetime | None  # when a Salesbot asked for an answer last
    created_at: datetime


class KommoConnections:
    """Connecting, showing and losing accounts."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def has_agent(self, tenant_id: UUID, agent_id: UUID) -> bool:
        """Whether the tenant has this agent, not in the archive."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await connection.fetchval(_AGENT, agent_id) is not None

    async def begin(
        self, tenant_id: UUID, by: Actor, agent_id: UUID, client_id: str, client_secret: str, redirect_uri: str
    ) -> tuple[str, datetime] | None:
        """Return a fresh `state` for one authorization, and when it ends. None if there is no such agent."""
        state = secrets.token_urlsafe(32)
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await connection.fetchval(_AGENT, agent_id) is None:
                return None
            await connection.execute(_OVER)
            row_id: UUID = await connection.fetchval("select gen_random_uuid()")
            sealed = self._box.encrypt(client_secret, str(row_id))
            lives = timedelta(minutes=STATE_MINUTES)
            expires: datetime = await connection.fetchval(
                _BEGIN, row_id, tenant_id, agent_id, secret_hash(state), client_id, sealed, redirect_uri, _actor_json(by), lives
            )
        return state, expires

    async def take(self, state: str) -> Authorization | None:
        """Return what a state stands for, once. None if it was used, is over, or never was."""
        async with self._database.dispatch_transaction() as connection:
            found = await connection.fetchrow(_FIND_STATE, secret_hash(state))
        if found is None:
            return None
        async with self._database.tenant_transaction(found["tenant_id"]) as connection:
            r = await connection.fetchrow(_TAKE, found["id"])
        if r is None:
            return None
        secret = self._box.decrypt(r["client_secret_encrypted"], str(found["id"]))
        by = _actor_of(orjson.loads(r["actor"]))
        return Authorization(TenantId(found["tenant_id"]), r["agent_id"], r["client_id"], secret, r["redirect_uri"], by)

    async def connect(self, tenant_id: UUID, by: Actor, new: NewKommo) -> Connected:
        """Connect an account to an agent, or give a connected one new credentials: then everything else of it stays.

        Raises:
            ConnectedElsewhere: it is another agent's, or another tenant's.
        """
        try:
            async with self._database.tenant_transaction(tenant_id) as connection:
                return await self._connect(connection, tenant_id, by, new)
        except TerminalError as error:
            if "integrations_live_account" in str(error):
                raise ConnectedElsewhere("this Kommo account is connected already, by another company on this server") from error
            raise

    async def _connect(self, connection: Connection, tenant_id: UUID, by: Actor, new: NewKommo) -> Connected:
        r = await connection.fetchrow(_EXISTING, str(new.account_id))
        if r is not None and r["agent_id"] != new.agent_id:
            raise ConnectedElsewhere("this Kommo account is connected already, to another agent: disconnect it there first")
        if r is not None:
            integration_id, secret = r["id"], self._box.decrypt(r["token_encrypted"], str(r["id"]))
            await connection.execute(_AGAIN, integration_id)
        else:
            integration_id, secret = await connection.fetchval("select gen_random_uuid()"), secrets.token_urlsafe(32)
            # The channel's tokens change all the time and live in kommo_accounts; what is kept here is what never changes.
            sealed = self._box.encrypt(secret, str(integration_id))
            where = (integration_id, tenant_id, new.agent_id, str(new.account_id), secret_hash(secret), sealed, shard_of(integration_id))
            await connection.execute(_INSERT, *where)
        await self._keep(connection, tenant_id, integration_id, new)
        about = {"integration_id": str(integration_id), "channel": "kommo", "account": str(new.account_id), "host": new.host}
        action = "integration.connected" if r is None else "integration.reconnected"
        await tell(connection, tenant_id, new.agent_id, by, Change(action, f"integration:{integration_id}", None, about, about))
        return Connected(KommoAccount(TenantId(tenant_id), IntegrationId(integration_id)), secret)

    async def _keep(self, connection: Connection, tenant_id: UUID, integration_id: UUID, new: NewKommo) -> None:
        client_secret, access, refresh = (
            None if secret is None else self._box.encrypt(secret, str(integration_id))
            for secret in (new.client_secret, new.access_token, new.refresh_token)
        )
        lives = None if new.expires_in_s is None else timedelta(seconds=new.expires_in_s)
        whose = (tenant_id, integration_id, new.account_id, new.host, new.name)
        await connection.execute(_KEEP, *whose, new.client_id, client_secret, new.redirect_uri, access, refresh, lives)
        await connection.execute(_PACE, tenant_id, integration_id)

    async def find(self, tenant_id: UUID, agent_id: UUID, integration_id: UUID) -> KommoState | None:
        """Return a connected account."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _find(connection, agent_id, integration_id)

    async def webhook_secret(self, tenant_id: UUID, agent_id: UUID, integration_id: UUID) -> str | None:
        """Return the secret of a connected account's addresses."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            sealed = await connection.fetchval(_HOOK, agent_id, integration_id)
        return None if sealed is None else self._box.decrypt(sealed, str(integration_id))

    async def set_bot(
        self, tenant_id: UUID, by: Actor, agent_id: UUID, integration_id: UUID, bot_id: int | None, field_id: int | None
    ) -> KommoState | None:
        """Choose the Salesbot for answers, or none. None if the agent has no such account."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            before = await _find(connection, agent_id, integration_id)
            if before is None:
                return None
            await connection.execute(_SET_BOT, integration_id, bot_id, field_id)
            told = ({"bot_id": before.bot_id, "field_id": before.field_id}, {"bot_id": bot_id, "field_id": field_id})
            await tell(connection, tenant_id, agent_id, by, Change("integration.changed", f"integration:{integration_id}", *told))
            return await _find(connection, agent_id, integration_id)

    async def set_problem(self, connected: Connected, problem: str | None) -> None:
        """Show what is wrong with a live account."""
        account = connected.account
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            await connection.execute(
                "update integrations set problem = $2 where id = $1 and status = 'live'", account.integration_id, problem
            )

    async def client_secrets(self, account_id: int, client_id: str) -> Mapping[KommoAccount, str]:
        """Return whose integration of Kommo this may be, with the secret that Kommo signs for it with."""
        async with self._database.dispatch_transaction() as connection:
            rows = await connection.fetch(_BY_ACCOUNT, account_id, client_id)
        return {
            KommoAccount(TenantId(r["tenant_id"]), IntegrationId(r["integration_id"])): self._box.decrypt(
                r["client_secret_encrypted"], str(r["integration_id"])
            )
            for r in rows
            if r["client_secret_encrypted"] is not None
        }

    async def lost(self, account: KommoAccount, problem: str) -> None:
        """The access was taken back at Kommo: stop using it, keep everything else."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            agent_id = await connection.fetchval(_BREAK, account.integration_id, problem)
            if agent_id is not None:
                about = {"integration_id": str(account.integration_id), "channel": "kommo", "reason": problem}
                change = Change("integration.broken", f"integration:{account.integration_id}", None, {"status": "broken"}, about)
                await tell(connection, account.tenant_id, agent_id, Actor("Kommo"), change)


async def _find(connection: Connection, agent_id: UUID, integration_id: UUID) -> KommoState | None:
    r = await connection.fetchrow(_VIEW, agent_id, integration_id)
    return KommoState(*r.values()) if r else None


def _actor_json(by: Actor) -> str:
    return orjson.dumps(asdict(by), default=str).decode()  # ids are a UUID of the driver's own


def _actor_of(kept: Mapping[str, Any]) -> Actor:
    user_id, key_id = (UUID(kept[name]) if kept[name] else None for name in ("user_id", "key_id"))
    return Actor(kept["name"], user_id, key_id)
