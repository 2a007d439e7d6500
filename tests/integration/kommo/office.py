"""A company that works in Kommo: its account, connected through the stores, and clients for it."""

from types import TracebackType
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import orjson

from actors.domain.ids import Address
from actors.ports.kommo import KommoAccount
from actors.runtime.clock import SystemClock
from integrations.kommo.client import KommoClient
from integrations.kommo.limits import Priority
from integrations.kommo.oauth import exchange
from integrations.kommo.wire import Wire
from storage.accounts.audit import Actor
from storage.conversations import PostgresConversations
from storage.kommo_accounts import PostgresKommo
from storage.kommo_connections import KommoConnections, NewKommo
from storage.kommo_pace import PostgresKommoPace
from tests.fakes.kommo.process import KommoProcess
from tests.integration.shop import Shop

CHAT = "5f2c9a4e-0b1d-4c3e-9f6a-1d2e3f4a5b6c"
OWNER = Actor("olga")
_ADD = """
insert into outbox (tenant_id, conversation_id, integration_id, shard, turn_id, seq, class, policy, body)
select c.tenant_id, c.id, c.integration_id, g.shard, gen_random_uuid(), 0, 'reply', g.reply_policy, b.body::jsonb
from unnest($2::text[]) with ordinality b (body, n)
join conversations c on c.id = $1 join integrations g on g.id = c.integration_id order by b.n"""


class Office:
    """Everything that a test of Kommo needs. Account 1 is the one connected here."""

    def __init__(self, shop: Shop, kommo: KommoProcess) -> None:
        self.shop, self.kommo = shop, kommo
        self.connections = KommoConnections(shop.api, shop.box)
        self.store = PostgresKommo(shop.engine, shop.box)
        self.pace = PostgresKommoPace(shop.engine)
        self.clients: list[KommoClient] = []
        self.wire = Wire(SystemClock(), 8.0, kommo.url)

    async def __aenter__(self) -> "Office":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for client in self.clients:
            await client.close()
        await self.wire.close()

    async def with_token(self, account_id: int = 1, token: str = "demo-token") -> KommoAccount:
        """Connect with a long-lived token."""
        new = NewKommo(self.shop.agent_id, account_id, "demo.kommo.com", "Demo", token)
        return (await self.connections.connect(self.shop.tenant_id, OWNER, new)).account

    async def with_oauth(self) -> KommoAccount:
        """Connect as the callback does: a code is exchanged."""
        back = "https://callboard.example/oauth/kommo/callback"
        await self.kommo.control("client", client_id="client-1", secret="secret-1", redirect_uri=back)
        location = await self._allow("client-1")
        code = location.partition("code=")[2].partition("&")[0]
        tokens = await exchange(self.wire, "demo.kommo.com", "client-1", "secret-1", code, back)
        new = NewKommo(
            self.shop.agent_id,
            1,
            "demo.kommo.com",
            "Demo",
            tokens.access_token,
            tokens.refresh_token,
            tokens.expires_in_s,
            "client-1",
            "secret-1",
            back,
        )
        return (await self.connections.connect(self.shop.tenant_id, OWNER, new)).account

    async def _allow(self, client_id: str) -> str:

        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self.kommo.url}/oauth?client_id={client_id}&state=s", allow_redirects=False) as answer,
        ):
            assert answer.status == 302
            return answer.headers["Location"]

    def client(self) -> KommoClient:
        """Return a client as a process has one."""
        client = KommoClient(Wire(SystemClock(), 8.0, self.kommo.url), self.store, self.pace, SystemClock(), uuid4)
        self.clients.append(client)
        return client

    async def get(self, client: KommoClient, account: KommoAccount, path: str = "/api/v4/account") -> Any:
        return await client.ask(account, "GET", path, priority=Priority.ANSWER)

    async def add_rows(self, account: KommoAccount, *bodies: dict[str, Any], chat: str = CHAT) -> None:
        """Put answers of one chat into the outbox, in order."""
        [record] = await PostgresConversations(self.shop.engine).activate([(self.shop.tenant_id, Address(account.integration_id, chat))])
        await self.shop.owner.execute(_ADD, record.id, [orjson.dumps(body).decode() for body in bodies])

    async def set_bot(self, account: KommoAccount, bot_id: int, field_id: int) -> None:
        await self.connections.set_bot(self.shop.tenant_id, OWNER, UUID(str(self.shop.agent_id)), account.integration_id, bot_id, field_id)
