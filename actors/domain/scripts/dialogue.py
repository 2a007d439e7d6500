"""A script that asks: where a dialogue stands, and what a customer's words make of it. Pure.

The state keeps the place only, the steps are those of the version the turn runs with. A step that is gone ends the dialogue, and the
message is taken as any other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from actors.domain.fields import pick
from actors.domain.rules.conditions import compiled
from actors.domain.rules.crm import filled
from actors.domain.rules.facts import ANSWER_NUMBER, ANSWER_TEXT, VARIABLE, Facts
from actors.domain.scripts.answers import understood
from actors.domain.scripts.models import Script
from actors.domain.scripts.steps import FINISH, HAND_OFF, LEAVE, Step
from actors.domain.text import words

LEAVE_WORDS = frozenset({"стоп", "отмена", "stop", "cancel"})
MOST_TURNS = 100  # of one dialogue: nobody who is a person goes round and round for longer
_LEFT = {"ru": "Хорошо, остановимся на этом.", "en": "All right, let us leave it at that."}
_YES_NO = {"ru": ("Да", "Нет"), "en": ("Yes", "No")}
_RETRY = {"ru": "Не получилось понять ответ.", "en": "I could not understand the answer."}

NOTHING: Mapping[str, str] = MappingProxyType({})
Outcome = Literal["asked", "repeated", "finished", "left", "handed_off"]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a dialogue stands. `failed`: answers to this question that did not fit; `asked_at`: in Unix seconds; `turns`: so far."""

    script: str
    step: str
    asked_at: int
    failed: int = 0
    turns: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the stored form."""
        counts = {name: value for name, value in (("failed", self.failed), ("turns", self.turns)) if value}
        return {"script": self.script, "step": self.step, "asked_at": self.asked_at, **counts}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Position":
        """Read the stored form."""
        counts = int(raw.get("failed", 0)), int(raw.get("turns", 0))
        return cls(str(raw.get("script", "")), str(raw.get("step", "")), int(raw.get("asked_at", 0)), *counts)


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of it. `position` is None where the dialogue ended; `told` is how traces show it."""

    outcome: Outcome
    text: str
    position: Position | None
    remembered: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """What was said to a question, and what may be used of the turn. `now` is by the clock of the agent's time zone."""

    texts: Sequence[str]
    language: str
    facts: Mapping[str, Any]
    now: datetime

    @property
    def text(self) -> str:
        """Return all of it."""
        return "\n".join(self.texts)


def step_of(script: Script, step_id: str) -> Step | None:
    """Return a step by its id."""
    return next((step for step in script.steps if step.id == step_id), None)


def why_over(script: Script | None, position: Position, now: datetime) -> str:
    """Return why a dialogue does not go on; empty if it does."""
    if script is None or not script.enabled:
        return "its script is gone"
    if step_of(script, position.step) is None:
        return "its step is gone"
    if position.turns >= MOST_TURNS:
        return "it went round and round"
    return "nobody answered in time" if now.timestamp() - position.asked_at >= script.expires_s else ""


def begin(script: Script, said: Said) -> Heard:
    """Say what the script says, and ask the first question."""
    return _to(script, script.steps[0].id, said, {}, 0, filled(pick(script.answer, said.language), said.facts))


def hear(script: Script, position: Position, said: Said) -> Heard:
    """Take what was said as the answer to the question that stands; `position` is one of the script's."""
    step = step_of(script, position.step)
    assert step is not None
    value, why = understood(step, said.text, said.now)
    told: dict[str, Any] = {"step": step.id}
    if words(said.text).folded in _LEAVING and not (value and step.expects == "choice"):
        return _to(script, LEAVE, said, {**told, "why": "the customer left"})
    if not value:
        return _repeat(script, step, position, said, {**told, "why": why})
    told["understood"] = value
    remembered = {step.remember: value} if step.remember else {}
    if step.remember:
        told["remembered"] = step.remember
    return _to(script, _next(script, step, value, said, remembered), said, told, position.turns + 1, "", remembered)


def question(script: Script, position: Position, said: Said) -> str:
    """Return the question that stands, as it is asked."""
    step = step_of(script, position.step)
    return _asked(step, said) if step else ""


def labels(script: Script, position: Position | None, language: str) -> list[str]:
    """Return what stands on the buttons of the question that stands; empty if it has none."""
    step = step_of(script, position.step) if position else None
    if step is None:
        return []
    if step.expects == "yes_no":
        return list(_YES_NO.get(language, ()))
    return [pick(option.label, language) or option.value for option in step.options]


_LEAVING = frozenset([(word,) for word in LEAVE_WORDS])


def _repeat(script: Script, step: Step, position: Position, said: Said, told: Mapping[str, Any]) -> Heard:
    failed = position.failed + 1
    told = {**told, "failed": failed}
    if failed >= step.attempts:
        return _to(script, step.otherwise, said, told, position.turns + 1)
    if step.retry:
        text = _with_options(filled(pick(step.retry, said.language), said.facts), step, said.language)
    else:
        text = f"{pick(_RETRY, said.language)}\n\n{_asked(step, said)}"
    return Heard(
        "repeated",
        text,
        Position(script.id, step.id, int(said.now.timestamp()), failed, position.turns + 1),
        told={**told, "goto": step.id},
    )


def _next(script: Script, step: Step, value: str, said: Said, remembered: Mapping[str, str]) -> str:
    """Return where the answer leads: the first branch that is true, else what follows."""
    known = {**_facts(said, remembered), ANSWER_TEXT: value}
    if step.expects == "number":
        known[ANSWER_NUMBER] = float(value)
    facts = Facts(known, said.now)
    for branch in step.next:
        if compiled(branch.when, "UTC")(facts)[0]:
            return branch.goto
    following = [later.id for later in script.steps[script.steps.index(step) + 1 :]]
    return following[0] if following else FINISH


def _to(
    script: Script,
    target: str,
    said: Said,
    told: Mapping[str, Any],
    turns: int = 0,
    before: str = "",
    remembered: Mapping[str, str] = NOTHING,
) -> Heard:
    """Go to a step or an end; `before` is said first. A step that is not there ends the dialogue."""
    said = Said(said.texts, said.language, _facts(said, remembered), said.now)
    told = {**told, "goto": target}
    if step := step_of(script, target):
        text = "\n\n".join([part for part in (before, _asked(step, said)) if part])
        return Heard("asked", text, Position(script.id, step.id, int(said.now.timestamp()), 0, turns), remembered, told)
    if target == FINISH:
        text = filled(pick(script.finish, said.language), said.facts)
        return Heard("finished", text, None, remembered, told)
    if target == HAND_OFF:
        return Heard("handed_off", "", None, remembered, told)
    text = filled(pick(script.leave or _LEFT, said.language), said.facts)
    return Heard("left", text, None, remembered, told)


def _facts(said: Said, remembered: Mapping[str, str]) -> dict[str, Any]:
    return {**said.facts, **{VARIABLE + name: value for name, value in remembered.items()}}


def _asked(step: Step, said: Said) -> str:
    return _with_options(filled(pick(step.ask, said.language), said.facts), step, said.language)


def _with_options(text: str, step: Step, language: str) -> str:
    """Number the options, as passages are that a customer may choose from."""
    listed = [f"{number}. {pick(option.label, language) or option.value}" for number, option in enumerate(step.options, start=1)]
    return "\n".join([text, *listed]) if text else "\n".join(listed)
