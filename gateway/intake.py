"""The one way in: to the inbox within the budget, else, for channels whose sender does not repeat, to the spool."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from actors.domain.ids import InboxId
from actors.ports.inbox import NewInput
from gateway.committer import Committer, Unavailable
from gateway.spooler import Spooler


@dataclass(frozen=True, slots=True)
class Accepted:
    """An input that is safe on a disk. `inbox_id` is only known for one that was stored fresh."""

    verdict: Literal["stored", "duplicate", "spooled"]
    inbox_id: InboxId | None = None


class Intake:
    """Accepts inputs of all channels."""

    def __init__(self, committer: Committer, spooler: Spooler | None, budget_s: float) -> None:
        self._committer = committer
        self._spooler = spooler
        self._budget_s = budget_s

    def deadline(self) -> float:
        """Return the end of the budget of a request that arrived now, on the loop's clock."""
        return asyncio.get_running_loop().time() + self._budget_s

    async def accept(self, new: NewInput, deadline: float, *, spool: bool = False) -> Accepted:
        """Return once the input is safe.

        Args:
            new: the input.
            deadline: from `deadline()`, taken when the request arrived.
            spool: whether the channel's sender does not repeat reliably.

        Raises:
            Unavailable: neither the database nor, if allowed, the spool took it.
            Refused: the database refuses this row.
        """
        (accepted,) = await self.accept_all((new,), deadline, spool=spool)
        return accepted

    async def accept_all(self, news: Sequence[NewInput], deadline: float, *, spool: bool = False) -> list[Accepted]:
        """Return once everything that one request brought is safe, in its order; else as `accept`."""
        if not spool or self._spooler is None:
            return await self._commit(news, deadline)
        if not self._spooler.backlog:
            try:
                return await self._commit(news, deadline)
            except Unavailable:
                pass  # it may be stored all the same: its key makes the replay harmless
        await self._spooler.keep_all(news)
        return [Accepted("spooled")] * len(news)

    async def _commit(self, news: Sequence[NewInput], deadline: float) -> list[Accepted]:
        stored = await self._committer.put_all(news, deadline)
        return [Accepted("stored", row.inbox_id) if row.fresh else Accepted("duplicate") for row in stored]
