"""Reads the growing ledgers of a run: which messages were answered, and when answers flow again after a fault."""

import json
import time
from pathlib import Path
from typing import Any

BEFORE_S = 2.0  # messages of this long before a fault were in hand, or close to it
AFTER_S = 1.0
_WALL_MINUS_MONOTONIC = time.time() - time.monotonic()  # the channel's ledger has the monotonic clock of the same machine


class Tail:
    """A ledger read from where the last reading ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def rows(self) -> list[dict[str, Any]]:
        """Return the new whole lines."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


class Watch:
    """Joins what customers wrote with what the channel delivered."""

    def __init__(self, generator: Path, channel: Path) -> None:
        self._generator = Tail(generator)
        self._channel = Tail(channel)
        self.sent: dict[str, float] = {}
        self.chats: dict[str, str] = {}
        self.answered: dict[str, float] = {}
        self.humans: set[str] = set()

    def read(self) -> None:
        """Read what is new."""
        for row in self._generator.rows():
            if row["e"] == "sent":
                self.sent[row["text"]] = row["t"]
                self.chats[row["text"]] = row["chat"]
            elif row["e"] == "control_try":
                self.humans.add(row["chat"])  # its answers may rightly be missing
        for row in self._channel.rows():
            for text in _answered_texts(row["text"]):
                self.answered.setdefault(text, row["t"] + _WALL_MINUS_MONOTONIC)

    def recovery(self, fault_at: float) -> tuple[float | None, float | None]:
        """Return the seconds from a fault to the first answer to a message sent after it, and to the last answer of those in hand."""
        after = [at - fault_at for text, at in self.answered.items() if self.sent.get(text, 0.0) > fault_at]
        first = min(after, default=None)
        touched = [text for text, at in self.sent.items() if fault_at - BEFORE_S <= at <= fault_at + AFTER_S]
        touched = [text for text in touched if self.chats[text] not in self.humans]
        if any(text not in self.answered for text in touched):
            return first, None
        return first, max((self.answered[text] - fault_at for text in touched), default=None)


def _answered_texts(body: str) -> list[str]:
    try:
        said = json.loads(body)
    except ValueError:
        return []
    return list(said.get("texts", [])) if isinstance(said, dict) else []
