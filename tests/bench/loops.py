"""The event loops that yardsticks run on: the one aiohttp and aiogram come with, and the faster one that Callboard uses."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

RUN: dict[str, Callable[[Coroutine[Any, Any, None]], None]] = {"asyncio": asyncio.run, "uvloop": uvloop.run}
