"""What a person at the terminal reads: short lines with the time since the start."""

import contextlib
import sys
import time


class Narrator:
    """Prints one line for each thing that happened."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        """Print a line with the seconds since the start. A terminal that went away stops nothing."""
        self.block(f"[{time.monotonic() - self._began:6.1f} s] {line}")

    def block(self, text: str) -> None:
        """Print lines without a time, with the same care."""
        with contextlib.suppress(OSError):
            self.plain(text)

    @staticmethod
    def plain(text: str) -> None:
        """Print text as it is."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
