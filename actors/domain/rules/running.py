"""Rules at work in one turn: what happened wakes them, what they do becomes effects, and what that may wake again ends."""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, assert_never

from actors.domain.conversation import Control, ConversationState
from actors.domain.effects import Act, AssignTo, Effect, LogActivity, SendMessage, SetControl, SetTimer, StartSequence, StopSequence
from actors.domain.fields import pick
from actors.domain.rules.crm import Crm, effect_params, filled
from actors.domain.rules.engine import NOTHING, SPENT, Evaluation, Fired, RuleIndex, Wake
from actors.domain.rules.facts import Facts, state_facts
from actors.domain.rules.models import (
    SPOKEN,
    Action,
    AddTag,
    Assign,
    CallWebhook,
    Enroll,
    HandOff,
    Notify,
    RemoveTag,
    Rule,
    Send,
    SendScript,
    SetVariable,
    Stop,
    Trigger,
    Unenroll,
    Wait,
    read_action,
)

DEEPEST = 3  # a rule that wakes a rule that wakes a rule
MOST_WOKEN = 50  # events of one turn
MOST_TAGS = 50
MOST_VARIABLES = 50
LONGEST_VALUE = 500  # characters of a variable
ROOM = 6_000  # characters that facts of the events of one turn may have in its trace, beside those of the turn
TOO_DEEP = f"stopped: rules woke each other {DEEPEST} times in a row"
PERSON = "not said: a person has the conversation"
NOBODY = "there is no conversation"
ALONE = "rule:"  # what is about the rule itself, as schedules are: no customer, no lead
WAIT = "rule:"  # timers of rules that do the rest later
_NO_TRIGGER = Trigger("message_received")


@dataclass(frozen=True, slots=True)
class Scene:
    """What rules may use of the turn."""

    facts: Mapping[str, Any]
    state: ConversationState
    control: Control
    language: str
    now: datetime
    handoff_text: Mapping[str, str]
    about: str = ""  # whose events these are, as `lead:5`: nobody reads here, what is said goes to the chat if there is one


@dataclass(frozen=True, slots=True)
class Ran:
    """What rules made of a turn so far. `told` is how it is shown in traces."""

    index: RuleIndex
    state: ConversationState
    control: Control
    effects: tuple[Effect, ...] = ()
    answered: bool = False  # what they said is the answer, or there is to be none
    spoke: int = 0  # how deep in rules something was said whose silence may wake rules; 0: nothing
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Later:
    """The rest of a rule that waited."""

    rule: Rule
    actions: Sequence[Mapping[str, Any]]
    depth: int
    facts: Mapping[str, Any] = field(default_factory=dict)  # of its event, as far as the rest names them


def run(
    index: RuleIndex, scene: Scene, wakes: Sequence[tuple[Wake, int]], later: Sequence[Later] = (), told: Mapping[str, Any] | None = None
) -> Ran:
    """Return what the rules that these events wake do, in order; with each event, how many rules deep it was caused."""
    running = _Running(index, scene, dict(told or {}))
    for rest in later:
        running.resume(rest)
    running.happened.extend(wakes)
    running.run()
    return running.result()


def perform(index: RuleIndex, scene: Scene, who: str, action: Action) -> tuple[Ran, str]:
    """Carry out one action of somebody who is no rule (`who`); return what was done, in the words of traces, too."""
    running = _Running(index, scene, {})
    done = running.act(Rule(who, who, _NO_TRIGGER), action)
    return running.result(), done


def carry_out(index: RuleIndex, scene: Scene, rules: Sequence[tuple[Rule, Mapping[str, Any]]]) -> tuple[Ran, list[list[str]]]:
    """Carry out the actions of rules that nothing woke, each with facts of its own; return what was done by each, too."""
    running = _Running(index, scene, {})
    done = [running.carry_out(rule, facts) for rule, facts in rules]
    return running.result(), done


def later_of(kind: str, payload: Mapping[str, Any]) -> Later | None:
    """Return the rest that a timer was set for."""
    if not kind.startswith(WAIT):
        return None
    actions = [item for item in payload.get("actions", ()) if isinstance(item, Mapping)]
    rule = Rule(
        kind.removeprefix(WAIT),
        str(payload.get("name", "")),
        _NO_TRIGGER,
        wakes=bool(payload.get("wakes")),
        lets_answer=bool(payload.get("lets_answer")),
    )
    facts = payload.get("facts")
    return Later(rule, actions, int(payload.get("depth", 0)), facts if isinstance(facts, Mapping) else {})


def _named_in(rest: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that the rest of a rule names: when it goes on, they are not known any more."""
    text = json.dumps(rest, ensure_ascii=False, default=str)
    return {name: value for name, value in facts.items() if name in text}


class _Running:
    """The turn while its rules run."""

    def __init__(self, index: RuleIndex, scene: Scene, told: dict[str, Any]) -> None:
        self.happened: deque[tuple[Wake, int]] = deque()
        self._index = index
        self._scene = scene
        self._state = scene.state
        self._control = scene.control
        self._effects: list[Effect] = []
        self._answered = False
        self._spoke = 0
        self._told = told
        self._memory = dict(scene.state.fired)

    def run(self) -> None:
        seen = 0
        while self.happened:
            wake, depth = self.happened.popleft()
            seen += self._index.wakes_any(wake.on)
            if seen > MOST_WOKEN:
                return
            self._evaluate(wake, depth)

    def result(self) -> Ran:
        known = {rule.id for rule in self._index.rules if rule.limited}
        fired = {rule_id: at for rule_id, at in self._memory.items() if rule_id in known}
        state = self._state if fired == self._state.fired else replace(self._state, fired=fired)
        return Ran(self._index, state, self._control, tuple(self._effects), self._answered, self._spoke, self._told)

    def act(self, rule: Rule, action: Action) -> str:
        return self._act(rule, action, 0)

    def carry_out(self, rule: Rule, facts: Mapping[str, Any]) -> list[str]:
        scene = self._scene
        self._scene = replace(scene, facts={**scene.facts, **facts})
        done = self._do(rule, rule.actions, rule.raw_actions, 0)
        self._scene = scene
        return done

    def resume(self, later: Later) -> None:
        actions = [read_action(raw, "", []) for raw in later.actions]
        answered, scene = self._answered, self._scene
        self._scene = replace(scene, facts={**scene.facts, **later.facts})
        done = self._do(later.rule, actions, later.actions, later.depth)
        self._scene = scene
        self._answered = answered  # what was said long after its event is no answer to what the customer says in this turn
        entry = {"rule": later.rule.id, "name": later.rule.name, "on": "wait", "done": done}
        self._tell("fired", entry)
        self._effects.append(LogActivity("rule.fired", entry))

    def _evaluate(self, wake: Wake, depth: int) -> None:
        values, found = {**self._scene.facts, **state_facts(self._state, self._control)}, NOTHING
        if self._index.wakes_any(wake.on):
            facts = Facts({**values, **wake.facts}, self._scene.now)
            found = self._index.evaluate(wake, facts, self._memory, self._scene.now)
        self._note(wake, depth, found, values)
        for fired in found.fired:
            if depth >= DEEPEST:
                self._stopped(fired.rule, wake)
            else:
                self._fire(fired, wake, depth)
        if found.spent:
            self._failed(found.spent, wake, SPENT)

    def _fire(self, fired: Fired, wake: Wake, depth: int) -> None:
        rule = fired.rule
        if rule.limited:
            self._memory[rule.id] = int(self._scene.now.timestamp())
        done = self._do(rule, rule.actions, rule.raw_actions, depth)
        entry = {"rule": rule.id, "name": rule.name, "on": wake.on, "reasons": list(fired.reasons), "done": done}
        self._tell("fired", entry)
        self._effects.append(LogActivity("rule.fired", entry))

    def _do(self, rule: Rule, actions: Sequence[Action], raw: Sequence[Mapping[str, Any]], depth: int) -> list[str]:
        done: list[str] = []
        for number, action in enumerate(actions):
            if isinstance(action, Wait):
                rest = raw[number + 1 :]
                payload = {"name": rule.name, "actions": list(rest), "wakes": rule.wakes, "lets_answer": rule.lets_answer, "depth": depth}
                if named := _named_in(rest, self._scene.facts):
                    payload["facts"] = named
                self._effects.append(SetTimer(f"{WAIT}{rule.id}", action.seconds, payload))
                return [*done, f"wait {action.seconds:g} s"]
            if self._scene.about and isinstance(action, SPOKEN):
                alone = self._scene.about.startswith(ALONE)
                done.append(f"{raw[number].get('do')}: {NOBODY}" if alone else self._command(rule, raw[number], depth))
                continue
            done.append(self._act(rule, action, depth))
        return done

    def _act(self, rule: Rule, action: Action, depth: int) -> str:
        """Do it and return what was done, in the words of traces."""
        match action:
            case Send() | SendScript() | HandOff():
                return self._speak(rule, action, depth)
            case AddTag() | RemoveTag() | SetVariable():
                return self._change(rule, action, depth)
            case CallWebhook() | Notify() | Assign() | Enroll() | Unenroll() | Crm():
                effect, done = self._asked(rule, action)
                self._effects.append(effect)
                return done
            case Stop():
                self._answered = True
                return "stop"
            case Wait():
                raise AssertionError("a wait is no action of its own")
            case _:
                assert_never(action)

    def _command(self, rule: Rule, raw: Mapping[str, Any], depth: int) -> str:
        """Have it done in the chat of the lead, which is looked for when the command is carried out."""
        payload = {"name": rule.name, "actions": [raw], "wakes": rule.wakes, "lets_answer": rule.lets_answer, "depth": depth}
        self._effects.append(Act("kommo.tell", payload, rule.id))
        return f"to the chat: {raw.get('do')}"

    def _asked(self, rule: Rule, action: CallWebhook | Notify | Assign | Enroll | Unenroll | Crm) -> tuple[Effect, str]:
        match action:
            case CallWebhook(url, fields):
                return Act("webhook.call", {"url": url, "event": "rule", "data": self._facts_sent(fields)}, rule.id), "webhook"
            case Crm(kind, params):
                return Act(kind, effect_params(Crm(kind, params), self._facts(), self._scene.now), rule.id), kind.replace("kommo.", "crm_")
            case Notify(text):
                return LogActivity("operator.notice", {"rule": rule.id, "text": filled(text, self._facts())}), "notice"
            case Assign(user):
                return AssignTo(user, rule.id), f"assign {user}"
            case Enroll(sequence):
                return StartSequence(sequence, rule.id), f"start sequence {sequence}"
            case Unenroll(sequence):
                return StopSequence(sequence, rule.id, rule.wakes), f"stop sequence {sequence or '*'}"
            case _:
                assert_never(action)

    def _speak(self, rule: Rule, action: Send | SendScript | HandOff, depth: int) -> str:
        match action:
            case Send(text):
                return self._say(rule, filled(pick(text, self._scene.language), self._facts()), "send", depth)
            case SendScript(script):
                return self._say(rule, pick(self._index.scripts.get(script, {}), self._scene.language), f"script {script}", depth)
            case HandOff():
                return self._hand_off(rule, depth)
            case _:
                assert_never(action)

    def _change(self, rule: Rule, action: AddTag | RemoveTag | SetVariable, depth: int) -> str:
        match action:
            case AddTag(tag):
                return self._tag(rule, tag, depth)
            case RemoveTag(tag):
                self._state = replace(self._state, tags=tuple([known for known in self._state.tags if known != tag]))
                return f"tag -{tag}"
            case SetVariable(name, value):
                return self._remember(name, filled(value, self._facts())[:LONGEST_VALUE])
            case _:
                assert_never(action)

    def _say(self, rule: Rule, text: str, what: str, depth: int) -> str:
        if self._control is Control.HUMAN:
            return PERSON
        if not text:
            return f"{what}: there is no text"
        self._effects.append(SendMessage(text, "rule"))
        self._answered = self._answered or not rule.lets_answer
        if rule.wakes:
            self._spoke = depth + 1
        return what

    def _tag(self, rule: Rule, tag: str, depth: int) -> str:
        if tag in self._state.tags:
            return f"tag {tag}: has it already"
        if len(self._state.tags) >= MOST_TAGS:
            return f"tag {tag}: there are {MOST_TAGS} already"
        self._state = replace(self._state, tags=(*self._state.tags, tag))
        self._wake(rule, Wake("tag_set", tag), depth)
        return f"tag {tag}"

    def _remember(self, name: str, value: str) -> str:
        if name not in self._state.variables and len(self._state.variables) >= MOST_VARIABLES:
            return f"variable {name}: there are {MOST_VARIABLES} already"
        self._state = replace(self._state, variables={**self._state.variables, name: value})
        return f"variable {name}"

    def _hand_off(self, rule: Rule, depth: int) -> str:
        if self._control is not Control.BOT:
            return "hand off: people have it already"
        said = any(isinstance(effect, SendMessage) for effect in self._effects)
        if not said:
            self._effects.append(SendMessage(pick(self._scene.handoff_text, self._scene.language), "handoff"))
        reason = f"rule {rule.id}"
        self._effects += [SetControl(Control.WAITING), LogActivity("turn.handed_off", {"reason": reason})]
        self._control, self._answered = Control.WAITING, True
        self._wake(rule, Wake("handed_off"), depth)
        return "hand off"

    def _wake(self, rule: Rule, wake: Wake, depth: int) -> None:
        """An effect of a rule wakes rules only where the rule says so."""
        if rule.wakes:
            self.happened.append((wake, depth + 1))
        elif self._index.wakes_any(wake.on):
            self._tell("quiet", [rule.id, wake.on])

    def _stopped(self, rule: Rule, wake: Wake) -> None:
        self._failed(rule.id, wake, TOO_DEEP)

    def _failed(self, rule_id: str, wake: Wake, reason: str) -> None:
        entry = {"rule": rule_id, "on": wake.on, "reason": reason}
        self._tell("failed", entry)
        self._effects.append(LogActivity("rule.failed", entry))

    def _note(self, wake: Wake, depth: int, found: Evaluation, values: Mapping[str, Any]) -> None:
        """Keep what happened, whether or not a rule waits for it: a back-test asks other rules."""
        losers: dict[str, list[str]] = {}
        for lost in found.lost:
            losers.setdefault(lost.reason, []).append(lost.rule_id)
        noted = {
            "on": wake.on,
            "of": wake.of,
            "rule": wake.rule,
            "after_s": wake.after_s,
            "depth": depth,
            "facts": self._news(values),
            "stopped_by": found.stopper,
            "spent": found.spent,
            "losers": losers,
            "unlisted": found.unlisted,
        }
        self._tell("events", {name: value for name, value in noted.items() if value})

    def _news(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the facts that are not those of the turn; None for what is not known, or finds no room."""
        kept: Mapping[str, Any] = self._told.get("facts", {})
        news: dict[str, Any] = {name: None for name in kept if name not in values}
        changed = {name: value for name, value in values.items() if kept.get(name) != value}
        if not changed:
            return news
        room = ROOM - sum(_size(event["facts"]) for event in self._told.get("events", ()) if "facts" in event)
        for name, value in changed.items():
            room -= _size({name: value})
            if room >= 0:
                news[name] = value
            elif name in kept:
                news[name] = None
        return news

    def _tell(self, name: str, entry: Any) -> None:
        self._told[name] = [*self._told.get(name, ()), entry]

    def _facts_sent(self, fields: Mapping[str, str]) -> dict[str, Any]:
        known = {name: value for name, value in self._scene.facts.items() if value not in (None, "")}
        return {**known, **state_facts(self._state, self._control), **fields}

    def _facts(self) -> dict[str, Any]:
        return {**self._scene.facts, **state_facts(self._state, self._control)}


def _size(facts: Mapping[str, Any]) -> int:
    return sum(len(name) + len(str(value)) for name, value in facts.items())
