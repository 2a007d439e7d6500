"""Who carries which part."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Carrier:
    """The identity under which a process pulls or claims; older generations of the same part find nothing."""

    kind: Literal["host", "sender"]
    part: int
    parts: int
    generation: UUID
    epoch: int


class CarrierStore(Protocol):
    """Who carries which part now."""

    async def take(self, carrier: Carrier, pid: int) -> bool:
        """Take the part for this generation; False if the epoch is not the current one."""

    async def beat(self, carrier: Carrier, status: Mapping[str, Any]) -> bool:
        """Report life; False if a newer generation or epoch took over."""
