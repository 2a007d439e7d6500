"""Where sequences meet a turn: due steps are carried out, a customer's answer ends them, rules start and stop them. Pure.

The conversation's state holds, per sequence, the serial number of its enrollment's last change: a step that was due before
that change finds another number and does nothing. Whoever changes an enrollment changes both, in one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.effects import Effect, LogActivity, SendMessage, SetControl, SetEnrollment, StartSequence, StopSending, StopSequence
from actors.domain.errors import InvalidInput
from actors.domain.messages import InboundMessage, Input, TimerFired
from actors.domain.ruled import Moment, facts_of, scene_of
from actors.domain.rules.conditions import compiled
from actors.domain.rules.engine import RuleIndex
from actors.domain.rules.facts import Facts, OutOfBudget, state_facts
from actors.domain.rules.models import Condition, HandOff
from actors.domain.rules.running import perform
from actors.domain.sequences.engine import NO_SEQUENCES, SequenceIndex, advance, read_copy, zone_of
from actors.domain.sequences.models import Do, Step
from actors.domain.sequences.models import Sequence as Plan

DUE = "sequence"  # the kind of the input that a due step is
MOVED = "lead_moved"  # the kind of the input that tells of it, and what a sequence says that it ends
PATIENCE = timedelta(hours=1)  # while people have the conversation, or the bot is stopped, steps wait and look again
MOST_KEPT = 50  # sequences that a conversation remembers
MOST_RUNNING = 20
ZONE = "timezone"  # the variable that holds a customer's own time zone

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stepped:
    """What due steps made of the turn so far."""

    state: ConversationState
    control: Control
    effects: tuple[Effect, ...] = ()


def before(view: ConversationView, inputs: Sequence[Input], moment: Moment, rules: RuleIndex) -> Stepped:
    """Carry out the steps that are due, before anything is answered; none that an input of the turn has ended."""
    due = [item for item in inputs if isinstance(item, TimerFired) and item.kind == DUE]
    moved = [item for item in inputs if isinstance(item, TimerFired) and item.kind == MOVED]
    if not due and not moved:
        return Stepped(moment.state, moment.control)
    messages = [item for item in inputs if isinstance(item, InboundMessage)]
    stepping = _Stepping(moment, rules, facts_of(view, messages, moment))
    if moved:
        stepping.lead_moved(str(moved[-1].payload.get("stage", "")))
    for item in due:
        entry = _current(stepping.state, item.payload)
        if entry is not None and not (messages and "replied" in entry["on"]):
            stepping.step(item.payload, entry)
    return Stepped(stepping.state, stepping.control, tuple(stepping.effects))


def settled(
    view: ConversationView, state: ConversationState, effects: tuple[Effect, ...], index: SequenceIndex, now: datetime, said: str | None
) -> tuple[ConversationState, tuple[Effect, ...]]:
    """Return the turn's state and effects with all that the turn does to enrollments.

    Args:
        view: the conversation before the turn.
        state: after it.
        effects: of it.
        index: the sequences that may be started.
        now: when.
        said: what the customer said; None: nothing.
    """
    asked = [effect for effect in effects if isinstance(effect, StartSequence | StopSequence)]
    if not asked and not state.enrolled:
        return state, effects
    settling = _Settling(state, index, now)
    control = next((effect.control for effect in reversed(effects) if isinstance(effect, SetControl)), view.control)
    if said is not None:
        known = {"message.text": said, "conversation.channel": view.channel, "conversation.language": state.language}
        settling.heard(Facts({**known, **state_facts(state, control)}, now))
    if any(isinstance(effect, StopSending) for effect in effects):
        settling.stop_all("blocked")
    if control is not view.control and control is not Control.BOT:
        settling.stop_all("handed_off", "handed_off")
    for effect in asked:
        settling.carry_out(effect)
    others = tuple([effect for effect in effects if not isinstance(effect, StartSequence | StopSequence)])
    return settling.state, others + tuple(settling.effects)


def taken_over(state: ConversationState, now: datetime) -> ConversationState:
    """Return the state after people took the conversation, as storage changes it then."""
    settling = _Settling(state, NO_SEQUENCES, now)
    settling.stop_all("handed_off", "handed_off")
    return settling.state


def running(state: ConversationState) -> list[str]:
    """Return the sequences that run in a conversation."""
    return [key for key, entry in state.enrolled.items() if "ended" not in entry]


def _current(state: ConversationState, payload: Mapping[str, Any]) -> Entry | None:
    """Return the enrollment that a due step belongs to; None if it has changed since."""
    entry = state.enrolled.get(str(payload.get("key")))
    return entry if entry is not None and "ended" not in entry and entry.get("serial") == payload.get("serial") else None


class _Stepping:
    """A turn while due steps are carried out in it."""

    def __init__(self, moment: Moment, rules: RuleIndex, facts: Mapping[str, Any]) -> None:
        self.state = moment.state
        self.control = moment.control
        self.effects: list[Effect] = []
        self._moment = moment
        self._rules = rules
        self._facts = facts

    def step(self, payload: Mapping[str, Any], entry: Entry) -> None:
        key, number = str(payload["key"]), int(payload["step"])
        try:
            plan = read_copy(str(payload["copy"]))
        except InvalidInput as error:
            self._end(key, entry, "stopped", "unreadable", detail=str(error))
            return
        # The database's clock says what is due; ours may be a little behind.
        now = max(self._moment.now, datetime.fromtimestamp(float(payload["due"]), UTC))
        if self.state.blocked:
            self._end(key, entry, "stopped", "blocked")
        elif number < len(plan.steps) and (self.state.silent or self.control is not Control.BOT):
            self._go_on(key, entry, number, now + PATIENCE)
        elif plan.goal is not None and self._ask(plan.goal, plan, now):
            self._end(key, entry, "finished", "goal", goal=True)
        else:
            self._advance(key, entry, number, plan, now)

    def lead_moved(self, stage: str) -> None:
        for key in running(self.state):
            if MOVED in self.state.enrolled[key]["on"]:
                self._end(key, self.state.enrolled[key], "stopped", MOVED, detail=stage)

    def _advance(self, key: str, entry: Entry, number: int, plan: Plan, now: datetime) -> None:
        where = zone_of(self.state.variables.get(ZONE), plan.timezone)
        progress = advance(
            plan, number, now, where, lambda at, step: self._perform(plan, at, step), lambda when: self._ask(when, plan, now)
        )
        entry = self.state.enrolled.get(key, entry)  # a step that hands off has changed it
        if progress.next_at is None:
            self._end(key, entry, "finished", progress.reason)
        else:
            self._go_on(key, entry, progress.step, progress.next_at)

    def _perform(self, plan: Plan, number: int, step: Step) -> None:
        assert isinstance(step.act, Do)
        scene = scene_of(replace(self._moment, state=self.state, control=self.control), self._facts)
        ran, done = perform(self._rules, scene, f"sequence:{plan.id}", step.act.action)
        self.state, self.control = ran.state, ran.control
        # Where something was said already, it takes the place of the agent's words for a handoff, as in rules.
        said = isinstance(step.act.action, HandOff) and any(isinstance(effect, SendMessage) for effect in self.effects)
        self.effects += [_as_step(e, plan.id, number) for e in ran.effects if not (said and isinstance(e, SendMessage))]
        self.effects.append(LogActivity("sequence.step", {**_named(plan), "step": number + 1, "id": step.id, "done": done}))
        if isinstance(step.act.action, HandOff):  # its own handoff does not stop what it still listens to
            entry = self.state.enrolled[plan.id]
            self._keep(plan.id, {**entry, "on": [name for name in entry["on"] if name != "handed_off"]})

    def _ask(self, condition: Condition, plan: Plan, now: datetime) -> bool:
        facts = Facts({**self._facts, **state_facts(self.state, self.control)}, now)
        try:
            return compiled(condition, zone_of(self.state.variables.get(ZONE), plan.timezone).key)(facts)[0] is True
        except OutOfBudget:
            return False

    def _go_on(self, key: str, entry: Entry, step: int, next_at: datetime) -> None:
        serial = int(entry["serial"]) + 1
        self._keep(key, {**entry, "serial": serial})
        self.effects.append(SetEnrollment(key, serial, "active", step, next_at))

    def _end(self, key: str, entry: Entry, state: Any, reason: str, *, goal: bool = False, detail: str = "") -> None:
        serial = int(entry["serial"]) + 1
        self._keep(key, {**entry, "serial": serial, "ended": int(self._moment.now.timestamp())})
        self.effects += _ended(key, serial, state, reason, goal=goal, detail=detail)

    def _keep(self, key: str, entry: Entry) -> None:
        self.state = replace(self.state, enrolled={**self.state.enrolled, key: entry})


class _Settling:
    """Enrollments at the end of a turn."""

    def __init__(self, state: ConversationState, index: SequenceIndex, now: datetime) -> None:
        self.state = state
        self.effects: list[Effect] = []
        self._index = index
        self._now = now

    def heard(self, facts: Facts) -> None:
        """The customer answered: that is the goal, or the end, or neither."""
        for key in running(self.state):
            plan = self._index.sequences.get(key)
            if plan is not None and plan.goal is not None and self._reached(plan, facts):
                self._end(key, "finished", "goal", goal=True)
            elif "replied" in self.state.enrolled[key]["on"]:
                self._end(key, "stopped", "replied")

    def stop_all(self, reason: str, on: str = "") -> None:
        for key in running(self.state):
            if not on or on in self.state.enrolled[key]["on"]:
                self._end(key, "stopped", reason)

    def carry_out(self, effect: StartSequence | StopSequence) -> None:
        if isinstance(effect, StartSequence):
            reason = self._start(effect)
            if reason:
                told = {"sequence": effect.sequence, "rule": effect.rule, "reason": reason}
                self.effects.append(LogActivity("sequence.refused", told))
            return
        for key in running(self.state):
            if effect.sequence in {"", key}:
                self._end(key, "stopped", "rule", quiet=not effect.wakes)

    def _start(self, effect: StartSequence) -> str:
        """Enroll the conversation, or return why not."""
        key = effect.sequence
        plan, entry = self._index.sequences.get(key), self.state.enrolled.get(key)
        reason = self._why_not(plan, entry)
        if plan is None or reason:
            return reason
        serial = int(entry["serial"]) + 1 if entry else 1
        self._keep(key, {"serial": serial, "on": list(plan.stops_on)})
        self.effects += [
            SetEnrollment(key, serial, "active", 0, copy=dict(self._index.raw(key))),
            LogActivity("sequence.started", {**_named(plan), "rule": effect.rule}),
        ]
        return ""

    def _why_not(self, plan: Plan | None, entry: Entry | None) -> str:
        if plan is None:
            return "there is no such sequence"
        if self.state.blocked:
            return "the customer blocked the bot"
        if entry is None:
            return "too many sequences run already" if len(running(self.state)) >= MOST_RUNNING else ""
        if "ended" not in entry:
            return "" if plan.again == "restart" else "it runs already"
        if plan.again == "never":
            return "the customer had it already"
        return "it ended a short time ago" if self._now.timestamp() - float(entry["ended"]) < plan.again_after_s else ""

    def _reached(self, plan: Plan, facts: Facts) -> bool:
        assert plan.goal is not None
        try:
            return compiled(plan.goal, zone_of(self.state.variables.get(ZONE), plan.timezone).key)(facts)[0] is True
        except OutOfBudget:
            return False

    def _end(self, key: str, state: Any, reason: str, *, goal: bool = False, quiet: bool = False) -> None:
        entry = self.state.enrolled[key]
        serial = int(entry["serial"]) + 1
        self._keep(key, {**entry, "serial": serial, "ended": int(self._now.timestamp())})
        self.effects += _ended(key, serial, state, reason, goal=goal, quiet=quiet)

    def _keep(self, key: str, entry: Entry) -> None:
        kept = {**self.state.enrolled, key: entry}
        if len(kept) > MOST_KEPT and (ended := [name for name in kept if "ended" in kept[name] and name != key]):
            del kept[min(ended, key=lambda name: float(kept[name]["ended"]))]
        self.state = replace(self.state, enrolled=kept)


def _ended(key: str, serial: int, state: Any, reason: str, *, goal: bool = False, detail: str = "", quiet: bool = False) -> list[Effect]:
    told = {"sequence": key, "reason": reason, **({"detail": detail} if detail else {})}
    kind = LogActivity("sequence.finished", told) if state == "finished" else LogActivity("sequence.stopped", told)
    return [SetEnrollment(key, serial, state, reason=reason, goal=goal, quiet=quiet), kind]


def _as_step(effect: Effect, key: str, number: int) -> Effect:
    """Return what an action of a rule does as a step of a sequence."""
    if isinstance(effect, SendMessage):
        return replace(effect, mode="step", delivery_class="step", sequence=key, step=number)
    if isinstance(effect, LogActivity) and effect.kind == "turn.handed_off":
        return replace(effect, data={"reason": f"sequence {key}"})
    return effect


def _named(plan: Plan) -> dict[str, Any]:
    return {"sequence": plan.id, "name": plan.name}
