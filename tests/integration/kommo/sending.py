"""A sender of Kommo's integrations within the test's process: the parts of `build_sender`, without the bot framework's seconds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from actors.ports.carriers import Carrier
from actors.runtime.clock import SystemClock
from actors.runtime.delivery_actor import DeliveryActor
from actors.services.delivery import Delivery, DeliveryLimits
from actors.services.integration_book import IntegrationBook
from actors.services.polling import Polling
from actors.services.releasing import Releasing
from actors.services.settling import Settling
from integrations.kommo.client import KommoClient
from integrations.kommo.continuing import Continuing
from integrations.kommo.history import KommoHistory
from integrations.kommo.sender import KommoSender
from integrations.kommo.wire import Wire
from storage.carriers import PostgresCarriers
from storage.crm_desk import PostgresCrmDesk
from storage.doubts import PostgresDoubts
from storage.inbox import PostgresInbox
from storage.integrations import PostgresIntegrations
from storage.kommo_salesbots import PostgresSalesbots
from storage.outbox import PostgresOutbox
from storage.postgres import Database, Role
from storage.signals import RedisSignals
from tests.integration.kommo.office import Office

TIMEOUT_S = 2.0


@asynccontextmanager
async def sending(office: Office, dsn: str, redis_url: str) -> AsyncIterator[None]:
    """Carry the integrations while the block lasts."""
    clock, carrier = SystemClock(), Carrier("sender", 0, 1, uuid4(), office.shop.epoch)
    async with await Database.open(dsn, Role.ENGINE, "sender", size=8) as database, RedisSignals(redis_url) as signals:
        client = KommoClient(Wire(clock, TIMEOUT_S, office.kommo.url), office.store, office.pace, clock, uuid4)
        outbox, book = PostgresOutbox(database), IntegrationBook(PostgresIntegrations(database, office.shop.box), carrier)
        continuing = Continuing(client, PostgresSalesbots(database), office.store)
        senders = {"kommo": KommoSender(client, office.store, continuing, PostgresCrmDesk(database))}
        delivery = Delivery(carrier, outbox, book, senders, clock, DeliveryLimits(6.0, TIMEOUT_S))
        settling = Settling(carrier, PostgresDoubts(database), book, {"kommo": KommoHistory(client)}, clock)
        polling = Polling(PostgresInbox(database), book, {}, signals, clock)
        releasing = Releasing(book, "kommo", continuing, clock)
        store = PostgresCarriers(database)
        actor = DeliveryActor(carrier, store, outbox, book, delivery, polling, signals, clock, settling=settling, releasing=releasing)
        life = asyncio.create_task(actor.run())
        try:
            yield
        finally:
            await actor.drain()
            await life
            await client.close()
