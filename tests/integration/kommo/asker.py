"""A process that asks Kommo as fast as it may: `python -m tests.integration.kommo.asker`, its order as JSON on stdin.

Prints for each priority by how many seconds its requests took, as JSON.
"""

import asyncio
import sys
from pathlib import Path
from uuid import UUID, uuid4

import orjson

from actors.domain.errors import TransientError
from actors.domain.ids import IntegrationId, TenantId
from actors.ports.kommo import KommoAccount
from actors.runtime.clock import SystemClock
from config import failpoints
from integrations.kommo.client import KommoClient
from integrations.kommo.limits import Priority
from integrations.kommo.wire import Wire
from storage.crypto import SecretBox, load_or_create_key
from storage.kommo_accounts import PostgresKommo
from storage.kommo_pace import PostgresKommoPace
from storage.postgres import Database, Role


async def main() -> None:
    order = orjson.loads(sys.stdin.buffer.read())
    account = KommoAccount(TenantId(UUID(order["tenant"])), IntegrationId(UUID(order["integration"])))
    box, clock = SecretBox(load_or_create_key(Path(order["data_dir"]))), SystemClock()
    async with await Database.open(order["dsn"], Role.ENGINE, "asker", size=6) as database:
        wire = Wire(clock, 8.0, order["api"], failpoints.hit)
        client = KommoClient(wire, PostgresKommo(database, box), PostgresKommoPace(database), clock, uuid4, failpoints.hit)
        took: dict[str, list[float]] = {priority.name: [] for priority in Priority}

        async def ask(number: int) -> None:
            priority = list(Priority)[number % 3]
            while True:
                began = clock.monotonic()
                try:
                    await client.ask(account, "GET", "/api/v4/account", priority=priority)
                except TransientError:
                    await asyncio.sleep(0.2)
                else:
                    took[priority.name].append(clock.monotonic() - began)
                    return

        await asyncio.gather(*(ask(number) for number in range(order["count"])))
        await client.close()
        sys.stdout.buffer.write(orjson.dumps(took))


if __name__ == "__main__":
    asyncio.run(main())
