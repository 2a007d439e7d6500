"""What conditions may ask about: every fact has a type, and one that is not there is unknown, never false."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from actors.domain.conversation import Control, ConversationState
from actors.domain.text import fold

Kind = Literal["text", "number", "flag", "tags", "clock"]

FACTS: Mapping[str, Kind] = {
    "message.text": "text",
    "message.language": "text",
    "message.media": "text",  # photo, voice, document, ...; empty: none
    "message.length": "number",  # characters
    "conversation.channel": "text",
    "conversation.control": "text",  # who speaks for the company: bot, waiting, human
    "conversation.language": "text",
    "conversation.turns": "number",
    "conversation.tags": "tags",
    "conversation.start": "text",  # the parameter of the link that brought the customer
    "contact.name": "text",
    "contact.blocked": "flag",
    # Of the lead or contact whose event woke the rule; ids are texts.
    "lead.id": "text",
    "lead.name": "text",
    "lead.stage": "text",  # pipeline:stage, for 142 (won) and 143 (lost) are in every pipeline
    "lead.status": "text",  # the stage alone
    "lead.pipeline": "text",
    "lead.old_status": "text",  # before it was moved
    "lead.old_pipeline": "text",
    "lead.price": "number",
    "lead.responsible": "text",
    "lead.tags": "tags",
    "contact.id": "text",
    "contact.responsible": "text",
    "contact.tags": "tags",
    # Of the task of a lead or contact that was closed.
    "task.id": "text",
    "task.text": "text",
    "task.result": "text",
    "task.kind": "text",  # its number in the CRM: 1 is a call, 2 a meeting
    "task.responsible": "text",
    "script.id": "text",
    # Of the schedule that woke the rule; what comes late was left over by an outage.
    "schedule.at": "text",  # as 2026-03-01T09:00:00+00:00
    "schedule.late_s": "number",
    # Of the sequence whose end woke the rule.
    "sequence.id": "text",
    "sequence.name": "text",
    "sequence.outcome": "text",  # finished, goal, check, closed, replied, handed_off, lead_moved, blocked, rule, unreadable
    "time.hour": "number",
    "time.clock": "clock",
    "time.weekday": "text",  # mon, tue, ...
    "time.date": "text",  # 2026-03-01
    "agent.name": "text",
    "agent.version": "number",
}
# Of the answer that a step of a dialogue was given; known to its branches alone.
ANSWER_TEXT, ANSWER_NUMBER = "answer.text", "answer.number"
ANSWERS: Mapping[str, Kind] = {ANSWER_TEXT: "text", ANSWER_NUMBER: "number"}
VARIABLE = "variable."  # what rules remembered of a conversation, under names of their own
HOOK = "hook."  # what a webhook of the tenant's own brought, by its path: hook.order.items.0.name
FIELDS = ("lead.field.", "contact.field.")  # custom fields, under their numbers
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PATH = re.compile(r"hook(\.[A-Za-z0-9_]{1,64}){1,6}")
BUDGET = 10_000  # tests of one evaluation over all rules: two hundred rules of fifty


class OutOfBudget(Exception):  # it is no error of anybody's
    """An evaluation asks more than it may."""


def kind_of(name: str) -> Kind | None:
    """Return the type of a fact; None if there is no such fact."""
    if name.startswith(VARIABLE) and len(name) > len(VARIABLE):
        return "text"
    if name.startswith(HOOK):
        return "text" if _PATH.fullmatch(name) else None
    if name.startswith(FIELDS):
        return "text" if name.rpartition(".")[2].isdecimal() else None
    return FACTS.get(name)


def kind_in_dialogues(name: str) -> Kind | None:
    """Return the type of a fact that branches of a dialogue may ask for; None if there is none. A dialogue has no time zone."""
    return ANSWERS.get(name) or (None if name.startswith("time.") else kind_of(name))


def kind_in_scripts(name: str) -> Kind | None:
    """Return the type of a fact that a script may ask for; None if there is none: only what is known of a customer's message."""
    known = name.startswith(("message.", "conversation.", "time.", "agent.", VARIABLE)) or name in {"contact.name", "contact.blocked"}
    return kind_of(name) if known else None


def state_facts(state: ConversationState, control: Control) -> dict[str, Any]:
    """Return the facts that rules themselves change."""
    facts: dict[str, Any] = {VARIABLE + name: value for name, value in state.variables.items()}
    return {**facts, "conversation.tags": list(state.tags), "conversation.control": control.value}


def is_of_state(fact: str) -> bool:
    """Return whether rules themselves change a fact."""
    return fact.startswith(VARIABLE) or fact in {"conversation.tags", "conversation.control"}


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo | None:
    """Return a time zone by its name; None if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


class Facts:
    """The facts of one event. `get` returns None for what is not known; times are local to the zone of the rule that asks."""

    __slots__ = ("_folded", "_local", "_now", "steps", "values")

    def __init__(self, values: Mapping[str, Any], now: datetime, budget: int = BUDGET) -> None:
        self.values = values
        self.steps = budget
        self._now = now
        self._local: dict[str, dict[str, Any]] = {}
        self._folded: dict[str, str] = {}

    def get(self, name: str, tz: str) -> Any:
        """Return the fact's value, None if it is not known.

        Raises:
            OutOfBudget: too much was asked in this evaluation.
        """
        self.steps -= 1
        if self.steps < 0:
            raise OutOfBudget
        found = self.values.get(name)
        if found is None and name.startswith("time."):
            return self._times(tz).get(name)
        return found

    def folded(self, name: str, value: str) -> str:
        """Return a text without case and accents; folded once for all rules that ask."""
        known = self._folded.get(name)
        if known is None:
            known = self._folded[name] = fold(value)
        return known

    def with_values(self, **more: Any) -> "Facts":
        """Return the facts of the same moment with others added; dots are written as two underscores."""
        added = {name.replace("__", "."): value for name, value in more.items()}
        return Facts({**self.values, **added}, self._now)

    def _times(self, tz: str) -> dict[str, Any]:
        if (known := self._local.get(tz)) is not None:
            return known
        where = zone(tz)
        if where is None:
            return {}
        local = self._now.astimezone(where)
        known = self._local[tz] = {
            "time.hour": local.hour,
            "time.clock": local.hour * 60 + local.minute,
            "time.weekday": WEEKDAYS[local.weekday()],
            "time.date": local.date().isoformat(),
        }
        return known
