"""Asks the supervisor of this machine to end a process of the demo."""

import asyncio
from typing import Any

import orjson

PATIENCE_S = 8.0


class SupervisorRefused(Exception):
    """The message says why."""


class SupervisorAway(Exception):
    """Nobody listens: this gateway was not started by `callboard run` with the demo."""


async def end(socket: str, what: str, pid: int | None) -> int:
    """End a process and return its pid.

    Raises:
        SupervisorAway: nobody listens, or nobody answers in time.
        SupervisorRefused: there is no such process.
    """
    if not socket:
        raise SupervisorAway("no supervisor runs here")
    try:
        async with asyncio.timeout(PATIENCE_S):
            answer = await _asked(socket, {"what": what, "pid": pid})
    except (OSError, TimeoutError, ValueError) as error:
        raise SupervisorAway("the supervisor does not answer") from error
    if "pid" not in answer:
        raise SupervisorRefused(str(answer.get("error", "")))
    return int(answer["pid"])


async def _asked(socket: str, question: dict[str, Any]) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(orjson.dumps(question) + b"\n")
        answer = orjson.loads(await reader.readline())
    finally:
        writer.close()
    return dict(answer)
