"""What a person at the terminal reads: short lines with the time since the start."""

import sys
import time


class Narrator:
    """Prints one line for each thing that happened."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        """Print a line with the seconds since the start."""
        sys.stdout.write(f"[{time.monotonic() - self._began:6.1f} s] {line}\n")
        sys.stdout.flush()

    @staticmethod
    def plain(text: str) -> None:
        """Print text as it is."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
