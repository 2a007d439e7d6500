"""The jobs that ask Kommo, on the real stores."""

from contextlib import AsyncExitStack
from typing import Any

from actors.ports.jobs import JobHandler
from actors.ports.time import Clock
from actors.runtime.clock import fresh_generation
from actors.services.jobs.crm_reconcile import Reconcile
from actors.services.jobs.crm_sync import ContactSync, PipelineSync
from config.settings import Settings
from integrations.kommo.catalogue import KommoCatalogue
from integrations.kommo.client import KommoClient
from integrations.kommo.watching import KommoMemory
from integrations.kommo.wire import Wire
from storage.crypto import SecretBox, load_or_create_key
from storage.inbox import PostgresInbox
from storage.kommo_accounts import PostgresKommo
from storage.kommo_mirror import PostgresKommoMirror
from storage.kommo_pace import PostgresKommoPace
from storage.kommo_watch import PostgresKommoWatch
from storage.postgres import Database

TIMEOUT_S = 30.0  # of a request: Kommo takes long for large pages


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
