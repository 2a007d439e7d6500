"""Showing: what is said in channels of ours appears in the company's CRM. Nothing here is in the way of customers' answers.

Several processes share the work: each chat is claimed with a lease. Channels are served apart from each other, and few chats
of one at once: a CRM that hangs delays its own chats only.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from uuid import UUID

from actors.domain.errors import CallboardError, TransientError
from actors.domain.retry import backoff_s
from actors.ports.showing import ChannelRefused, OwnChannel, ShowingStore, ShownChat, ShownChats
from actors.ports.time import Clock
from actors.services.showing_chat import LEASE_S, Away, ChatVisit

log = logging.getLogger(__name__)

EVERY_S = 1.0
IDLE_S = 5.0  # without a channel there is nothing to look for
CHANNELS_AT_ONCE = 16
CHATS_AT_ONCE = 4  # of one channel
BROKEN_S = 600.0  # a refused channel is asked again so often: a refusal may have been the CRM's own trouble
SLOWEST_S = 60.0  # between two tries of a channel that fails


class Showing:
    """The loop of one process."""

    def __init__(
        self, worker: UUID, store: ShowingStore, chats: ShownChats, clock: Clock, failpoint: Callable[[str], None], counts: Counter[str]
    ) -> None:
        self._worker = worker
        self._store = store
        self._chats = chats
        self._clock = clock
        self._failpoint = failpoint
        self._counts = counts
        self._serving: dict[UUID, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Show until cancelled."""
        try:
            while True:
                await self._clock.sleep(await self._round())
        finally:
            for task in list(self._serving.values()):
                task.cancel()

    async def _round(self) -> float:
        try:
            channels = await self._store.channels()
        except (CallboardError, OSError, TimeoutError) as error:
            log.warning("showing: %s", error)
            return EVERY_S
        for channel in channels:
            if channel.id not in self._serving and len(self._serving) < CHANNELS_AT_ONCE:
                self._serving[channel.id] = asyncio.create_task(self._guarded(channel), name=f"showing {channel.id}")
        return EVERY_S if channels else IDLE_S

    async def _guarded(self, channel: OwnChannel) -> None:
        try:
            await self.serve(channel)
        except (CallboardError, OSError, TimeoutError) as error:
            log.warning("showing: channel %s: %s", channel.id, error)
        except Exception:  # a bug: the process has other work, too
            log.exception("showing: channel %s", channel.id)
        finally:
            self._serving.pop(channel.id, None)

    async def serve(self, channel: OwnChannel) -> None:
        """Show what there is of one channel now. What is refused for the moment, or in doubt, waits.

        Raises:
            CallboardError: the database is away; leases end by themselves.
        """
        await self._store.find(channel)
        if not channel.due:
            return
        while claimed := await self._store.claim(channel, self._worker, CHATS_AT_ONCE, LEASE_S):
            went = await asyncio.gather(*(self._visit(channel, chat) for chat in claimed))
            if trouble := next((error for error in went if error is not None), None):
                await self._stay_away(channel, trouble)
                return
        if channel.failures or channel.broken:
            await self._store.works(channel)

    async def _visit(self, channel: OwnChannel, chat: ShownChat) -> CallboardError | None:
        """Return what keeps the channel from being asked for the moment."""
        visit = ChatVisit(self._worker, self._store, self._chats, self._clock, self._failpoint, self._counts, channel, chat)
        try:
            await visit.pay()
        except Away as away:
            return away.trouble
        return None

    async def _stay_away(self, channel: OwnChannel, trouble: CallboardError) -> None:
        if isinstance(trouble, ChannelRefused):
            await self._store.pause(channel, BROKEN_S, str(trouble), trouble.code)
            return
        wished_s = trouble.retry_after_s if isinstance(trouble, TransientError) else None
        await self._store.pause(channel, backoff_s(channel.failures + 1, cap_s=SLOWEST_S, retry_after_s=wished_s), None, None)
