"""Processes of tests, forked from one that has everything imported: importing costs more than most tests do.

The standard library's fork server (`multiprocessing`) does the forking. What a process sees of itself is what `python -m MODULE`
would show it: its own environment, arguments, output and `__main__`.
"""

import importlib
import json
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

_WARM = (
    "pytest",  # the name of the parent's main module is looked up in every child
    "tests.forked",
    "uvloop",
    "gateway.app",
    "actors.runtime.composition",
    "integrations.telegram.client",  # what a sender imports when it starts, with a bot framework: seconds
    "integrations.telegram.sender",
    "integrations.telegram.updates",
    "integrations.http.webhook_runner",
    "integrations.kommo.crm_runner",
    "integrations.kommo.history",
    "integrations.kommo.sender",
    "tests.fakes.kommo.api",
    "tests.fakes.telegram_bot",
    "tests.frozen",  # the last: what is imported by now is nobody's garbage
)


class Forked:
    """A running module with the part of `subprocess.Popen` that tests need."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        env: Mapping[str, str],
        out: int | None = None,
        errors: int | None = None,
        listening: int | None = None,
    ) -> None:
        """Start `python -m module arguments`.

        Args:
            module: What to run.
            arguments: Its command line.
            env: Its whole environment.
            out: A file descriptor for its standard output; None is ours.
            errors: The same for its standard error.
            listening: A socket that it inherits; its number there follows the arguments.
        """
        given = [DupFd(number) if number is not None else None for number in (out, errors, listening)]
        self._process = _context().Process(target=_run, args=(module, arguments, dict(env), *given), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout_s: float) -> int:
        """Return the exit status.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        self._process.join(timeout_s)
        if (status := self.poll()) is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout_s)
        return status

    def stopped(self) -> bool:
        """Whether a signal or a failpoint stopped it."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def serve(module: str, *arguments: str) -> tuple[Forked, dict[str, Any]]:
    """Start a server in our own environment; return it with the JSON object that its first line of output is."""
    reading, writing = os.pipe()
    process = Forked(module, *arguments, env=os.environ, out=writing)
    os.close(writing)
    with os.fdopen(reading) as output:
        return process, json.loads(output.readline())


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_WARM))
    return context


def _run(module: str, arguments: Sequence[str], env: Mapping[str, str], out: Any, errors: Any, listening: Any) -> None:
    os.environ.clear()
    os.environ.update(env)
    for number, given in ((1, out), (2, errors)):
        if given is not None:
            os.dup2(given.detach(), number)
    if listening is not None:
        arguments = (*arguments, str(listening.detach()))
    sys.argv = [module, *arguments]
    importlib.import_module("config.failpoints").arm(env.get("FAILPOINT", ""))
    runpy.run_module(module, run_name="__main__", alter_sys=True)
