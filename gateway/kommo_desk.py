"""Connecting Kommo accounts: by allowing the access at Kommo's page, or with a long-lived token."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from actors.domain.errors import CallboardError
from actors.ports.kommo import KommoAccount
from gateway.ids import owner_id
from gateway.ticks import LoopTicks
from integrations.kommo.account_api import account_facts, amojo_id, subscribe
from integrations.kommo.asking import BotAccount
from integrations.kommo.client import KommoClient
from integrations.kommo.hosts import account_host
from integrations.kommo.oauth import authorize_url, exchange
from integrations.kommo.signatures import is_disconnect
from integrations.kommo.wire import Wire
from storage.accounts.audit import Actor
from storage.crypto import SecretBox, load_or_create_key
from storage.integrations import Route
from storage.kommo_accounts import PostgresKommo
from storage.kommo_connections import Connected, KommoConnections, KommoState, NewKommo
from storage.kommo_pace import PostgresKommoPace
from storage.postgres import Database

CALLBACK, DISCONNECTED = "/oauth/kommo/callback", "/oauth/kommo/disconnected"
TIMEOUT_S = 10.0
NO_PUBLIC_URL = "Kommo needs a public https address of this server: set CALLBOARD_PUBLIC_URL, restart, and connect again"
TAKEN_BACK = "the access was taken back in Kommo: connect the account again"


class StateUnknown(Exception):
    """Nobody began this authorization, it took too long, or it was finished before."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """Where to send a person who is to allow the access, and until when they may take."""

    url: str
    redirect_uri: str
    expires_at: datetime


class KommoDesk:
    """What the operations on Kommo accounts do. The key is read when it is needed first: taking messages in goes on without it."""

    def __init__(self, database: Database, data_dir: Path, public_url: str, api: str) -> None:
        self.database = database
        self.public_url = public_url.rstrip("/")
        self._data_dir = data_dir
        self._api = api
        self.wire = Wire(LoopTicks(), TIMEOUT_S, api)
        self._client: KommoClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._client is not None:
            await self._client.close()
        await self.wire.close()

    @property
    def reachable(self) -> bool:
        """Whether Kommo can send webhooks and people's browsers back to us."""
        return self.public_url.startswith("https://") or bool(self.public_url and self._api)

    @property
    def redirect_uri(self) -> str:
        """Return what must be registered at Kommo."""
        return self.public_url + CALLBACK

    @cached_property
    def accounts(self) -> KommoConnections:
        """Return the stored accounts."""
        return KommoConnections(self.database, self.box)

    @cached_property
    def box(self) -> SecretBox:
        """Return what seals secrets."""
        return SecretBox(load_or_create_key(self._data_dir))

    async def invite(
        self, tenant_id: UUID, by: Actor, agent_id: UUID, client_id: str, client_secret: str, platform: str
    ) -> Invitation | None:
        """Begin an authorization. None if there is no such agent."""
        begun = await self.accounts.begin(tenant_id, by, agent_id, client_id, client_secret, self.redirect_uri)
        if begun is None:
            return None
        state, expires_at = begun
        return Invitation(authorize_url(self.wire, platform, client_id, state), self.redirect_uri, expires_at)

    async def allowed(self, state: str, code: str, referer: str) -> KommoState:
        """Finish an authorization: a person came back from Kommo with a code.

        Raises:
            StateUnknown: they did not come from us, or come a second time.
            ConnectedElsewhere: the account is connected to another agent.
            CallboardError: see integrations/kommo/errors.py.
        """
        host = account_host(referer)  # before anything is used up, and before the secret goes anywhere
        begun = await self.accounts.take(state)
        if begun is None:
            raise StateUnknown
        tokens = await exchange(self.wire, host, begun.client_id, begun.client_secret, code, begun.redirect_uri)
        facts = await account_facts(self.wire, host, tokens.access_token)
        new = NewKommo(
            begun.agent_id,
            facts.id,
            host,
            facts.name,
            tokens.access_token,
            tokens.refresh_token,
            tokens.expires_in_s,
            begun.client_id,
            begun.client_secret,
            begun.redirect_uri,
        )
        return await self._connect(begun.tenant_id, begun.by, new)

    async def with_token(self, tenant_id: UUID, by: Actor, agent_id: UUID, address: str, token: str) -> KommoState:
        """Connect with a long-lived token, which is checked first.

        Raises:
            ConnectedElsewhere: the account is connected to another agent.
            CallboardError: see integrations/kommo/errors.py.
        """
        host = account_host(address)
        facts = await account_facts(self.wire, host, token)
        return await self._connect(tenant_id, by, NewKommo(agent_id, facts.id, host, facts.name, token))

    async def _connect(self, tenant_id: UUID, by: Actor, new: NewKommo) -> KommoState:
        connected = await self.accounts.connect(tenant_id, by, new)
        problem = await self._subscribe(connected)
        await self.accounts.set_problem(connected, problem)
        state = await self.accounts.find(tenant_id, new.agent_id, connected.account.integration_id)
        assert state is not None  # connected just now
        return state

    async def _subscribe(self, connected: Connected) -> str | None:
        """Have the account's messages sent to us; what hinders that is shown with the account, which can send meanwhile."""
        destination = self._webhook(connected.account.integration_id, connected.webhook_secret)
        try:
            await subscribe(self._kommo(), connected.account, destination)
        except CallboardError as error:
            return f"Kommo does not send messages here yet; connect again to repeat it. {error}"
        return None

    def signing(self, route: Route) -> BotAccount | None:
        """Return what Salesbots of the account sign with; None: it was connected with a token, without the integration's keys."""
        if route.client_secret is None:
            return None
        return BotAccount(route.account, route.host, self.box.decrypt(route.client_secret, str(route.id)))

    async def widget_address(self, tenant_id: UUID, agent_id: UUID, integration_id: UUID) -> str | None:
        """Return where a Salesbot of the account asks for answers. It holds the webhook's secret."""
        secret = await self.accounts.webhook_secret(tenant_id, agent_id, integration_id)
        return None if secret is None else f"{self._webhook(integration_id, secret)}/widget"

    def _webhook(self, integration_id: UUID, secret: str) -> str:
        return f"{self.public_url}/webhooks/kommo/{integration_id}/{secret}"

    async def disconnected(self, account_id: int, client_id: str, signature: str) -> list[UUID] | None:
        """Kommo says that an account took its access back; return whose that was. None: it is not Kommo who says it."""
        whose = await self.accounts.client_secrets(account_id, client_id)
        genuine = [account for account, secret in whose.items() if is_disconnect(client_id, str(account_id), signature, secret)]
        for account in genuine:
            await self.accounts.lost(account, TAKEN_BACK)
        return [account.integration_id for account in genuine] or None

    async def amojo_id(self, account: KommoAccount) -> str:
        """Return the account's id at the Chats API.

        Raises:
            CallboardError: see integrations/kommo/errors.py.
        """
        return await amojo_id(self._kommo(), account)

    def _kommo(self) -> KommoClient:
        if self._client is None:
            wire = Wire(LoopTicks(), TIMEOUT_S, self._api)
            self._client = KommoClient(
                wire, PostgresKommo(self.database, self.box), PostgresKommoPace(self.database), LoopTicks(), owner_id
            )
        return self._client
