"""A ledger: JSON lines, appended and flushed one by one, so that a kill loses at most the line being written."""

import json
import time
from pathlib import Path
from typing import Any


class Ledger:
    """Appends rows; times are seconds of this machine's wall clock."""

    def __init__(self, path: Path) -> None:
        self._out = path.open("a", buffering=1)

    def write(self, event: str, **row: Any) -> None:
        """Append one row."""
        self._out.write(json.dumps({"e": event, **row}, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._out.close()


def now() -> float:
    """Return the wall clock's time, which all ledgers of a run share."""
    return time.time()
