"""From the parts that should be played to actors that play them, one step at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from actors.domain.retry import backoff_s
from actors.ports.time import Clock
from actors.runtime.members import ActorPool, Answer, Member, Part


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds."""

    probe_every_s: float = 1.0
    silence_s: float = 5.0  # a loop that stands still this long is as good as dead to a customer
    start_s: float = 30.0  # a worker is up in 1 s on an idle machine; when everything starts at once it takes longer
    proven_s: float = 30.0  # alive this long: its next death is a first one again
    retry_cap_s: float = 5.0


@dataclass(slots=True)
class _Watched:
    member: Member
    since: float
    patience_s: float
    asked_at: float
    probe: asyncio.Task[Answer] | None = None
    ready: bool = False
    said: Answer | None = None

    def take(self, answer: Answer, silence_s: float) -> None:
        """Note an answer: who was ready once has less patience left."""
        self.probe, self.said = None, answer
        if answer.ready:
            self.ready, self.patience_s = True, silence_s


class Reconciler:
    """Keeps one living actor for every wanted part. Plain: time, ids and actors come from outside."""

    def __init__(
        self,
        pool: ActorPool,
        clock: Clock,
        fresh_generation: Callable[[], UUID],
        report: Callable[[str], None],
        limits: Limits | None = None,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._fresh_generation = fresh_generation
        self._report = report
        self._limits = limits or Limits()
        self._watched: dict[Part, _Watched] = {}
        self._deaths: dict[Part, int] = {}
        self._replaced: dict[Part, tuple[int, str]] = {}  # how often, and why the last time
        self._not_before: dict[Part, float] = {}

    async def step(self, wanted: frozenset[Part]) -> None:
        """Look at what is there and bring it closer to what is wanted.

        Raises:
            PoolLost: there is nothing left to reconcile with.
        """
        listed = {m for name in await self._pool.names() if (m := Member.parse(name))}
        await self._notice_deaths(listed)
        self._release_unwanted(wanted)
        await self._meet_strangers(listed, wanted)
        await self._probe()
        for part in sorted(wanted - self._watched.keys(), key=str):
            await self._cast(part)

    def states(self) -> dict[str, str]:
        """Return `alive` or `starting` for each part that has an actor."""
        return {str(part): "alive" if w.ready else "starting" for part, w in sorted(self._watched.items(), key=lambda item: str(item[0]))}

    def cast(self) -> list[dict[str, Any]]:
        """Return what there is to know about each actor: who it is, how it does, and how often it was replaced since the stage began."""
        now = self._clock.monotonic()
        return [self._shown(part, w, now) for part, w in sorted(self._watched.items(), key=lambda item: str(item[0]))]

    def _shown(self, part: Part, w: _Watched, now: float) -> dict[str, Any]:
        replaced, why = self._replaced.get(part, (0, ""))
        said = w.said or Answer(False)
        return {
            "kind": part.kind,
            "number": part.number,
            "state": "alive" if w.ready else "starting",
            "generation": w.member.generation.hex,
            "epoch": part.epoch,
            "age_s": round(now - w.since, 1),
            "pid": said.pid,
            "rss": said.rss,
            "status": dict(said.status),
            "restarts": replaced,
            "why": why,
        }

    def complete(self, wanted: frozenset[Part]) -> bool:
        """Return whether every wanted part has an actor that is ready."""
        return all(part in self._watched and self._watched[part].ready for part in wanted)

    async def drain(self, within_s: float) -> None:
        """Let all actors finish what they have in hand, for at most `within_s`, then end them."""
        names = [w.member.name for w in self._watched.values()]
        for w in self._watched.values():
            _cancel(w.probe)
        tasks = [asyncio.create_task(self._pool.drain(name)) for name in names]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within_s)
            for task in late:
                task.cancel()
        await asyncio.gather(*tasks, *(self._pool.kill(name) for name in names), return_exceptions=True)
        self._watched.clear()

    async def _notice_deaths(self, listed: set[Member]) -> None:
        for part, w in list(self._watched.items()):
            if w.member not in listed:
                await self._replace(part, "died")

    def _release_unwanted(self, wanted: frozenset[Part]) -> None:
        for part in self._watched.keys() - wanted:
            _cancel(self._watched.pop(part).probe)

    async def _meet_strangers(self, listed: set[Member], wanted: frozenset[Part]) -> None:
        """Adopt what an earlier stage started and is still wanted; end the rest."""
        known = {w.member for w in self._watched.values()}
        for member in sorted(listed - known, key=lambda m: m.name):
            if member.part in wanted and member.part not in self._watched:
                self._report(f"{member.part}: found alive, kept")
                self._watch(member, self._limits.silence_s)
            else:
                await self._pool.kill(member.name)

    async def _probe(self) -> None:
        now = self._clock.monotonic()
        for part, w in list(self._watched.items()):
            if w.probe is None:
                if not w.ready or now - w.asked_at >= self._limits.probe_every_s:
                    self._ask(w)
            elif not w.probe.done():
                if now - w.asked_at > w.patience_s:
                    await self._replace(part, f"did not answer for {w.patience_s:.0f} s")
            elif problem := _problem(w.probe):
                await self._replace(part, problem)
            else:
                w.take(w.probe.result(), self._limits.silence_s)

    async def _replace(self, part: Part, why: str) -> None:
        name = self._watched[part].member.name
        self._forget(part, why)
        await self._pool.kill(name)

    def _forget(self, part: Part, why: str) -> None:
        w = self._watched.pop(part)
        _cancel(w.probe)
        now = self._clock.monotonic()
        deaths = 1 if w.ready and now - w.since > self._limits.proven_s else self._deaths.get(part, 0) + 1
        wait_s = 0.0 if deaths == 1 else backoff_s(deaths - 1, base_s=0.5, cap_s=self._limits.retry_cap_s)
        self._deaths[part] = deaths
        self._replaced[part] = (self._replaced.get(part, (0, ""))[0] + 1, why)
        self._not_before[part] = now + wait_s
        self._report(f"{part}: {why}; replacing it" + (f" in {wait_s:.1f} s" if wait_s else ""))

    async def _cast(self, part: Part) -> None:
        if self._clock.monotonic() < self._not_before.get(part, 0.0):
            return
        member = Member(part, self._fresh_generation())
        await self._pool.create(member)
        self._watch(member, self._limits.start_s)

    def _watch(self, member: Member, patience_s: float) -> None:
        now = self._clock.monotonic()
        w = _Watched(member, now, patience_s, now)
        self._watched[member.part] = w
        self._ask(w)

    def _ask(self, w: _Watched) -> None:
        w.asked_at = self._clock.monotonic()
        w.probe = asyncio.create_task(self._pool.ping(w.member.name))


def _problem(probe: asyncio.Task[Answer]) -> str | None:
    if probe.cancelled():
        return "was not asked to the end"
    if error := probe.exception():
        return f"does not answer: {type(error).__name__}"
    return probe.result().ended


def _cancel(probe: asyncio.Task[Answer] | None) -> None:
    if probe:
        probe.cancel()
        probe.add_done_callback(_settled)


def _settled(probe: asyncio.Task[Answer]) -> None:
    if not probe.cancelled():
        probe.exception()  # looked at, so that nobody complains of a forgotten error
