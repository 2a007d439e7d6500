"""A shop with bots and open outbox rows, made through the stores, for tests of delivery and polling."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg

from actors.domain.ids import Address, IntegrationId, TenantId
from storage.carriers import PostgresPlacement
from storage.catalogue import Agents
from storage.conversations import PostgresConversations
from storage.crypto import SecretBox, load_or_create_key
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.postgres import Database, Role
from storage.tenants import Tenants

DEFINITION: dict[str, Any] = {"persona": {"name": "Anna", "languages": ["en"]}, "scripts": [], "passages": []}
_ADD = """
insert into outbox (tenant_id, conversation_id, integration_id, shard, turn_id, seq, class, policy, body)
select c.tenant_id, c.id, c.integration_id, g.shard, gen_random_uuid(), 0, $3, $4, jsonb_build_object('text', t.text)
from unnest($2::text[]) with ordinality t (text, n)
join conversations c on c.id = $1 join integrations g on g.id = c.integration_id order by t.n"""


@dataclass
class Shop:
    """The owner's connection sees everything: a test looks at rows as they are."""

    tenant_id: TenantId
    agent_id: UUID
    epoch: int
    owner: "asyncpg.Connection[asyncpg.Record]"
    engine: Database
    api: Database
    box: SecretBox

    async def add_bot(self, account: str, mode: Literal["push", "poll"] = "push") -> tuple[IntegrationId, str]:
        """Return a live integration and its token."""
        token = f"{account}:shop-token-{account}"
        new = NewIntegration(self.agent_id, "telegram", account, mode=mode, token=token)
        return await IntegrationAdmin(self.api, self.box).create(self.tenant_id, new), token

    async def add_rows(
        self, bot: IntegrationId, chat: int | str, texts: list[str], policy: str = "repeat_once", delivery_class: str = "reply"
    ) -> None:
        """Put messages of one chat into the outbox, in order."""
        [record] = await PostgresConversations(self.engine).activate([(self.tenant_id, Address(bot, str(chat)))])
        await self.owner.execute(_ADD, record.id, texts, delivery_class, policy)

    async def rows(self) -> list[asyncpg.Record]:
        """Return the outbox, oldest first, with the text and the chat."""
        return await self.owner.fetch(
            "select o.*, o.body->>'text' as text, c.key from outbox o join conversations c on c.id = o.conversation_id order by o.id"
        )

    async def expire(self) -> None:
        """End leases that are over, as the scheduler does."""
        await self.engine.fetch("select * from outbox_expire()")

    async def until(self, condition: str, timeout_s: float = 30.0) -> None:
        """Wait until the SQL condition holds; leases end meanwhile."""
        async with asyncio.timeout(timeout_s):
            while not await self.owner.fetchval(f"select {condition}"):
                await self.expire()
                await asyncio.sleep(0.02)

    async def settled(self, timeout_s: float = 30.0) -> None:
        """Wait until no outbox row is open."""
        await self.until("not exists (select from outbox where state in ('pending', 'claimed', 'sending'))", timeout_s)


@asynccontextmanager
async def open_shop(dsn: str, data_dir: Path) -> AsyncIterator[Shop]:
    """Make a tenant, an agent and a placement of one host and one sender."""
    box = SecretBox(load_or_create_key(data_dir))
    owner = await asyncpg.connect(dsn)
    async with await Database.open(dsn, Role.API, "test", size=1) as api, await Database.open(dsn, Role.ENGINE, "test", size=3) as engine:
        tenant_id = await Tenants(api).create(f"shop-{uuid4().hex[:8]}", "Shop")
        agent_id = await Agents(api).create(tenant_id, "Anna", DEFINITION)
        epoch = await PostgresPlacement(engine).claim(uuid4(), 1, 1)
        assert epoch is not None
        try:
            yield Shop(tenant_id, agent_id, epoch, owner, engine, api, box)
        finally:
            await owner.close()
