"""Who is on stage: the parts to be played, and the actors that play them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self, cast
from uuid import UUID

from actors.ports.carriers import Carrier

Kind = Literal["host", "sender", "scheduler", "sync", "knowledge", "activity"]

_NAME = re.compile(r"(host|sender|scheduler|sync|knowledge|activity)-(\d+)-of-(\d+)-epoch-(\d+)-([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Part:
    """Number `number` of `of` actors of a kind, under one epoch of the placement."""

    kind: Kind
    number: int
    of: int
    epoch: int

    def __str__(self) -> str:
        return f"{self.kind}-{self.number}"


@dataclass(frozen=True, slots=True)
class Member:
    """One life of one part. Its name says all of it, so that a new stage recognises what an old one started."""

    part: Part
    generation: UUID

    @property
    def name(self) -> str:
        """Return the name of its Ray actor."""
        p = self.part
        return f"{p.kind}-{p.number}-of-{p.of}-epoch-{p.epoch}-{self.generation.hex}"

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Return the member with this name, or None if it is not one."""
        if not (found := _NAME.fullmatch(name)):
            return None
        kind, number, of, epoch, generation = found.groups()
        return cls(Part(cast(Kind, kind), int(number), int(of), int(epoch)), UUID(generation))

    @property
    def carrier(self) -> Carrier:
        """Return the identity under which it pulls or claims; only these two have one."""
        kind = self.part.kind
        assert kind == "host" or kind == "sender"  # noqa: PLR1714  # so that types follow
        return Carrier(kind, self.part.number, self.part.of, self.generation, self.part.epoch)


class Body(Protocol):
    """The plain class inside an actor: all behaviour is here, and it runs without Ray just as well."""

    async def run(self) -> None:
        """Work until drained; raising means that the actor has to be replaced."""

    async def ping(self) -> Mapping[str, Any]:
        """Return at once what there is to say about it; not answering means that it hangs."""

    async def drain(self) -> None:
        """Take nothing new and return when what is in hand is finished; then run() returns, too."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an actor answered to a ping: `ready` once its body is built, `ended` with the reason when it does not run any more."""

    ready: bool
    status: Mapping[str, Any] = field(default_factory=dict)
    ended: str | None = None
    pid: int | None = None
    rss: int | None = None  # bytes of its process


class ActorPool(Protocol):
    """Where actors live: Ray, or a fake. Actors are known by name; every method returns within seconds or raises."""

    async def names(self) -> set[str]:
        """Return the names of all actors that are not dead.

        Raises:
            PoolLost: the pool itself is gone.
        """

    async def create(self, member: Member) -> None:
        """Begin to start an actor; it is among the names at once and answers when it is up."""

    async def ping(self, name: str) -> Answer:
        """Ask an actor; waits until it answers, and raises if it is dead."""

    async def kill(self, name: str) -> None:
        """End an actor for good, also one that is stopped. Harmless if it is dead."""

    async def drain(self, name: str) -> None:
        """Let an actor finish what it has in hand."""


class PoolLost(Exception):
    """The pool of actors is gone; whoever needs it has to start anew."""
