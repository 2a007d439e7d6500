"""A sender: carries the integrations of its shards, sends their outbox rows and polls those that poll.

One loop a step, so that claiming, committing, sending and storing outcomes overlap:

    claim loop   kicked by Redis, by finished rows, at least every 0.5 s
    send loop    commits `sending` for what the pace lets go, starts the requests (bounded)
    finish loop  stores all outcomes that are there in one commit
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from actors.domain.errors import CallboardError, OwnershipLost, TransientError
from actors.domain.ids import owned
from actors.ports.carriers import Carrier, CarrierStore
from actors.ports.outbox import OutboxStore
from actors.ports.signals import Signals
from actors.ports.time import Clock
from actors.runtime.action_loop import ActionLoop
from actors.runtime.bell import Bell
from actors.runtime.gap import Gap
from actors.services.delivery import Delivery
from actors.services.held_claims import HeldClaim
from actors.services.integration_book import IntegrationBook
from actors.services.polling import Polling
from actors.services.releasing import Releasing
from actors.services.settling import Settling
from actors.services.typing import Typing

log = logging.getLogger(__name__)
T = TypeVar("T")

POLL_S = 0.5
BETWEEN_CLAIMS_S = 0.01  # kicks come one a commit; a claim takes them together
GATHER_S = 0.01  # so long outcomes and what may go are gathered: each commit costs a disk write, whatever its size
BEAT_S = 2.0
RELOAD_S = 3.0
AGAIN_S = 0.5
SETTLE_S = 9.0  # a request in flight ends by its own timeout of 8 s


class DeliveryActor:
    """One life of one sender."""

    def __init__(
        self,
        carrier: Carrier,
        carriers: CarrierStore,
        outbox: OutboxStore,
        book: IntegrationBook,
        delivery: Delivery,
        polling: Polling,
        signals: Signals,
        clock: Clock,
        typing: Typing | None = None,
        actions: ActionLoop | None = None,
        settling: Settling | None = None,
        releasing: Releasing | None = None,
    ) -> None:
        self._carrier = carrier
        self._carriers = carriers
        self._outbox = outbox
        self._book = book
        self._delivery = delivery
        self._polling = polling
        self._signals = signals
        self._clock = clock
        self._typing = typing
        self._actions = actions
        self._settling = settling
        self._releasing = releasing
        self._gap = Gap(clock)
        self._shards = frozenset(owned(carrier.part, carrier.parts))
        self._claim_bell, self._send_bell, self._finish_bell = Bell(), Bell(), Bell()
        self._requests: set[asyncio.Task[None]] = set()
        self._draining = asyncio.Event()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Send and poll until drained. Requests in flight are waited for and stored in any case.

        Raises:
            OwnershipLost: a newer generation or epoch owns the shards; nothing more is claimed or begun.
        """
        try:
            await self._take_over()
            await self._work()
        finally:
            self._ended.set()

    async def ping(self) -> Mapping[str, Any]:
        """Return what there is to say, at once."""
        return self._status()

    async def drain(self) -> None:
        """Claim nothing new, give back what is not on the wire, and return when the rest is stored; then run() returns."""
        self._draining.set()
        await self._ended.wait()

    def _status(self) -> dict[str, Any]:
        counts = dict(self._delivery.counts) | {f"poll_{name}": n for name, n in self._polling.counts.items()}
        return {"in_hand": self._delivery.in_hand, "in_flight": self._delivery.in_flight, "polled": len(self._polling), **counts}

    async def _take_over(self) -> None:
        """Become the sender of the shards; what an older generation had claimed and not begun is free again."""
        if not await self._until_answered(lambda: self._carriers.take(self._carrier, os.getpid())):
            raise OwnershipLost(f"epoch {self._carrier.epoch} is over")
        await self._until_answered(lambda: self._outbox.reclaim(self._carrier))
        await self._until_answered(self._book.reload)

    async def _until_answered(self, ask: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await ask()
            except TransientError as error:
                log.warning("the sender waits for the database: %s", error)
                await self._clock.sleep(AGAIN_S)

    async def _work(self) -> None:
        steps = (
            self._claim_loop(),
            self._send_loop(),
            self._finish_loop(),
            self._beat_loop(),
            self._reload_loop(),
            self._polling.run(),
            self._signals.listen("shards", self._on_kick),
            *([self._signals.listen_typing(self._typing.show)] if self._typing else []),
            *([self._actions.run()] if self._actions else []),
            *([self._settling.run()] if self._settling else []),
            *([self._releasing.run()] if self._releasing else []),
            self._gap.tick_forever(),
            self._draining.wait(),
        )
        loops = [asyncio.ensure_future(step) for step in steps]
        try:
            done, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel(loops)
            if self._typing:
                await self._typing.close()
            await self._settle()
        for loop in done:
            loop.result()

    async def _settle(self) -> None:
        """Give back what waits, wait for what is on the wire, store how it ended."""
        self._delivery.give_back()
        if self._requests:
            await asyncio.wait(self._requests, timeout=SETTLE_S)
        with contextlib.suppress(CallboardError, TimeoutError):
            async with asyncio.timeout(2.0):
                await self._delivery.finish()
        await _cancel(list(self._requests))

    async def _claim_loop(self) -> None:
        while True:
            if self._gap.noticed():
                await self._after_standstill()
            if self._delivery.may_claim:
                await self._claim()
            await self._clock.sleep(BETWEEN_CLAIMS_S)
            await self._claim_bell.wait(POLL_S)

    async def _claim(self) -> None:
        try:
            claimed = await self._delivery.claim()
        except TransientError as error:
            log.warning("nothing can be claimed: %s", error)
            await self._clock.sleep(AGAIN_S)
            return
        if claimed:
            self._send_bell.ring()
            self._finish_bell.ring()  # some may have been given back at once

    async def _after_standstill(self) -> None:
        """Whatever was claimed before may be somebody else's by now."""
        log.warning("this process stood still; claims are given back")
        self._delivery.give_back()
        self._finish_bell.ring()
        await self._beat()

    async def _send_loop(self) -> None:
        while True:
            await self._send_bell.wait(self._delivery.next_ready_in())
            await self._clock.sleep(GATHER_S)
            while going := await self._delivery.begin():
                for held in going:
                    self._start(held)
                await self._clock.sleep(GATHER_S)
            if self._delivery.unstored:
                self._finish_bell.ring()

    def _start(self, held: HeldClaim) -> None:
        request = asyncio.create_task(self._delivery.send(held), name=f"send-{held.id}")
        self._requests.add(request)
        request.add_done_callback(self._landed)

    def _landed(self, request: "asyncio.Task[None]") -> None:
        self._requests.discard(request)
        if not request.cancelled() and (error := request.exception()) is not None:
            log.error("%s", request.get_name(), exc_info=error)
        self._finish_bell.ring()
        self._send_bell.ring()

    async def _finish_loop(self) -> None:
        while True:
            await self._finish_bell.wait()
            await self._clock.sleep(GATHER_S)
            while self._delivery.unstored:
                await self._finish()
                await self._clock.sleep(GATHER_S)

    async def _finish(self) -> None:
        try:
            await self._delivery.finish()
        except TransientError as error:
            log.warning("outcomes wait for the database: %s", error)
            await self._clock.sleep(AGAIN_S)
        self._claim_bell.ring()  # a finished row opens the way for the next one of its conversation

    async def _beat_loop(self) -> None:
        while True:
            await self._clock.sleep(BEAT_S)
            self._delivery.forget_idle()
            await self._beat()

    async def _beat(self) -> None:
        try:
            current = await self._carriers.beat(self._carrier, self._status())
        except TransientError as error:
            log.warning("no beat: %s", error)
            return
        if not current:
            raise OwnershipLost(f"{self._carrier.kind} {self._carrier.part} has a newer generation")

    async def _reload_loop(self) -> None:
        while True:
            await self._clock.sleep(RELOAD_S)
            try:
                await self._book.reload()
            except TransientError as error:
                log.warning("the integrations could not be read again: %s", error)

    def _on_kick(self, shards: Sequence[int]) -> None:
        if not self._shards.isdisjoint(shards):
            self._claim_bell.ring()
            if self._actions:
                self._actions.kick()


async def _cancel(tasks: "Sequence[asyncio.Future[Any]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
