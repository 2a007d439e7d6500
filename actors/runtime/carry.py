"""`python -m actors.runtime.carry KIND NUMBER`: one actor as a plain process, without Ray."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

import uvloop

from actors.domain.errors import CallboardError, OwnershipLost
from actors.runtime.clock import fresh_generation
from actors.runtime.composition import build_activity, build_host, build_scheduler, build_sender, build_sync
from actors.runtime.members import Body, Kind, Member, Part
from config.settings import Settings, SettingsError, settings
from storage.carriers import PostgresPlacement
from storage.postgres import Database, Role

log = logging.getLogger(__name__)


async def _knowledge(member: Member) -> Body:
    from actors.runtime.knowledge_parts import build_knowledge  # noqa: PLC0415  # FAISS: the others do not pay for it

    return await build_knowledge(member)


BUILD: Mapping[Kind, Callable[[Member], Awaitable[Body]]] = {
    "host": build_host,
    "sender": build_sender,
    "scheduler": build_scheduler,
    "sync": build_sync,
    "knowledge": _knowledge,
    "activity": build_activity,
}


async def member(kind: Kind, number: int, known: Settings) -> Member:
    """Return a new life of a part under the current placement.

    Raises:
        OwnershipLost: there is no placement, or it has no such part.
    """
    async with await Database.open(known.database_url, Role.ENGINE, "callboard carry", size=1) as database:
        placement = await PostgresPlacement(database).read()
    if placement is None:
        raise OwnershipLost("nobody has placed anything on this database yet")
    single = dict.fromkeys(("scheduler", "sync", "activity"), 1)
    of = {**single, "host": placement.hosts, "sender": placement.senders, "knowledge": known.knowledge}[kind]
    if number >= of:
        raise OwnershipLost(f"the placement has no {kind} {number}")
    return Member(Part(kind, number, of, placement.epoch), fresh_generation())


async def carry(kind: Kind, number: int) -> None:
    """Carry the part until SIGTERM or SIGINT.

    Raises:
        CallboardError: it is somebody else's, or the servers are away.
    """
    body = await BUILD[kind](await member(kind, number, settings()))
    stop = asyncio.Event()
    for number_of_signal in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number_of_signal, stop.set)
    drain = asyncio.create_task(_drain_when(stop, body))
    try:
        await body.run()
    finally:
        drain.cancel()
        await asyncio.gather(drain, return_exceptions=True)


async def _drain_when(stop: asyncio.Event, body: Body) -> None:
    await stop.wait()
    await body.drain()


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m actors.runtime.carry", description="One actor as a plain process.")
    parser.add_argument("kind", choices=sorted(BUILD))
    parser.add_argument("number", type=int)
    arguments = parser.parse_args()
    try:
        logging.basicConfig(level=settings().log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
        uvloop.run(carry(cast(Kind, arguments.kind), arguments.number))
    except (CallboardError, SettingsError) as error:
        log.error("%s %s: %s", arguments.kind, arguments.number, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
