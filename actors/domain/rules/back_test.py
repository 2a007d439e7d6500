"""A rule, or a change of one, against what happened: how often it would have fired, on what, why not, and what differs. Pure."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from actors.domain.rules.conditions import ALWAYS, questions_of
from actors.domain.rules.engine import ELSEWHERE, SPENT, RuleIndex
from actors.domain.rules.facts import Facts
from actors.domain.rules.models import Rule
from actors.domain.rules.past import Event, PastTurn, events_of
from actors.domain.rules.running import DEEPEST, TOO_DEEP

KEPT = 1_000  # events of each outcome that can be looked at, the newest
SAMPLES = 20  # of those on which it does not fire, of each reason
NOT_WOKEN = "something else wakes it"
_REASONS = 100  # told, the most frequent
_UNKNOWN = "unknown: "

# On an event the rule fires, with the change only, without the change only, or in no way.
Outcome = Literal["fired", "gained", "lost", "missed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One event and how it fared. An empty reason: the rule fires; `saved_reason` is that of the rule without the change."""

    event: Event
    outcome: Outcome
    reason: str = ""
    saved_reason: str = ""


@dataclass(slots=True)
class Tally:
    """What one rule would have done. `unknown` counts events by the fact that was not recorded or not known."""

    woken: int = 0
    fired: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """Return it for people, the most frequent first."""
        reasons = [{"reason": reason, "events": events} for reason, events in self.reasons.most_common(_REASONS)]
        unknown = [{"fact": fact, "events": events} for fact, events in self.unknown.most_common(_REASONS)]
        return {"woken": self.woken, "fired": self.fired, "reasons": reasons, "unknown": unknown}


class Trial:
    """One rule while it is tried. Limits hold as if it had been there; what fired before is told by `remembered`.

    Args:
        rule: tried whether or not it is switched on.
        before: the rules that are asked before it.
        remembered: when it fired last before the first event, in Unix seconds, by conversation.
    """

    def __init__(self, rule: Rule, before: frozenset[str], remembered: Mapping[int, int]) -> None:
        self.rule = rule
        self.tally = Tally()
        self._index = RuleIndex([rule])
        self._before = before
        self._remembered = remembered
        self._conversation = 0
        self._memory: dict[str, int] = {}
        tests = questions_of(rule.when)
        self._facts = tuple({test.fact for test in tests if not test.fact.startswith("time.")})
        self._definite = [test for test in tests if test.op in ALWAYS]  # no answer to them where not all was recorded

    def ask(self, event: Event) -> str:
        """Return why the rule does not fire on an event, empty if it does. Events of a conversation come in their order."""
        if event.wake.on != self.rule.trigger.on or event.wake.rule not in {"", self.rule.id}:
            return NOT_WOKEN
        self.tally.woken += 1
        values = event.facts
        for fact in self._facts:
            if values.get(fact) is None:
                self.tally.unknown[fact] += 1
        if reason := self._why_not(event):
            self.tally.reasons[reason] += 1
            return reason
        self.tally.fired += 1
        if self.rule.limited:
            self._memory = {self.rule.id: int(event.at.timestamp())}
        return ""

    def _why_not(self, event: Event) -> str:
        if event.spent and (event.spent in self._before or event.spent == self.rule.id):
            return SPENT
        if event.stopped_by in self._before:
            return ELSEWHERE
        if not event.whole and (open_test := next((t for t in self._definite if event.facts.get(t.fact) is None), None)):
            return f"{_UNKNOWN}{open_test}"
        found = self._index.evaluate(event.wake, Facts(event.facts, event.at), self._recall(event.turn.conversation_id), event.at)
        if not found.fired:
            return found.lost[0].reason
        return TOO_DEEP if event.depth >= DEEPEST else ""

    def _recall(self, conversation_id: int) -> Mapping[str, int]:
        if conversation_id != self._conversation:
            self._conversation = conversation_id
            last = self._remembered.get(conversation_id)
            self._memory = {} if last is None else {self.rule.id: last}
        return self._memory


class BackTest:
    """A rule, and what it would replace, on turns: conversation after conversation, each in its order."""

    def __init__(self, tried: Trial, saved: Trial | None = None) -> None:
        self.turns = 0
        self.events = 0
        self.outcomes: Counter[Outcome] = Counter()
        self._tried = tried
        self._saved = saved
        self._kept: dict[str, list[tuple[float, int, Finding]]] = defaultdict(list)
        self._numbers = count()
        self.ons = frozenset([trial.rule.trigger.on for trial in (tried, saved) if trial])

    def take(self, turns: Iterable[PastTurn]) -> None:
        """Ask the rules about the next turns."""
        for turn in turns:
            self.turns += 1
            for event in events_of(turn, self.ons):
                self.events += 1
                self._judge(event)

    def findings(self) -> Sequence[Finding]:
        """Return the events to look at, the newest first."""
        newest = sorted([entry for kept in self._kept.values() for entry in kept], reverse=True)
        return [finding for _, _, finding in newest]

    def result(self) -> dict[str, Any]:
        """Return what came of it, in numbers."""
        told = {"turns": self.turns, "events": self.events, "gained": self.outcomes["gained"], "lost": self.outcomes["lost"]}
        return {**told, "tried": self._tried.tally.to_json(), "saved": self._saved.tally.to_json() if self._saved else None}

    def _judge(self, event: Event) -> None:
        reason = self._tried.ask(event)
        saved_reason = self._saved.ask(event) if self._saved else reason
        if reason:
            outcome: Outcome = "missed" if saved_reason else "lost"
        else:
            outcome = "gained" if saved_reason else "fired"
        self.outcomes[outcome] += 1
        kept, most = (self._kept[reason], SAMPLES) if outcome == "missed" else (self._kept[outcome], KEPT)
        at = event.at.timestamp()
        if len(kept) < most:
            heapq.heappush(kept, (at, next(self._numbers), Finding(event, outcome, reason, saved_reason if self._saved else "")))
        elif at > kept[0][0]:
            heapq.heapreplace(kept, (at, next(self._numbers), Finding(event, outcome, reason, saved_reason if self._saved else "")))
