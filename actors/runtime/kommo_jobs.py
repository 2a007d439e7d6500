"""The jobs that ask Kommo, and what shows conversations there, on the real stores."""

from collections import Counter
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

from actors.ports.jobs import JobHandler
from actors.ports.time import Clock
from actors.runtime.clock import fresh_generation
from actors.services.jobs.crm_reconcile import Reconcile
from actors.services.jobs.crm_sync import ContactSync, PipelineSync
from actors.services.showing import Showing
from config import failpoints
from config.settings import Settings
from integrations.kommo.catalogue import KommoCatalogue
from integrations.kommo.chats_api import ChatsApi
from integrations.kommo.client import KommoClient
from integrations.kommo.showing import KommoChats
from integrations.kommo.watching import KommoMemory
from integrations.kommo.wire import Wire
from storage.crypto import SecretBox, load_or_create_key
from storage.inbox import PostgresInbox
from storage.kommo_accounts import PostgresKommo
from storage.kommo_mirror import PostgresKommoMirror
from storage.kommo_pace import PostgresKommoPace
from storage.kommo_showing import PostgresShowing
from storage.kommo_watch import PostgresKommoWatch
from storage.postgres import Database

TIMEOUT_S = 30.0  # of a request: Kommo takes long for large pages
CHATS_TIMEOUT_S = 8.0  # of a request to the Chats API; a lease is longer, see actors/services/showing_chat.py


def kommo_jobs(database: Database, chosen: Settings, clock: Clock, stack: AsyncExitStack) -> list[JobHandler[Any]]:
    """Return them; their connections to Kommo are closed with the stack."""
    box = SecretBox(load_or_create_key(chosen.data_dir))
    wire = Wire(clock, TIMEOUT_S, chosen.kommo_api)
    client = KommoClient(wire, PostgresKommo(database, box), PostgresKommoPace(database), clock, fresh_generation)
    stack.push_async_callback(client.close)
    catalogue, mirror = KommoCatalogue(client), PostgresKommoMirror(database)
    reachable = chosen.public_url.startswith("https://") or bool(chosen.public_url and chosen.kommo_api)
    address = chosen.public_url.rstrip("/") if reachable else ""
    watch = Reconcile(KommoMemory(client), PostgresKommoWatch(database, box), PostgresInbox(database), clock, address)
    return [PipelineSync(catalogue, mirror, clock), ContactSync(catalogue, mirror, clock), watch]


def kommo_showing(
    database: Database, chosen: Settings, clock: Clock, stack: AsyncExitStack, worker: UUID, counts: "Counter[str]"
) -> Showing:
    """Return what shows conversations of channels of ours; its connections are closed with the stack."""
    box = SecretBox(load_or_create_key(chosen.data_dir))
    wire = Wire(clock, CHATS_TIMEOUT_S, chosen.kommo_api, failpoints.hit)
    stack.push_async_callback(wire.close)
    return Showing(worker, PostgresShowing(database, box), KommoChats(ChatsApi(wire), box.derive), clock, failpoints.hit, counts)
