"""What facts add up to: counters, and histograms of the time to answer. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from actors.domain.activity import Fact, is_error

Grain = Literal["hour", "day"]
GRAINS: tuple[Grain, ...] = ("hour", "day")
# Each bucket is a tenth wider than the one before. Its answer is the value that is off by the same share at both ends:
# (1.1 - 1) / (1.1 + 1) = 4.8 %. Two minutes to a millisecond are 123 buckets.
GROWTH = 1.1
_LOG = math.log(GROWTH)
_SHORTEST_MS = 1.0


def bucket_of(seconds: float) -> int:
    """Return the bucket of a time; everything below a millisecond is in the first."""
    return max(0, math.ceil(math.log(max(seconds * 1e3, _SHORTEST_MS)) / _LOG - 1e-9))


def seconds_of(bucket: int) -> float:
    """Return the time a bucket stands for, at most 5 % off."""
    upper: float = GROWTH**bucket
    return 2 * upper / (GROWTH + 1) / 1e3


def quantile(times: Mapping[int, int], share: float) -> float | None:
    """Return the time in seconds within which this share of the answers came (nearest rank); None without answers."""
    total = sum(times.values())
    if total == 0:
        return None
    rank, seen = max(1, math.ceil(share * total)), 0
    for bucket in sorted(times):
        seen += times[bucket]
        if seen >= rank:
            return seconds_of(bucket)
    raise AssertionError("the ranks end with the last answer")


@dataclass(slots=True)
class Tally:
    """What is counted; `messages` are of customers, `answered` those of them that the agent answered without a person."""

    turns: int = 0
    messages: int = 0
    answered: int = 0
    handoffs: int = 0
    takeovers: int = 0
    errors: int = 0
    micros: int = 0  # what models cost, in millionths of a dollar
    times: Counter[int] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Take another tally in."""
        self.turns += other.turns
        self.messages += other.messages
        self.answered += other.answered
        self.handoffs += other.handoffs
        self.takeovers += other.takeovers
        self.errors += other.errors
        self.micros += other.micros
        self.times.update(other.times)

    def count(self, fact: Fact) -> bool:
        """Count a fact; return whether there was anything to count."""
        if is_error(fact.kind):
            self.errors += 1
            return True
        match fact.kind:
            case "turn.answered" | "turn.handed_off" | "turn.silent":
                self._turn(fact)
            case "conversation.taken":
                self.takeovers += 1
            case _:
                return False
        return True

    def _turn(self, fact: Fact) -> None:
        self.handoffs += fact.kind == "turn.handed_off"
        if isinstance(micros := fact.data.get("micros"), int):
            self.micros += micros
        messages, seconds = fact.data.get("messages"), fact.data.get("seconds")
        if not isinstance(messages, int):
            return  # the turn's first fact has them, and a turn that nobody spoke in has none
        self.turns += 1
        self.messages += messages
        if fact.kind == "turn.answered":
            self.answered += messages
            if isinstance(seconds, int | float):
                self.times[bucket_of(seconds)] += 1


@dataclass(frozen=True, slots=True)
class Series:
    """Whose counters: an hour or a day of one agent on one channel."""

    tenant_id: UUID
    grain: Grain
    at: datetime
    agent_id: UUID | None
    channel: str


def begin(at: datetime, grain: Grain) -> datetime:
    """Return when the hour or day (of UTC) of a moment begins."""
    at = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return at if grain == "hour" else at.replace(hour=0)


def tallies(facts: Iterable[Fact]) -> dict[Series, Tally]:
    """Return what facts add to which counters."""
    sums: dict[Series, Tally] = {}
    for fact in facts:
        alone = Tally()
        if not alone.count(fact):
            continue
        for grain in GRAINS:
            series = Series(fact.tenant_id, grain, begin(fact.at, grain), fact.agent_id, fact.channel)
            sums.setdefault(series, Tally()).add(alone)
    return sums
