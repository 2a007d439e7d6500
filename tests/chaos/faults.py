"""The faults of a run: kill -9 of one process, or stop-and-continue of a host, each with turns in hand."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import asyncpg
import psutil

from storage.postgres import DRIVER_ERRORS
from tests.chaos.installation import Installation
from tests.chaos.ledger import now

MIN_IN_HAND = 20  # a kill with fewer turns in hand proves little and does not count
FIND_S = 30.0
STOPPED_S = 12.0  # longer than any lease, beat or probe of a host
AFTER_S = 3.0  # how long sends cut off by a fault are looked for
_IN_HAND = """
select count(distinct (i.integration_id, i.key)) from batches b cross join lateral unnest(b.inbox_ids) u (id) join inbox i on i.id = u.id
where i.state = 'pending' and ($1::int is null or b.host = $1)"""
_SENDING = "select count(*) from outbox where state = 'sending'"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happened: when, with how many turns in hand, and how many sends may have been cut off."""

    name: str
    at: float
    in_hand: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault that can be injected. `cuts_sends`: it may end a process that is writing to the channel or storing how a send ended."""

    name: str
    find: Callable[[Installation], Awaitable[psutil.Process]]
    cuts_sends: bool
    host: int | None = None
    stop_s: float = 0.0


def kinds(chance: random.Random) -> list[Kind]:
    """Return every kind of fault, once, in an order drawn from the seed."""
    struck, stopped = chance.randrange(2), chance.randrange(2)

    async def at_once(process: psutil.Process) -> psutil.Process:
        return process

    found = [
        Kind("supervisor", lambda i: at_once(i.supervisor()), cuts_sends=True),
        Kind("gateway", lambda i: at_once(i.child("gateway")), cuts_sends=False),
        Kind("host", lambda i: i.carrier("host", struck), cuts_sends=False, host=struck),
        Kind("delivery", lambda i: i.carrier("sender", 0), cuts_sends=True),
        Kind("stage", lambda i: at_once(i.child("actors.runtime.stage")), cuts_sends=True),
        Kind("raylet", lambda i: at_once(i.of_ray("raylet")), cuts_sends=True),
        Kind("gcs_server", lambda i: at_once(i.of_ray("gcs_server")), cuts_sends=True),
        Kind("postgres", lambda i: at_once(i.postmaster()), cuts_sends=True),
        Kind("redis", lambda i: at_once(i.child("valkey-server")), cuts_sends=False),
        Kind("host_stopped", lambda i: i.carrier("host", stopped), cuts_sends=False, host=stopped, stop_s=STOPPED_S),
    ]
    chance.shuffle(found)
    return found


async def inject(installation: Installation, kind: Kind) -> Fault:
    """Wait until enough turns are in hand, strike, and look for sends that were cut off."""
    async with asyncio.timeout(FIND_S):
        while True:
            with suppress(LookupError, psutil.Error, OSError, *DRIVER_ERRORS):
                process = await kind.find(installation)
                dsn = installation.database_url
                in_hand, sending = await _counts(dsn, kind.host)
                if in_hand >= MIN_IN_HAND:
                    process.send_signal(signal.SIGSTOP if kind.stop_s else signal.SIGKILL)
                    break
            await asyncio.sleep(0.05)
    at = now()
    if kind.stop_s:
        await asyncio.sleep(kind.stop_s)
        with suppress(psutil.Error):
            process.send_signal(signal.SIGCONT)
    in_flight = max(sending, await _sending_after(dsn)) if kind.cuts_sends else 0
    return Fault(kind.name, at, in_hand, in_flight)


async def _counts(dsn: str, host: int | None) -> tuple[int, int]:
    connection = await asyncpg.connect(dsn, timeout=3, command_timeout=3, server_settings={"jit": "off"})
    try:
        return await connection.fetchval(_IN_HAND, host), await connection.fetchval(_SENDING)
    finally:
        connection.terminate()


async def _sending_after(dsn: str) -> int:
    """Return the most sends seen under way after the fault: what was cut off waits there for its lease to end."""
    until, most = time.monotonic() + AFTER_S, 0
    while time.monotonic() < until:
        with suppress(*DRIVER_ERRORS):
            most = max(most, (await _counts(dsn, None))[1])
        await asyncio.sleep(0.1)
    return most
