"""Keeping services alive: what ends is started again, with backoff."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from actors.domain.retry import backoff_s
from storage.server_process import ServerFailed

Say = Callable[[str], None]

LOOK_S = 0.1  # a killed gateway is noticed within this; its connections wait in the held socket
_READY_S = 0.02
_PROVEN_S = 30.0  # alive this long: the next death is a first one again


class Service(Protocol):
    """Something that runs in processes of its own."""

    name: str

    def begin(self) -> None: ...
    def alive(self) -> bool: ...
    def ready(self) -> bool: ...
    def stop(self, timeout_s: float) -> None: ...


async def bring_up(service: Service) -> None:
    """Start a service and return when it is ready.

    Raises:
        ServerFailed: it cannot start.
    """
    service.begin()
    while not service.ready():
        await asyncio.sleep(_READY_S)
        if not service.alive():
            await asyncio.sleep(LOOK_S)
            service.begin()


async def keep(service: Service, say: Say) -> None:
    """Start a service again whenever it ended; runs until cancelled."""
    deaths, since = 0, time.monotonic()
    while True:
        await asyncio.sleep(LOOK_S)
        if service.alive():
            continue
        deaths = 1 if time.monotonic() - since > _PROVEN_S else deaths + 1
        await _again(service, deaths, say)
        since = time.monotonic()


async def _again(service: Service, deaths: int, say: Say) -> None:
    wait_s = 0.0 if deaths == 1 else backoff_s(deaths - 1, base_s=0.2, cap_s=5.0)
    say(f"{service.name} ended; starting it again" + (f" in {wait_s:.1f} s" if wait_s else ""))
    await asyncio.sleep(wait_s)
    try:
        await bring_up(service)
    except (ServerFailed, OSError) as error:
        say(f"{service.name} did not start: {error}")
    else:
        say(f"{service.name} is back")


async def stop_all(services: Sequence[Service], timeout_s: float) -> None:
    """Stop services side by side, each within about `timeout_s`."""
    # Threads are fine here: nothing is forked.
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*(asyncio.to_thread(s.stop, timeout_s) for s in services))
