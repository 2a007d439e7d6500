"""The gateway's composition root: one function wires everything, one context keeps it alive."""

import logging
import socket
import sqlite3
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiohttp import web

from actors.services.connecting import Connecting
from config.settings import Settings
from gateway.api.files import FilesApi
from gateway.auth import Callers
from gateway.committer import Committer
from gateway.connections import Connections
from gateway.directory import Directory
from gateway.edge import Busy, EdgeRunner
from gateway.health import Probe
from gateway.intake import Intake
from gateway.kicker import Kicker
from gateway.kommo_desk import KommoDesk
from gateway.metrics import Metrics
from gateway.middleware import edge_middleware
from gateway.origin import Origins
from gateway.own_channels import OwnChannels
from gateway.passwords import Passwords
from gateway.patience import Patience
from gateway.spooler import Spooler
from gateway.surface import Services, surface
from gateway.tasks import Keeper
from integrations.telegram.bot_api import BotApi
from integrations.telegram.files import TelegramFiles
from storage.accounts.sessions import Sessions
from storage.api_keys import ApiKeys
from storage.inbox import PostgresInbox
from storage.integrations import PostgresIntegrations
from storage.knowledge.calls import KnowledgeCalls
from storage.kommo_scopes import KommoScopes
from storage.media import StoredFiles
from storage.postgres import Database, Role
from storage.signals import RedisSignals
from storage.spool import Spool

log = logging.getLogger(__name__)

# One group commit is in flight at a time; the rest is for lookups, probes, the spool's replay and abandoned statements.
ENGINE_CONNECTIONS = 6
KNOWLEDGE_WAIT_S = 3.0  # of somebody who tries a search out; a customer waits for a fraction of it
API_CONNECTIONS = 6
CONNECT_TIMEOUT_S = 2.0
ACQUIRE_TIMEOUT_S = 5.0


@asynccontextmanager
async def gateway(settings: Settings, listening: socket.socket) -> AsyncIterator[web.Application]:
    """Serve the application on the socket while the block lasts; then finish what was begun, in at most 5 s."""
    async with AsyncExitStack() as stack:
        engine = await _database(stack, settings, Role.ENGINE, ENGINE_CONNECTIONS)
        api = await _database(stack, settings, Role.API, API_CONNECTIONS)
        signals = await stack.enter_async_context(RedisSignals(settings.redis_url))
        patience = Patience()
        stack.push_async_callback(patience.close)
        keeper = await stack.enter_async_context(Keeper())
        metrics, busy, kicker, inbox = Metrics(), Busy(), Kicker(signals), PostgresInbox(engine)
        committer = Committer(inbox, patience, kicker.kick)
        metrics.watch(lambda: committer.waiting)
        spool, spooler = await _spooler(stack, settings, inbox, patience, kicker)
        intake = Intake(committer, spooler, settings.ingest_budget_s)
        directory = Directory(PostgresIntegrations(engine), spool, patience)
        origins = Origins(settings.public_url, settings.proxies)
        callers = Callers(ApiKeys(api), Sessions(api), origins, patience)
        passwords = Passwords()
        stack.callback(passwords.close)
        kommo = await stack.enter_async_context(KommoDesk(api, settings.data_dir, settings.public_url, settings.kommo_api))
        bot_api = await stack.enter_async_context(BotApi(settings.telegram_api, settings.telegram_timeout_s))
        telegram_files = TelegramFiles(settings.telegram_api, settings.telegram_timeout_s)
        stack.push_async_callback(telegram_files.close)
        probe = Probe(engine, signals, spool, spooler, patience)
        have = Services(
            api=api,
            signals=signals,
            callers=callers,
            origins=origins,
            passwords=passwords,
            patience=patience,
            metrics=metrics,
            intake=intake,
            directory=directory,
            probe=probe,
            public_url=settings.public_url,
            reply_wait_s=settings.reply_wait_s,
            data_dir=settings.data_dir,
            knowledge=await stack.enter_async_context(KnowledgeCalls(settings.redis_url, api, KNOWLEDGE_WAIT_S)),
            connections=Connections(engine, settings.data_dir, Connecting(bot_api, settings.public_url)),
            kommo=kommo,
            own_channels=OwnChannels(KommoScopes(engine), spool, patience, lambda: kommo.box),
            control_socket=settings.control_socket,
            files=FilesApi(StoredFiles(api, settings.data_dir), {"telegram": telegram_files}),
            asks=bool(settings.openai_api_key.get_secret_value()),
        )
        everything = surface(have)
        app = web.Application(middlewares=[edge_middleware(metrics, busy)])
        app.add_routes(everything.registry.routes())
        app.on_response_prepare.append(everything.visits.allow)
        runner = EdgeRunner(app, metrics, busy)
        loops: dict[str, Coroutine[Any, Any, None]] = {"committer": committer.run(), "kicker": kicker.run(), "sweep": runner.sweep()}
        if spooler:
            loops |= {"spool-appends": spooler.run_appends(), "spool-replay": spooler.run_replay()}
        for name, loop in loops.items():
            keeper.keep(name, loop)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        stack.push_async_callback(runner.drain)
        stack.push_async_callback(everything.live.close)
        stack.push_async_callback(everything.visits.close)
        await web.SockSite(runner, listening).start()
        yield app


async def _database(stack: AsyncExitStack, settings: Settings, role: Role, size: int) -> Database:
    opened = await Database.open(
        settings.database_url,
        role,
        "callboard gateway",
        size=size,
        connect_timeout_s=CONNECT_TIMEOUT_S,
        acquire_timeout_s=ACQUIRE_TIMEOUT_S,
    )
    return await stack.enter_async_context(opened)


async def _spooler(
    stack: AsyncExitStack, settings: Settings, inbox: PostgresInbox, patience: Patience, kicker: Kicker
) -> tuple[Spool | None, Spooler | None]:
    """Open the spool; a gateway whose disk is unusable still takes in what the database takes."""
    directory = settings.data_dir / "spool"
    try:
        spool = await Spool.open(directory, settings.spool_mb * 2**20)
    except (OSError, sqlite3.Error) as error:
        log.error("spool: cannot be opened below %s: %s", directory, error)
        return None, None
    stack.push_async_callback(spool.close)
    return spool, Spooler(spool, inbox, patience, kicker.kick, await spool.depth())
