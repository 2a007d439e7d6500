"""Hosts on a real database that can be made to die in the middle of anything, and what a checker needs of their work."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg

from actors.domain.errors import OwnershipLost
from actors.domain.ids import Address, InboxId, IntegrationId, TenantId
from actors.domain.messages import Input
from actors.ports.carriers import Carrier
from actors.ports.inbox import InboxRow, NewInput, Pulled
from actors.ports.knowledge import Knowledge
from actors.ports.model import ChatModel, Endpoint
from actors.ports.signals import Signals
from actors.ports.turns import TurnCommit
from actors.runtime.clock import SystemClock, SystemIds, fresh_generation
from actors.runtime.composition import parsers
from actors.runtime.host.conversation_host import ConversationHost, HostPorts
from actors.services.agent import AgentService, Models
from actors.services.catalogues import Catalogues
from actors.services.conversation import ConversationService
from storage.carriers import PostgresCarriers
from storage.catalogue import Agents, PostgresCatalogue
from storage.conversations import PostgresConversations
from storage.inbox import PostgresInbox, _row
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.postgres import Database, Role
from storage.unit_of_work import PostgresTurns
from tests.fakes.signals import FakeSignals
from tests.integration.shop import Shop

CHAIN = {"persona": {"name": "Chain", "languages": ["en"], "responder": "chain", "debounce_s": 0.02}}
ALL = list(range(256))


class Died(BaseException):
    """The process is gone: nothing after this runs, no handler sees it."""


class GreedyInbox(PostgresInbox):
    """Pulls from every partition, whatever the part: two of these race for every row."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._db = database

    async def pull(self, carrier: Carrier, in_hand: Any, full_integrations: Any, full_addresses: Any, limit: int) -> Pulled | None:
        full = [f"{a.integration_id}:{a.key}" for a in full_addresses]
        rows = await self._db.fetch(
            "select * from inbox_pull($1, $2, $3, $4, $5, $6, $7, $8)",
            *(carrier.part, carrier.generation, carrier.epoch, ALL, in_hand, full_integrations, full, limit),
        )
        return Pulled(rows[0]["batch_id"], [_row(r) for r in rows]) if rows else None

    async def suspects(self, carrier: Carrier) -> list[InboxId]:
        ids = await self._db.fetchval("select inbox_suspects($1, $2, $3, $4)", carrier.part, carrier.generation, carrier.epoch, ALL)
        return [InboxId(i) for i in ids]


class PoisonedParser:
    """Ends the process at a message that says `poison`."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def parse(self, row: InboxRow) -> Input:
        if b"poison" in row.raw:
            raise Died
        parsed: Input = self._inner.parse(row)
        return parsed


class DeadlyTurns(PostgresTurns):
    """Ends the process before or after a commit, by chance; a lone turn may be a suspect's, and its deaths would count against it."""

    def __init__(self, database: Database, rng: random.Random, probability: float) -> None:
        super().__init__(database)
        self._rng = rng
        self._probability = probability

    async def commit(self, turns: Sequence[TurnCommit], finished_batches: Sequence[int]) -> list[bool]:
        probability = self._probability if len(turns) > 1 else 0.0
        if self._rng.random() < probability:
            raise Died
        await asyncio.sleep(self._rng.random() * 0.01)  # the other host does the same rows meanwhile
        won = await super().commit(turns, finished_batches)
        if self._rng.random() < probability:
            raise Died
        return won


@dataclass
class HostLab:
    """One tenant with several test chats and bots, and any number of hosts."""

    shop: Shop
    signals: FakeSignals = field(default_factory=FakeSignals)
    deaths: int = 0
    fenced: int = 0
    hosts: list[ConversationHost] = field(default_factory=list)

    async def add_agent(self, definition: dict[str, Any]) -> UUID:
        return await Agents(self.shop.api).create(self.shop.tenant_id, "Agent", definition)

    async def add_integration(self, agent_id: UUID, channel: str = "telegram") -> IntegrationId:
        admin = IntegrationAdmin(self.shop.api, self.shop.box)
        account = str(agent_id) if channel == "test" else str(random.randrange(10**9))
        new = NewIntegration(agent_id, "telegram" if channel == "telegram" else "test", account)
        return IntegrationId(await admin.create(self.shop.tenant_id, new))

    def message(self, integration_id: IntegrationId, chat: int, n: int, text: str) -> NewInput:
        raw = {
            "update_id": n,
            "message": {"message_id": n, "date": 1, "chat": {"id": chat, "type": "private"}, "from": {"id": chat}, "text": text},
        }
        address = Address(integration_id, str(chat))
        return NewInput(
            TenantId(self.shop.tenant_id), address, "message", f"telegram:{integration_id}:{chat}:{n}", json.dumps(raw).encode()
        )

    def host(
        self,
        part: int = 0,
        parts: int = 1,
        *,
        database: Database | None = None,
        greedy: bool = False,
        rng: random.Random | None = None,
        deadly: float = 0.0,
        model: ChatModel | None = None,
        models: Models | None = None,
        knowledge: Knowledge | None = None,
        signals: Signals | None = None,
        generation: UUID | None = None,
    ) -> ConversationHost:
        db = database or self.shop.engine
        clock, catalogues = SystemClock(), Catalogues(PostgresCatalogue(db))
        readers = {name: PoisonedParser(parser) for name, parser in parsers().items()}
        service = ConversationService(
            clock, SystemIds(), readers, catalogues, AgentService(clock, models or (Models(Endpoint(model)) if model else None), knowledge)
        )
        turns = DeadlyTurns(db, rng or random.Random(0), deadly) if deadly else PostgresTurns(db)
        inbox = GreedyInbox(db) if greedy else PostgresInbox(db)
        ports = HostPorts(clock, inbox, PostgresConversations(db), turns, PostgresCarriers(db), signals or self.signals)
        carrier = Carrier("host", part, parts, generation or fresh_generation(), self.shop.epoch)
        host = ConversationHost(carrier, ports, service, catalogues, 300.0)
        self.hosts.append(host)
        return host

    async def keep_alive(self, dsn: str, make: Callable[[Database], ConversationHost]) -> None:
        """Run a host with connections of its own, and a new one whenever it dies, until cancelled."""
        while True:
            database = await Database.open(dsn, Role.ENGINE, "host", size=4)
            host = make(database)
            try:
                await host.run()
            except BaseExceptionGroup as group:
                if group.subgroup(Died) is None:
                    raise
                self.deaths += 1
            except OwnershipLost:
                pass
            finally:
                self.fenced += host.status()["fence_rejections"]
                database._pool.terminate()  # a death closes no connection in good order

    @asynccontextmanager
    async def kept_alive(self, dsn: str, *makers: Callable[[Database], ConversationHost]) -> AsyncIterator[None]:
        """Keep one host per maker alive for the block."""
        keepers = [asyncio.create_task(self.keep_alive(dsn, make)) for make in makers]
        try:
            yield
        finally:
            for keeper in keepers:
                keeper.cancel()
            ended = await asyncio.gather(*keepers, return_exceptions=True)
        unexpected = [e for e in ended if not isinstance(e, asyncio.CancelledError)]
        assert not unexpected, unexpected

    @asynccontextmanager
    async def running(self, host: ConversationHost) -> AsyncIterator[ConversationHost]:
        """Run a host for the block and drain it."""
        task = asyncio.create_task(host.run())
        try:
            yield host
            await host.drain()
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def settled(self, timeout_s: float = 30.0) -> None:
        """Wait until no input is pending."""
        await self.shop.until("not exists (select from inbox where state = 'pending')", timeout_s)

    async def counts(self, *tables: str) -> dict[str, int]:
        return {table: await self.shop.owner.fetchval(f"select count(*) from {table}") for table in tables}


async def new_epoch(shop: Shop, hosts: int) -> None:
    """Change the number of hosts."""
    await shop.owner.execute("update placement set hosts = $1, epoch = epoch + 1", hosts)
    shop.epoch = await shop.owner.fetchval("select epoch from placement")


@dataclass
class Verdict:
    """What the checker found over the acknowledged messages and the database."""

    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    broken_chains: int = 0


async def check(owner: "asyncpg.Connection[asyncpg.Record]", acknowledged: dict[str, list[str]]) -> Verdict:
    """Compare what was acknowledged, per conversation key and in order, with the replies in the outbox."""
    rows = await owner.fetch(
        "select c.key, o.body->>'text' as text from outbox o join conversations c on c.id = o.conversation_id order by o.id"
    )
    dead = {json.loads(r["raw"])["message"]["text"] for r in await owner.fetch("select raw from inbox where state = 'dead'")}
    replies: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["text"].startswith("{"):
            replies[row["key"]].append(json.loads(row["text"]))
    verdict = Verdict()
    for key, sent in acknowledged.items():
        said = [text for reply in replies[key] for text in reply["texts"]]
        expected = [text for text in sent if text not in dead]
        verdict.lost += len(set(expected) - set(said))
        verdict.doubled += len(said) - len(set(said))
        verdict.out_of_order += sum(said.index(a) > said.index(b) for a, b in pairwise(expected) if {a, b} <= set(said))
        verdict.broken_chains += _broken(replies[key])
    return verdict


def _broken(replies: list[dict[str, Any]]) -> int:
    chain, broken = "", 0
    for reply in replies:
        for text in reply["texts"]:
            chain = sha256((chain + text).encode()).hexdigest()
        broken += reply["chain"] != chain
        chain = reply["chain"]
    return broken
