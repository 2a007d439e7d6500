"""Reads documents in a child process of their own each: what a file does to a parser, it does there."""

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Any

import orjson

from actors.domain.errors import TransientError
from actors.ports.documents import FileKind, Heard, Piece, Reading, Unreadable
from integrations.documents.child import TOO_MUCH

READ_S = 300.0
AT_ONCE = 2  # each may take a gigabyte
_LONGEST_LINE = 64 * 1024 * 1024
_SLOW = "it takes too long to be read: split it into several, or save it anew"


class ChildReader:
    """Implements DocumentReader."""

    def __init__(self, timeout_s: float = READ_S) -> None:
        self._timeout_s = timeout_s
        self._room = asyncio.Semaphore(AT_ONCE)

    async def read(self, kind: FileKind, content: bytes, heard: Heard, *, charset: str = "", whole: bool = True) -> Reading:
        """Read a document; see DocumentReader."""
        async with self._room:
            process = await _started(kind, charset, "whole" if whole else "part")
            try:
                async with asyncio.timeout(self._timeout_s):
                    said = await _exchange(process, content, heard)
            except TimeoutError:
                raise Unreadable("too-slow", _SLOW) from None
            finally:
                await _ended(process)
        return _reading(said) if said and "pieces" in said else _refused(said, process.returncode)


async def _started(*arguments: str) -> Process:
    # Isolated, and without our environment: nothing in it is a secret of the company, but a key of the model is one.
    command = (sys.executable, "-I", "-m", "integrations.documents.child", *arguments)
    try:
        return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}, limit=_LONGEST_LINE)
    except OSError as error:
        raise TransientError(f"no process can be started to read it: {error}") from error


async def _exchange(process: Process, content: bytes, heard: Heard) -> dict[str, Any] | None:
    """Return the last line; None if the child died without one."""
    assert process.stdin is not None
    assert process.stdout is not None
    feeding = asyncio.create_task(_feed(process.stdin, content), name="document to its reader")
    try:
        while line := await process.stdout.readline():
            said: dict[str, Any] = orjson.loads(line)
            if "done" not in said:
                return said
            await heard(said["done"], said["total"])
    except (ValueError, KeyError):  # a line without an end, or not one of ours
        return None
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    await process.wait()
    return None


async def _feed(stdin: asyncio.StreamWriter, content: bytes) -> None:
    with contextlib.suppress(OSError):  # it died before it had read everything: its status says why
        stdin.write(content)
        await stdin.drain()
        stdin.close()


async def _ended(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()


def _reading(said: dict[str, Any]) -> Reading:
    return Reading(said["title"], said["text"], [Piece(*piece) for piece in said["pieces"]], said["links"])


def _refused(said: dict[str, Any] | None, status: int | None) -> Reading:
    if said is not None:
        raise Unreadable(str(said.get("code", "broken")), str(said.get("problem", "")))
    if status is not None and -status in {signal.SIGXCPU, signal.SIGALRM}:
        raise Unreadable("too-slow", _SLOW)
    if status is not None and -status == signal.SIGKILL:
        raise Unreadable("too-much", TOO_MUCH)
    raise Unreadable("broken", "the file is damaged: open it, save it anew and add it again")
