"""The composition roots: one function per kind of actor puts the real stores, parsers and models into the plain classes."""

import random
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from actors.domain.agent.spending import Price
from actors.ports.actions import ActionRunner
from actors.ports.channels import ChannelParser, ChannelSender
from actors.ports.model import Endpoint
from actors.runtime.action_loop import ActionLoop
from actors.runtime.activity_actor import ActivityLogActor
from actors.runtime.clock import SystemClock, SystemIds, fresh_generation
from actors.runtime.delivery_actor import DeliveryActor
from actors.runtime.host.conversation_host import ConversationHost, HostPorts
from actors.runtime.job_kinds import chores, job_registry
from actors.runtime.kommo_jobs import kommo_jobs, kommo_showing
from actors.runtime.members import Body, Member
from actors.runtime.scheduler_actor import SchedulerActor
from actors.runtime.sync_actor import SyncActor
from actors.services.acting import Acting, ActingLimits
from actors.services.agent import AgentService, Models
from actors.services.catalogues import Catalogues
from actors.services.conversation import ConversationService
from actors.services.delivery import Delivery, DeliveryLimits
from actors.services.integration_book import IntegrationBook
from actors.services.jobs.agent_replay import AgentReplay
from actors.services.polling import Polling
from actors.services.releasing import Releasing
from actors.services.settling import Settling
from actors.services.typing import Typing
from config import collector, failpoints
from config.settings import Settings, settings
from integrations.kommo.parser import KommoParser
from integrations.telegram.bot_api import BotApi
from integrations.telegram.parser import TelegramParser
from integrations.test_chat.parser import TestChatParser
from storage.actions import PostgresActions
from storage.carriers import PostgresCarriers
from storage.catalogue import PostgresCatalogue
from storage.conversations import PostgresConversations
from storage.crm_desk import PostgresCrmDesk
from storage.crypto import SecretBox, load_or_create_key
from storage.doubts import PostgresDoubts
from storage.enrolling import PostgresSequences
from storage.housekeeping import Housekeeping
from storage.inbox import PostgresInbox
from storage.integrations import PostgresIntegrations
from storage.jobs.queue import PostgresJobQueue
from storage.knowledge.calls import KnowledgeCalls
from storage.kommo_accounts import PostgresKommo
from storage.kommo_pace import PostgresKommoPace
from storage.kommo_salesbots import PostgresSalesbots
from storage.operators.asking import Handoffs
from storage.outbox import PostgresOutbox
from storage.postgres import Database, Role
from storage.replays import PostgresReplays
from storage.rollups import PostgresActivity
from storage.rule_clock import PostgresRuleClock
from storage.signals import RedisSignals
from storage.signing_keys import webhook_secret
from storage.spending import PostgresSpending
from storage.timers import PostgresTimers
from storage.unit_of_work import PostgresTurns

HOST_CONNECTIONS = 6  # pull, commit, beat, catalogues and two histories at once
SENDER_CONNECTIONS = 8  # claim, begin, finish, beat, integrations and a polled batch at once, and what requests to Kommo ask
SCHEDULER_CONNECTIONS = 2
SYNC_CONNECTIONS = 10  # five jobs, exchange, beat, sweep, and what requests to Kommo reserve
CALL_SHARE = 0.4  # of a lease: a call outside ends by itself before anybody else may think it has
ACTIVITY_CONNECTIONS = 1


class Composed:
    """An actor's body with what it was given: closed when it ends, however it ends."""

    def __init__(self, body: Body, resources: AsyncExitStack) -> None:
        self._body = body
        self._resources = resources

    async def run(self) -> None:
        """Run the body, then close what it used."""
        async with self._resources:
            await self._body.run()

    async def ping(self) -> Mapping[str, Any]:
        return await self._body.ping()

    async def drain(self) -> None:
        await self._body.drain()


async def build_host(member: Member) -> Body:
    """Return a ConversationHost that works on the real servers."""
    chosen = settings()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            await Database.open(chosen.database_url, Role.ENGINE, f"callboard {member.part}", size=HOST_CONNECTIONS)
        )
        signals = await stack.enter_async_context(RedisSignals(chosen.redis_url))
        clock = SystemClock()
        catalogues = Catalogues(PostgresCatalogue(database))
        knowledge = await stack.enter_async_context(KnowledgeCalls(chosen.redis_url, database))
        agent = AgentService(clock, models(chosen, stack, PostgresSpending(database)), knowledge)
        service = ConversationService(clock, SystemIds(), parsers(), catalogues, agent)
        ports = HostPorts(
            clock,
            PostgresInbox(database),
            PostgresConversations(database),
            PostgresTurns(database, signals.kick_control),
            PostgresCarriers(database),
            signals,
        )
        collector.settle()
        return Composed(ConversationHost(member.carrier, ports, service, catalogues, chosen.idle_s), stack.pop_all())


async def build_sender(member: Member) -> Body:
    """Return a DeliveryActor that works on the real servers and channels."""
    # A bot framework takes seconds and 165 MB: a host does not pay for it.
    from integrations.http.egress import Egress  # noqa: PLC0415
    from integrations.http.webhook_runner import KIND, WebhookRunner  # noqa: PLC0415
    from integrations.kommo.client import KommoClient  # noqa: PLC0415
    from integrations.kommo.continuing import Continuing  # noqa: PLC0415
    from integrations.kommo.crm_runner import CrmRunner  # noqa: PLC0415
    from integrations.kommo.history import KommoHistory  # noqa: PLC0415
    from integrations.kommo.sender import KommoSender  # noqa: PLC0415
    from integrations.kommo.wire import Wire  # noqa: PLC0415
    from integrations.telegram.client import TelegramClient  # noqa: PLC0415
    from integrations.telegram.sender import TelegramSender  # noqa: PLC0415
    from integrations.telegram.updates import TelegramUpdateSource  # noqa: PLC0415

    chosen, clock, carrier = settings(), SystemClock(), member.carrier
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            await Database.open(chosen.database_url, Role.ENGINE, f"callboard {member.part}", size=SENDER_CONNECTIONS)
        )
        signals = await stack.enter_async_context(RedisSignals(chosen.redis_url))
        client = TelegramClient(chosen.telegram_api, clock, chosen.telegram_timeout_s)
        stack.push_async_callback(client.close)
        key = load_or_create_key(chosen.data_dir)
        outbox, box = PostgresOutbox(database), SecretBox(key)
        book = IntegrationBook(PostgresIntegrations(database, box), carrier)
        limits = DeliveryLimits(chosen.lease_s, chosen.telegram_timeout_s)
        counts: Counter[str] = Counter()
        telegram, accounts = TelegramSender(client, clock, counts), PostgresKommo(database, box)
        wire = Wire(clock, limits.send_timeout_s, chosen.kommo_api, failpoints.hit)
        kommo = KommoClient(wire, accounts, PostgresKommoPace(database), clock, fresh_generation, failpoints.hit)
        stack.push_async_callback(kommo.close)
        desk = PostgresCrmDesk(database)
        continuing = Continuing(kommo, PostgresSalesbots(database), accounts, failpoints.hit)
        in_kommo = KommoSender(kommo, accounts, continuing, desk, counts)
        senders: dict[str, ChannelSender] = {"telegram": telegram, "kommo": in_kommo}
        settling = Settling(carrier, PostgresDoubts(database), book, {"kommo": KommoHistory(kommo)}, clock, counts)
        delivery = Delivery(carrier, outbox, book, senders, clock, limits, failpoints.hit, counts)
        polling = Polling(PostgresInbox(database), book, {"telegram": TelegramUpdateSource(client)}, signals, clock)
        egress = await stack.enter_async_context(Egress(chosen.lease_s * CALL_SHARE, private=chosen.webhooks_private))
        crm = CrmRunner(kommo, desk, chosen.lease_s, failpoints.hit)
        runners: dict[str, ActionRunner] = {
            KIND: WebhookRunner(egress, lambda tenant_id: webhook_secret(key, tenant_id), clock),
            **dict.fromkeys(crm.kinds, crm),
        }
        acting = Acting(carrier, PostgresActions(database), runners, ActingLimits(chosen.lease_s), failpoints.hit)
        collector.settle()
        typing = Typing(book, {"telegram": telegram}, delivery.is_paused, counts)
        sender = DeliveryActor(
            carrier,
            PostgresCarriers(database),
            outbox,
            book,
            delivery,
            polling,
            signals,
            clock,
            typing,
            ActionLoop(acting, clock),
            settling,
            Releasing(book, "kommo", continuing, clock, counts),
        )
        return Composed(sender, stack.pop_all())


async def build_scheduler(member: Member) -> Body:
    """Return a SchedulerActor that works on the real servers."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            await Database.open(settings().database_url, Role.ENGINE, f"callboard {member.part}", size=SCHEDULER_CONNECTIONS)
        )
        scheduler = SchedulerActor(
            SystemClock(),
            PostgresTimers(database),
            PostgresOutbox(database),
            Housekeeping(database),
            Handoffs(database),
            PostgresSequences(database),
            PostgresRuleClock(database),
        )
        return Composed(scheduler, stack.pop_all())


async def build_sync(member: Member) -> Body:
    """Return a SyncActor that works on the real servers."""
    from actors.runtime.document_jobs import document_jobs  # noqa: PLC0415  # readers of documents: the others do not pay for them

    chosen, clock = settings(), SystemClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            await Database.open(chosen.database_url, Role.ENGINE, f"callboard {member.part}", size=SYNC_CONNECTIONS)
        )
        signals = await stack.enter_async_context(RedisSignals(chosen.redis_url))
        knowledge = await stack.enter_async_context(KnowledgeCalls(chosen.redis_url, database))
        writers = models(chosen, stack, PostgresSpending(database))
        replay = AgentReplay(PostgresCatalogue(database), PostgresReplays(database), parsers(), clock, knowledge, asks=writers is not None)
        documents = await document_jobs(database, chosen, clock, stack, knowledge, writers)
        outside = [*kommo_jobs(database, chosen, clock, stack), *documents]
        registry = job_registry(database, chosen, clock, *outside, replay)
        collector.settle()
        accounts = await stack.enter_async_context(BotApi(chosen.telegram_api, chosen.telegram_timeout_s))
        queue, aside = PostgresJobQueue(database), chores(database, chosen, clock, accounts)
        shown: Counter[str] = Counter()
        showing = kommo_showing(database, chosen, clock, stack, member.generation, shown)
        sync = SyncActor(member.generation, queue, registry, signals, clock, random.random, aside, None, (showing.run,), shown)
        return Composed(sync, stack.pop_all())


async def build_activity(member: Member) -> Body:
    """Return an ActivityLogActor that works on the real servers."""
    chosen = settings()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            await Database.open(chosen.database_url, Role.ENGINE, f"callboard {member.part}", size=ACTIVITY_CONNECTIONS)
        )
        signals = await stack.enter_async_context(RedisSignals(chosen.redis_url))
        return Composed(ActivityLogActor(SystemClock(), PostgresActivity(database), signals), stack.pop_all())


def parsers() -> dict[str, ChannelParser]:
    """Return the parser of every channel."""
    return {"telegram": TelegramParser(), "kommo": KommoParser(), "test": TestChatParser(), "web": TestChatParser()}


def models(chosen: Settings, stack: AsyncExitStack, spending: PostgresSpending) -> Models | None:
    """Return the language models, None without a key."""
    key = chosen.openai_api_key.get_secret_value()
    if not key:
        return None
    from integrations.llm.client import OpenAIModel  # noqa: PLC0415  # 60 MB that a host without a model does not pay

    def endpoint(own_key: str, name: str, base_url: str) -> Endpoint:
        client = OpenAIModel(own_key, name, chosen.model_timeout_s, base_url)
        stack.push_async_callback(client.close)
        return Endpoint(client, name, base_url)

    fallback = None
    if name := chosen.fallback_model:
        other_key, other_url = chosen.fallback_api_key.get_secret_value(), chosen.fallback_base_url
        # A key is shown to nobody but the server it was given for.
        fallback = endpoint(other_key or "none", name, other_url) if other_url else endpoint(key, name, chosen.openai_base_url)
    return Models(
        endpoint(key, chosen.model, chosen.openai_base_url),
        fallback,
        {name: Price(*dollars) for name, dollars in chosen.model_prices.items()},
        spending,
        round(chosen.spend_limit_usd * 1_000_000),
    )
