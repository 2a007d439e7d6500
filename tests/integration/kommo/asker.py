"""A process that asks Kommo as fast as it may: `python -m tests.integration.kommo.asker`, its order as JSON on stdin.

Prints by how many seconds it was late at worst: a machine that stands still for a while delivers late what was sent in time.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson

from actors.domain.errors import TransientError
from actors.domain.ids import IntegrationId, TenantId
from actors.ports.kommo import KommoAccount
from actors.runtime.clock import SystemClock
from integrations.kommo.client import KommoClient
from integrations.kommo.limits import Priority
from integrations.kommo.wire import Wire
from storage.crypto import SecretBox, load_or_create_key
from storage.kommo_accounts import PostgresKommo
from storage.kommo_pace import PostgresKommoPace
from storage.postgres import Database, Role


async def worst_lag(until: "asyncio.Future[Any]") -> float:
    """Return by how many seconds this process was late at worst until something is done."""
    loop, worst = asyncio.get_running_loop(), 0.0
    while not until.done():
        before = loop.time()
        await asyncio.sleep(0.01)
        worst = max(worst, loop.time() - before - 0.01)
    return worst


async def main() -> None:
    order = orjson.loads(sys.stdin.buffer.read())
    account = KommoAccount(TenantId(UUID(order["tenant"])), IntegrationId(UUID(order["integration"])))
    box, clock = SecretBox(load_or_create_key(Path(order["data_dir"]))), SystemClock()
    async with await Database.open(order["dsn"], Role.ENGINE, "asker", size=6) as database:
        client = KommoClient(Wire(clock, 8.0, order["api"]), PostgresKommo(database, box), PostgresKommoPace(database), clock, uuid4)

        async def ask(number: int) -> None:
            priority = list(Priority)[number % 3]
            while True:
                try:
                    await client.ask(account, "GET", "/api/v4/account", priority=priority)
                except TransientError:
                    await asyncio.sleep(0.2)
                else:
                    return

        lag = asyncio.create_task(worst_lag(asking := asyncio.gather(*(ask(number) for number in range(order["count"])))))
        await asking
        await client.close()
        print(await lag)


if __name__ == "__main__":
    asyncio.run(main())
