"""The activity log as its actor needs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from actors.domain.activity import Fact
from actors.domain.ids import TenantId


@dataclass(frozen=True, slots=True)
class Counted:
    """Facts that were counted just now, in their order; `whole`: there are no more for the moment."""

    facts: Sequence[Fact]
    whole: bool


class ActivityStore(Protocol):
    """The log of all tenants and what it adds up to."""

    async def count(self, portion: int) -> Counted:
        """Count the facts that follow the last ones counted, at most `portion`: each exactly once, whoever dies when."""

    async def mark(self) -> None:
        """Note which transactions there are now, so that times can be found in the log."""

    async def forget(self) -> int:
        """Delete counters that are too old; return how many."""


class UpdateSignals(Protocol):
    """Tells who watches; hints only, never raises."""

    async def publish_updates(self, tenant_id: TenantId, event: Mapping[str, Any]) -> None: ...
