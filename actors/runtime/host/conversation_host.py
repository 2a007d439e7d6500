"""ConversationHost: carries the conversations of its partitions. A plain class; Ray wraps it elsewhere."""

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from actors.domain.errors import OwnershipLost
from actors.domain.ids import owned
from actors.ports.carriers import Carrier, CarrierStore
from actors.ports.conversations import ConversationStore
from actors.ports.inbox import InboxStore
from actors.ports.signals import Signals
from actors.ports.time import Clock
from actors.ports.turns import TurnStore
from actors.runtime.bell import Bell
from actors.runtime.gap import Gap
from actors.runtime.host.activation import Activation
from actors.runtime.host.agent_steps import AgentSteps
from actors.runtime.host.announcer import Announcer
from actors.runtime.host.in_hand import InHand
from actors.runtime.host.puller import Puller, PullStores
from actors.runtime.host.ready_queue import ReadyQueue
from actors.runtime.host.roster import Roster
from actors.runtime.host.suspects import Suspects
from actors.runtime.host.turn_line import UNKNOWN, TurnLine
from actors.services.catalogues import Catalogues
from actors.services.conversation import ConversationService

log = logging.getLogger(__name__)

BEAT_S = 2.0
REFRESH_S = 2.0  # how soon a published version is used
DRAIN_S = 5.0
PASSIVATE_S = 2.0


@dataclass(frozen=True, slots=True)
class HostPorts:
    """What a host needs of the outside."""

    clock: Clock
    inbox: InboxStore
    conversations: ConversationStore
    turns: TurnStore
    carriers: CarrierStore
    signals: Signals


class _Drained(Exception):  # no error: how the last loop ends the others
    """The host has handed back what it had."""


class ConversationHost:
    """Pulls, activates, decides, commits; until it is drained or somebody else owns its part."""

    def __init__(self, carrier: Carrier, ports: HostPorts, service: ConversationService, catalogues: Catalogues, idle_s: float) -> None:
        self.carrier = carrier
        self._ports = ports
        self._catalogues = catalogues
        self._idle_s = idle_s
        self._process = psutil.Process()
        self._partitions = frozenset(owned(carrier.part, carrier.parts))
        self._in_hand = InHand()
        self._ready = ReadyQueue()
        self._announcer = Announcer(ports.signals)
        self._gap = Gap(ports.clock)
        self._roster = Roster(self._in_hand, self._ready, catalogues.debounce_s)
        self._steps = AgentSteps(ports.clock, service, ports.conversations, self._announcer)
        self._line = TurnLine(
            ports.clock, service, ports.turns, self._roster, self._in_hand, self._ready, self._steps, self._announcer, self._checked
        )
        stores = PullStores(ports.inbox, ports.conversations, catalogues)
        self._puller = Puller(ports.clock, carrier, stores, self._roster, self._in_hand, self._line, self._steps)
        self._suspects = Suspects(ports.clock, carrier, ports.inbox, self._puller, self._line)
        self._steps.on_done, self._steps.on_failed, self._steps.on_dropped = self._line.plan, self._line.failed, self._roster.drop
        self._roster.on_let_go = self._puller.kick
        self._draining = Bell()
        self._stopping = False
        self._drained = asyncio.Event()
        self._clear = False

    # Life

    async def run(self) -> None:
        """Take the part and carry it until drained.

        Raises:
            OwnershipLost: a newer generation or epoch owns the part; nothing is in hand any more.
        """
        lost: OwnershipLost | None = None
        try:
            await self._take()
            async with asyncio.TaskGroup() as group:
                for loop in self._loops():
                    group.create_task(loop)
        except* _Drained:
            pass
        except* OwnershipLost as errors:
            lost = OwnershipLost(str(errors.exceptions[0]))
        finally:
            self._roster.drop_all()
            await self._steps.close()
            await self._catalogues.close()
            self._drained.set()
        if lost is not None:
            raise lost

    def _loops(self) -> list[Any]:
        signals = self._ports.signals
        return [
            self._pull_forever(),
            self._line.decide_forever(),
            self._line.commit_forever(),
            self._beat_forever(),
            self._passivate_forever(),
            self._refresh_forever(),
            self._gap.tick_forever(),
            self._announcer.run(),
            signals.listen("partitions", self._on_kick),
            signals.listen("control", self._steps.interrupt),
            self._drain_when_told(),
        ]

    async def _take(self) -> None:
        while True:
            try:
                taken = await self._ports.carriers.take(self.carrier, os.getpid())
                break
            except UNKNOWN as error:
                log.warning("host %d cannot take its part yet: %s", self.carrier.part, error)
                await self._ports.clock.sleep(0.5)
        if not taken:
            raise OwnershipLost(f"epoch {self.carrier.epoch} is over")

    async def drain(self) -> None:
        """Stop pulling, finish the turns in hand within 5 s, hand back the rest, end `run`."""
        self._stopping = True
        self._draining.ring()
        self._puller.kick()
        await self._drained.wait()

    async def _drain_when_told(self) -> None:
        await self._draining.wait()
        deadline = self._ports.clock.monotonic() + DRAIN_S
        while len(self._in_hand) and self._ports.clock.monotonic() < deadline:
            await self._line.settled.wait(0.1)
        self._roster.drop_all()
        try:
            # Handed back, not left behind: what nobody has in hand is no suspect.
            await self._ports.turns.commit([], self._in_hand.finished())
            await self._announcer.flush()
        except UNKNOWN as error:
            log.warning("what was in hand could not be handed back: %s", error)
        raise _Drained

    # Loops

    async def _pull_forever(self) -> None:
        suspects = await self._suspects.clear()
        self._clear = True
        if suspects:
            log.info("host %d tried %d suspects alone", self.carrier.part, suspects)
        while not self._stopping:
            await self._checked()
            await self._puller.wait(await self._puller.pull_once())

    async def _beat_forever(self) -> None:
        while True:
            await self._beat()
            await self._ports.clock.sleep(BEAT_S)

    async def _beat(self) -> None:
        try:
            current = await self._ports.carriers.beat(self.carrier, self.status())
        except UNKNOWN as error:
            log.warning("host %d could not report: %s", self.carrier.part, error)
            return
        if not current:
            raise OwnershipLost(f"host {self.carrier.part}: a newer generation or epoch took over")

    async def _passivate_forever(self) -> None:
        while True:
            await self._ports.clock.sleep(PASSIVATE_S)
            self._roster.passivate(self._ports.clock.monotonic() - self._idle_s)

    async def _refresh_forever(self) -> None:
        while True:
            await self._ports.clock.sleep(REFRESH_S)
            try:
                await self._catalogues.refresh()
            except UNKNOWN as error:
                log.warning("published versions could not be read: %s", error)

    async def _checked(self) -> None:
        """After a gap in our own clock, drop everything, then ask whether the part is still ours, before anything else."""
        if self._gap.noticed():
            log.warning("host %d stood still; %d rows are pulled again", self.carrier.part, len(self._in_hand))
            self._steps.cancel_all()
            self._roster.drop_all()
            await self._beat()

    def _on_kick(self, partitions: Sequence[int]) -> None:
        if not self._partitions.isdisjoint(partitions):
            self._puller.kick()

    # For others

    async def ping(self) -> Mapping[str, Any]:
        """Answer the stage's probe: whoever answers is not stuck."""
        return self.status()

    def status(self) -> dict[str, Any]:
        """Return the figures that every beat reports."""
        counts = self._line.counts
        return {
            "activations": len(self._roster),
            "in_hand": len(self._in_hand),
            "mailbox": len(self._in_hand),
            "steps": len(self._steps),
            "turns": counts.turns,
            "fence_rejections": counts.fence_rejections,
            "dead": counts.dead,
            "ignored": dict(counts.ignored),
            "rss": self._process.memory_info().rss,
            "clear": self._clear,
        }

    def describe(self, conversation_id: int) -> Mapping[str, Any] | None:
        """Return what this host knows of a live conversation, for people."""
        activation = self._roster.find(conversation_id)
        return None if activation is None else _described(activation, self.carrier)


def _described(activation: Activation, carrier: Carrier) -> dict[str, Any]:
    return {
        "conversation_id": str(activation.record.id),
        "host": carrier.part,
        "version": activation.record.version,
        "control": activation.record.control,
        "phase": activation.phase.name.lower(),
        "mailbox": [held.row.id for held in activation.mailbox],
    }
