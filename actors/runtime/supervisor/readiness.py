"""Whether the gateway and the stage do their work, seen from outside as a customer would."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from actors.domain.errors import CallboardError
from storage.heartbeat import Heartbeat, Heartbeats
from storage.postgres import Database, Role

_LOOK_S = 0.1
_ANSWER_S = 2.0
# Hung is not dead: a gateway that was stopped for 12 s goes on by itself, one that is stuck is replaced after 20 s.
# A burst of connections makes /health wait too, but not this long.
_HUNG_S = 10.0
_HUNG_TIMES = 2
_PROBE_S = 2.0


async def wait_for_gateway(url: str) -> None:
    """Return when /health says that messages are taken in."""
    while True:
        health = await health_of(url)
        if health and health.get("status") != "down":
            return
        await asyncio.sleep(_LOOK_S)


async def wait_for_stage(dsn: str, timeout_s: float) -> bool:
    """Return True at the first heartbeat from now on that says that the actors answer, False if there is none in time."""
    began = time.monotonic()
    async with await Database.open(dsn, Role.API, "callboard-readiness", size=1) as database:
        heartbeats = Heartbeats(database)
        while (waited_s := time.monotonic() - began) < timeout_s:
            if _answers(await _read(heartbeats), waited_s):
                return True
            await asyncio.sleep(_LOOK_S)
    return False


async def watch_gateway(url: str, hung: Callable[[], None]) -> None:
    """Call `hung` whenever /health does not answer any more; runs until cancelled."""
    missed = 0
    while True:
        await asyncio.sleep(_PROBE_S)
        missed = 0 if await health_of(url, _HUNG_S) else missed + 1
        if missed == _HUNG_TIMES:
            hung()
            missed = 0


async def health_of(url: str, timeout_s: float = _ANSWER_S) -> dict[str, Any] | None:
    """Return what /health says, or None if nothing answers."""
    try:
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{url}/health") as response:
            return dict(await response.json())
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None


async def _read(heartbeats: Heartbeats) -> Heartbeat | None:
    try:
        return await heartbeats.read("stage")
    except CallboardError:  # PostgreSQL is being restarted
        return None


def _answers(beat: Heartbeat | None, since_s: float) -> bool:
    return beat is not None and beat.age_s < since_s and bool(beat.status.get("ray", {}).get("connected"))
