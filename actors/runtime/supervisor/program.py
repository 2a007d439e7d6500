"""One of our own programs as a child process."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from config.environment import child_environment
from storage.server_process import die_with_parent, wait_until


class Program:
    """`python -m module arguments`; it writes to our output and ends when we end."""

    def __init__(
        self, name: str, arguments: Sequence[str], env: Mapping[str, str], *, death: signal.Signals, descriptors: Sequence[int] = ()
    ) -> None:
        self.name = name
        self.env = dict(env)
        self._arguments = tuple(arguments)
        self._death = death
        self._descriptors = tuple(descriptors)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Return the pid, or None before the start and after the stop."""
        return self._process.pid if self._process else None

    def begin(self) -> None:
        """Start it. Call this from the main thread: the child dies with the thread that forked it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", *self._arguments],
            stdin=subprocess.DEVNULL,
            env=child_environment(self.env),
            start_new_session=True,  # Ctrl-C is the supervisor's to handle
            preexec_fn=die_with_parent(self._death),  # noqa: PLW1509  # one prctl
            pass_fds=self._descriptors,
        )

    def alive(self) -> bool:
        """Return whether it runs."""
        return self._process is not None and self._process.poll() is None

    def ready(self) -> bool:
        """Return whether it was started; what it does is seen from outside (/health)."""
        return self._process is not None

    def kill(self) -> None:
        """SIGKILL, which ends a stopped process, too; whoever keeps it starts it again."""
        if self._process and self._process.poll() is None:
            self._process.kill()

    def stop(self, timeout_s: float) -> None:
        """SIGTERM, and SIGKILL after `timeout_s`; returns when it is gone."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        if not wait_until(lambda: process.poll() is not None, timeout_s):
            process.kill()
            process.wait(5.0)
