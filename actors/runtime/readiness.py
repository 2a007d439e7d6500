"""Whether the gateway and the stage do their work, seen from outside as a customer would."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

_LOOK_S = 0.1
_TIMEOUT = aiohttp.ClientTimeout(total=2.0)


async def wait_for_gateway(url: str) -> None:
    """Return when /health says that messages are taken in."""
    await _wait(url, lambda health: True)


async def wait_for_stage(url: str, timeout_s: float) -> bool:
    """Return True when /health says that the stage's actors answer, False if it does not within `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            await _wait(url, lambda health: bool(health.get("ray", {}).get("connected")))
    except TimeoutError:
        return False
    return True


async def health_of(url: str) -> dict[str, Any] | None:
    """Return what /health says, or None if nothing answers."""
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, session.get(f"{url}/health") as response:
            return dict(await response.json())
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None


async def _wait(url: str, good: Callable[[dict[str, Any]], bool]) -> None:
    while True:
        health = await health_of(url)
        if health and health.get("status") != "down" and good(health):
            return
        await asyncio.sleep(_LOOK_S)
