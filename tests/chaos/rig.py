"""The whole line in one process, for speed: two gateways, two hosts that both own everything, one sender; all of them keep dying.

The classes and the statements are the real ones; only Redis (a hint) and the channel are in memory. A "death" cuts the
connections first, so that nothing a dying task still does can reach the database, as with kill -9.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast
from unittest.mock import patch
from uuid import UUID, uuid4

import asyncpg

from actors.domain.ids import Address, ConversationId, InboxId, IntegrationId, TenantId
from actors.domain.messages import Input
from actors.ports.carriers import Carrier
from actors.ports.channels import Pace
from actors.ports.conversations import ConversationRecord
from actors.ports.inbox import InboxRow, NewInput, Pulled
from actors.ports.integrations import IntegrationRecord
from actors.ports.outbox import Claim
from actors.runtime.clock import SystemClock, SystemIds
from actors.runtime.delivery_actor import DeliveryActor
from actors.runtime.host.conversation_host import ConversationHost, HostPorts
from actors.services.agent import AgentService
from actors.services.catalogues import Catalogues
from actors.services.conversation import ConversationService
from actors.services.delivery import Delivery, DeliveryLimits
from actors.services.integration_book import IntegrationBook
from actors.services.polling import Polling
from gateway.committer import Committer, Refused, Unavailable
from gateway.patience import Patience
from integrations.telegram.parser import TelegramParser
from storage.carriers import PostgresCarriers, PostgresPlacement
from storage.catalogue import PostgresCatalogue
from storage.conversations import PostgresConversations
from storage.crypto import SecretBox, load_or_create_key
from storage.inbox import PostgresInbox
from storage.integrations import PostgresIntegrations
from storage.outbox import PostgresOutbox
from storage.postgres import Database, Role
from storage.unit_of_work import PostgresTurns

log = logging.getLogger(__name__)

HOSTS = 2
EVERYTHING = list(range(256))
STEP_S = 0.02  # an agent's step may take this long; the other host does the same rows meanwhile
SEND_S = 0.1  # long enough that deaths find requests on the wire
BLIND_S = 0.5
FAST = Pace(0.0001, 1000)
LIMITS = DeliveryLimits(lease_s=2.0, send_timeout_s=0.9)


class Died(BaseException):
    """The process is gone; no handler of ordinary errors may see it."""


class Bus:
    """Signals in memory."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[Sequence[int]], None]]] = defaultdict(list)

    async def kick_partitions(self, partitions: Sequence[int]) -> None:
        self.ring("partitions", partitions)

    async def kick_shards(self, shards: Sequence[int]) -> None:
        self.ring("shards", shards)

    async def kick_control(self, conversations: Sequence[ConversationId]) -> None:
        self.ring("control", conversations)

    async def kick_jobs(self) -> None:
        self.ring("jobs", [1])

    async def publish(self, conversation_id: ConversationId, event: Mapping[str, Any]) -> None:
        """Nobody looks on."""

    async def publish_changes(
        self, tenant_id: TenantId, messages: Sequence[ConversationId] = (), changed: Sequence[ConversationId] = ()
    ) -> None:
        """Nobody looks on."""

    async def typing(self, address: Address) -> None:
        """Nobody looks on."""

    async def listen_typing(self, on_typing: Callable[[Address], None]) -> None:
        await asyncio.Event().wait()

    async def listen(self, topic: Literal["partitions", "shards", "control", "jobs"], on_signal: Callable[[Sequence[int]], None]) -> None:
        self._listeners[topic].append(on_signal)
        try:
            await asyncio.Event().wait()
        finally:
            self._listeners[topic].remove(on_signal)

    def ring(self, topic: str, numbers: Sequence[int]) -> None:
        """Tell every listener."""
        for listener in self._listeners[topic]:
            listener(numbers)


class Channel:
    """What customers get; the third ledger."""

    def __init__(self, chance: random.Random) -> None:
        self.rows: list[dict[str, Any]] = []
        self._chance = chance

    def account_pace(self) -> Pace:
        return FAST

    def address_pace(self, address: Address) -> Pace:
        return FAST

    async def send(self, integration: IntegrationRecord, claim: Claim, not_after: float) -> str:
        await asyncio.sleep(self._chance.random() * SEND_S)
        self.rows.append({"token": f"{integration.account}:", "chat_id": claim.address.key, "text": claim.body["text"]})
        await asyncio.sleep(self._chance.random() * SEND_S)
        return str(len(self.rows))


class NoPolling:
    """All bots of the rig have webhooks."""

    counts: Mapping[str, int] = {}

    def __len__(self) -> int:
        return 0

    async def run(self) -> None:
        await asyncio.Event().wait()


class DeadlyParser(TelegramParser):
    """Some messages end the process that reads them."""

    def parse(self, row: InboxRow) -> Input:
        if b"poison" in row.raw:
            raise Died
        return super().parse(row)


class BlindInbox(PostgresInbox):
    """A host that does not see a quarter of the fresh rows: the other one handles them, and its own state is stale then."""

    def __init__(self, database: Database, part: int) -> None:
        super().__init__(database)
        self._part = part

    async def pull(
        self,
        carrier: Carrier,
        in_hand: Sequence[InboxId],
        full_integrations: Sequence[IntegrationId],
        full_addresses: Sequence[Address],
        limit: int,
    ) -> Pulled | None:
        pulled = await super().pull(carrier, in_hand, full_integrations, full_addresses, limit)
        if pulled is None:
            return None
        unseen = {row.address for row in pulled.rows if row.id % 4 == self._part and row.age_s < BLIND_S}
        return Pulled(pulled.batch_id, [row for row in pulled.rows if row.address not in unseen])


class SlowConversations(PostgresConversations):
    """Between a pull and its activation anything may happen in the other host."""

    async def activate(self, rows: Sequence[tuple[TenantId, Address]]) -> list[ConversationRecord]:
        await asyncio.sleep(random.random() * STEP_S)
        return await super().activate(rows)


@dataclass(slots=True)
class Life:
    """One life of one process: its connections and its main task."""

    name: str
    database: Database
    task: "asyncio.Task[None]"
    in_flight: Callable[[], int] = lambda: 0

    async def end(self) -> None:
        """Cut the connections, then the work."""
        self.database._pool.terminate()
        while not self.task.done():
            self.task.cancel()
            await asyncio.wait([self.task], timeout=1.0)
            if not self.task.done():  # a library swallowed it; a real death asks nobody, so cancel again
                log.error(
                    "%s outlived its death: %s", self.name, [t.get_stack() for t in asyncio.all_tasks() if t is not asyncio.current_task()]
                )
        with suppress(BaseExceptionGroup, Exception, Died, asyncio.CancelledError):
            await self.task


class Rig:
    """Processes that die and come back; `ingest` is the only way in."""

    def __init__(self, dsn: str, data_dir: Path, seed: int) -> None:
        self.dsn = dsn
        self.channel = Channel(random.Random(seed + 2))
        self.deaths = 0
        self.in_flight = 0
        self.fenced = 0
        self._key = load_or_create_key(data_dir)
        self._bus = Bus()
        self._clock = SystemClock()
        self._epoch = 0
        self._lives: dict[str, Life] = {}
        self._committers: dict[str, Committer] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """Start every process and whoever starts it again."""
        async with await Database.open(self.dsn, Role.ENGINE, "rig") as database:
            epoch = await PostgresPlacement(database).claim(uuid4(), HOSTS, 1)
        assert epoch is not None
        self._epoch = epoch
        starters: dict[str, Callable[[], Awaitable[Life]]] = {
            **{f"gateway-{n}": partial(self._gateway, f"gateway-{n}") for n in range(2)},
            **{f"host-{n}": partial(self._host, n) for n in range(HOSTS)},
            "sender": self._sender,
            "expiry": self._expiry,
        }
        for name, starter in starters.items():
            self._lives[name] = await starter()
            self._keepers.append(asyncio.create_task(self._keep(name, starter)))

    async def stop(self) -> None:
        """End everything."""
        self._stopping = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for life in self._lives.values():
            await life.end()

    async def kill(self, *names: str) -> None:
        """End processes at once; their keepers start them again."""
        for name in names:
            life = self._lives[name]
            self.in_flight += life.in_flight()
            await life.end()

    async def ingest(self, gateway: int, new: NewInput) -> bool:
        """Return whether this gateway acknowledged the webhook."""
        try:
            await self._committers[f"gateway-{gateway}"].put_all((new,), asyncio.get_running_loop().time() + 0.7)
        except (Unavailable, Refused):
            return False
        return True

    async def _keep(self, name: str, starter: Callable[[], Awaitable[Life]]) -> None:
        while not self._stopping:
            await asyncio.wait([self._lives[name].task])
            self.deaths += 1
            await self._lives[name].end()
            await asyncio.sleep(0.02)
            self._lives[name] = await starter()

    async def _open(self, name: str) -> Database:
        return await Database.open(self.dsn, Role.ENGINE, name, size=4)

    async def _gateway(self, name: str) -> Life:
        database = await self._open(name)
        committer = Committer(PostgresInbox(database), Patience(), lambda new: self._bus.ring("partitions", [new.address.partition]))
        self._committers[name] = committer
        return Life(name, database, asyncio.create_task(committer.run()))

    async def _host(self, part: int) -> Life:
        database = await self._open(f"host-{part}")
        catalogues = Catalogues(PostgresCatalogue(database))
        service = ConversationService(self._clock, SystemIds(), {"telegram": DeadlyParser()}, catalogues, AgentService(self._clock))
        conversations = SlowConversations(database)
        ports = HostPorts(
            self._clock, BlindInbox(database, part), conversations, PostgresTurns(database), PostgresCarriers(database), self._bus
        )
        host = ConversationHost(Carrier("host", part, HOSTS, uuid4(), self._epoch), ports, service, catalogues, 300.0)
        task = asyncio.create_task(host.run())
        task.add_done_callback(lambda _: self._count(host))
        return Life(f"host-{part}", database, task)

    def _count(self, host: ConversationHost) -> None:
        self.fenced += int(host.status()["fence_rejections"])

    async def _sender(self) -> Life:
        database = await self._open("sender")
        carrier = Carrier("sender", 0, 1, uuid4(), self._epoch)
        outbox = PostgresOutbox(database)
        book = IntegrationBook(PostgresIntegrations(database, SecretBox(self._key)), carrier)
        delivery = Delivery(carrier, outbox, book, {"telegram": self.channel}, self._clock, LIMITS)
        polling = cast(Polling, NoPolling())
        actor = DeliveryActor(carrier, PostgresCarriers(database), outbox, book, delivery, polling, self._bus, self._clock)
        return Life("sender", database, asyncio.create_task(actor.run()), lambda: len(delivery._begun))

    async def _expiry(self) -> Life:
        database = await self._open("expiry")

        async def expire() -> None:
            outbox = PostgresOutbox(database)
            while True:
                await outbox.expire()
                await asyncio.sleep(0.3)

        return Life("expiry", database, asyncio.create_task(expire()))


@contextmanager
def both_own_everything() -> Iterator[None]:
    """Let every host pull every partition: placement is a hint, the commit is the law."""
    with patch("storage.inbox.owned", lambda part, parts: EVERYTHING):
        yield


async def quiet(dsn: str, timeout_s: float) -> bool:
    """Wait until nothing is open; return whether that happened in time."""
    connection = await asyncpg.connect(dsn, server_settings={"jit": "off"})
    sql = """select (select count(*) from inbox where state = 'pending')
                  + (select count(*) from outbox where state in ('pending', 'claimed', 'sending'))"""
    try:
        async with asyncio.timeout(timeout_s):
            while await connection.fetchval(sql):
                await asyncio.sleep(0.1)
            return True
    except TimeoutError:
        return False
    finally:
        connection.terminate()


def new_input(tenant: str, integration: str, account: str, chat_id: int, update_id: int, raw: bytes) -> NewInput:
    """Return a webhook as the gateway stores it."""
    address = Address(IntegrationId(UUID(integration)), str(chat_id))
    return NewInput(TenantId(UUID(tenant)), address, "message", f"telegram:{account}:{update_id}", raw)
