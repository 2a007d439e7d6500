"""Steps of dialogues in words: what is asked, what is expected, what is remembered, where it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from actors.domain.errors import Problem
from actors.domain.fields import Fields
from actors.domain.rules.models import EVERYTHING, Condition, read_condition

Expects = Literal["text", "number", "phone", "email", "date", "choice", "yes_no"]
EXPECTS: tuple[Expects, ...] = get_args(Expects)
FINISH, HAND_OFF, LEAVE = "finish", "hand_off", "leave"
ENDS = (FINISH, HAND_OFF, LEAVE)  # where a dialogue goes besides its steps; so no step is called like that
MOST_ATTEMPTS = 10
ATTEMPTS = 3
FURTHEST = 1e15  # of the bounds of numbers


@dataclass(frozen=True, slots=True)
class Option:
    """One of several answers: what is remembered, and what customers read."""

    value: str
    label: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Branch:
    """Where it goes on if `when` is true: a step, or an end. It may ask for `answer.text` and `answer.number`, too."""

    goto: str
    when: Condition = EVERYTHING

    @property
    def always(self) -> bool:
        """Return whether nothing behind it is looked at."""
        return self.when == EVERYTHING


@dataclass(frozen=True, slots=True)
class Step:
    """A question. Without a branch that is true the next step of the list follows, behind the last one the end."""

    id: str
    ask: Mapping[str, str] = field(default_factory=dict)
    expects: Expects = "text"
    options: tuple[Option, ...] = ()
    pattern: str = ""  # RE2; of texts
    least: float | None = None  # of numbers
    most: float | None = None
    remember: str = ""  # the variable that keeps the answer; empty: none
    retry: Mapping[str, str] = field(default_factory=dict)  # said of an answer that does not fit; empty: a short text and the question
    attempts: int = ATTEMPTS
    otherwise: str = HAND_OFF  # where it goes on after so many answers that do not fit
    next: tuple[Branch, ...] = ()


def read_step(raw: object, place: str, problems: list[Problem]) -> Step:
    """Read one step; what is wrong is added to `problems`."""
    fields = Fields(raw, place, problems)
    expects = fields.choice("expects", "text", EXPECTS)
    attempts = fields.number("attempts", ATTEMPTS, 1, MOST_ATTEMPTS)
    if attempts != int(attempts):
        fields.wrong("attempts", "must be a whole number")
    return Step(
        id=fields.text("id", required=True),
        ask=fields.by_language("ask"),
        expects=next((known for known in EXPECTS if known == expects), "text"),
        options=fields.objects("options", lambda item, there: _option(item, there, problems)),
        pattern=fields.text("pattern"),
        least=_bound(fields, "min"),
        most=_bound(fields, "max"),
        remember=fields.text("remember"),
        retry=fields.by_language("retry"),
        attempts=int(attempts),
        otherwise=fields.text("otherwise") or HAND_OFF,
        next=fields.objects("next", lambda item, there: _branch(item, there, problems)),
    )


def _option(raw: object, place: str, problems: list[Problem]) -> Option:
    fields = Fields(raw, place, problems)
    return Option(fields.text("value", required=True), fields.by_language("label"))


def _branch(raw: object, place: str, problems: list[Problem]) -> Branch:
    fields = Fields(raw, place, problems)
    when = fields.inner("when")
    condition = EVERYTHING if when in ({}, None) else read_condition(when, f"{place}.when", problems)
    return Branch(fields.text("goto", required=True), condition)


def _bound(fields: Fields, name: str) -> float | None:
    return None if fields.inner(name) in ({}, None) else fields.number(name, 0.0, -FURTHEST, FURTHEST)
