"""Time and fresh identifiers."""

from datetime import datetime
from typing import Protocol

from actors.domain.ids import TurnId


class Ticks(Protocol):
    """Time that only measures."""

    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Clock(Protocol):
    """Time. One fake in tests."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Ids(Protocol):
    """Fresh identifiers."""

    def turn_id(self) -> TurnId: ...
