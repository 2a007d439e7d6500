"""Scripts in words: an authored answer, what it listens for, and how a match went."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.domain.errors import Problem
from actors.domain.fields import Fields


@dataclass(frozen=True, slots=True)
class Script:
    """An authored answer. Phrases match as sequences of words, keywords as words in any place; both by word form."""

    id: str
    name: str
    enabled: bool = True
    priority: int = 0
    languages: tuple[str, ...] = ()  # empty: any
    phrases: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    answer: Mapping[str, str] = field(default_factory=dict)
    alone: bool = False  # small talk: answers only a message that says nothing else ("hello", but not "hello, how do I wash it?")
    handoff: bool = False  # pass the conversation to an operator; the answer, if any, replaces the agent's handoff text


@dataclass(frozen=True, slots=True)
class Winner:
    """The script that answers, and what in the message made it match."""

    script: Script
    score: int
    matched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loser:
    """A script that was considered and does not answer; `reason` is the first condition that failed."""

    script_id: str
    reason: str
    score: int = 0


@dataclass(frozen=True, slots=True)
class ScriptMatch:
    """How a message fared against all scripts."""

    winner: Winner | None = None
    losers: tuple[Loser, ...] = ()
    unlisted: int = 0  # losers beyond the longest list worth keeping


NO_MATCH = ScriptMatch()


def read_script(raw: object, place: str, problems: list[Problem]) -> Script:
    """Read one script of a definition; what is wrong is added to `problems`."""
    fields = Fields(raw, place, problems)
    script_id = fields.text("id", required=True)
    return Script(
        id=script_id,
        name=fields.text("name", script_id),
        enabled=fields.flag("enabled", True),
        priority=fields.whole("priority", 0, 1_000),
        languages=fields.texts("languages"),
        phrases=fields.texts("phrases"),
        keywords=fields.texts("keywords"),
        answer=fields.by_language("answer"),
        alone=fields.flag("alone", False),
        handoff=fields.flag("handoff", False),
    )
